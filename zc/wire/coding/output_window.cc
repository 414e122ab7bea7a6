#include "zc/wire/coding/output_window.h"

#include <algorithm>
#include <cstring>

#include <isa-l.h>
#include <libdeflate.h>

#include "zc/base/check.h"
#include "zc/base/ledger.h"

namespace zc::coders {

// SIZE_MAX - 1, so that "one byte more than the limit" can be said.
output_window::output_window(coding_sink& out, std::size_t limit) noexcept
    : out_(out), limit_(std::min(limit, SIZE_MAX - 1)) {}

result<std::span<std::byte>> output_window::room() {
  if (used_ == window_.size()) {
    std::size_t wanted = 0;
    if (expected_end_ > total_) {
      // A little more than expected: a decoder that has room left knows that it has reached the
      // end.
      wanted = expected_end_ - total_ + 16;
      if (!one_room_) wanted = std::min(wanted, room_bytes);
    }
    if (auto turned = turn(wanted); !turned) return std::unexpected(turned.error());
  }
  return window_.subspan(used_).first(std::min(window_.size() - used_, limit_ - total_ + 1));
}

result<std::span<std::byte>> output_window::room(std::size_t wanted) {
  if (window_.size() - used_ < wanted && (used_ > 0 || window_.empty())) {
    if (auto turned = turn(wanted); !turned) return std::unexpected(turned.error());
  }
  return room();
}

result<void> output_window::turn(std::size_t wanted) {
  if (auto flushed = flush(); !flushed) return flushed;
  out_.wish(wanted);
  window_ = out_.room();
  if (window_.empty()) return fail(errc::exhausted, "no room for inflated bytes");
  return {};
}

result<void> output_window::flush() {
  if (used_ == 0) return {};
  add_up();
  const std::span<const std::byte> written = window_.first(used_);
  window_ = {};
  used_ = summed_ = 0;
  return out_.produced(written);
}

result<void> output_window::wrote(std::size_t count) {
  ZC_CHECK(count <= window_.size() - used_);
  if (count > limit_ - total_) {
    total_ = limit_;
    return fail(errc::too_large, "body inflates to more than the limit");
  }
  used_ += count;
  total_ += count;
  return {};
}

result<void> output_window::write_copy(std::span<const std::byte> source) {
  ledger::count(ledger::reason::contiguous, source.size());
  while (!source.empty()) {
    const auto to = room();
    if (!to) return std::unexpected(to.error());
    const std::size_t count = std::min(to->size(), source.size());
    std::memcpy(to->data(), source.data(), count);
    if (auto wrote_it = wrote(count); !wrote_it) return wrote_it;
    source = source.subspan(count);
  }
  return {};
}

result<void> output_window::finish() {
  return flush();
}

void output_window::start_sum(checksum kind) noexcept {
  kind_ = kind;
  sum_ = kind == checksum::adler32 ? 1 : 0;
  summed_ = used_;
}

std::uint32_t output_window::sum() noexcept {
  add_up();
  return sum_;
}

void output_window::add_up() noexcept {
  const auto* from = reinterpret_cast<const unsigned char*>(window_.data()) + summed_;
  const std::size_t count = used_ - summed_;
  summed_ = used_;
  if (count == 0) return;
  if (kind_ == checksum::crc32) sum_ = crc32_gzip_refl(sum_, from, count);
  if (kind_ == checksum::adler32) sum_ = libdeflate_adler32(sum_, from, count);
}

}  // namespace zc::coders
