#include "zc/wire/http2/frame_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "zc/base/units.h"
#include "zc/mem/builder.h"

namespace zc::http2 {
namespace {

constexpr std::size_t block_bytes = 16_KiB + 64;

bytes_builder& block() noexcept {
  thread_local bytes_builder mine;
  return mine;
}

}  // namespace

void frame_writer::begin(bytes_chain& out) {
  ZC_CHECK(out_ == nullptr && block().size() == 0);
  out_ = &out;
  block().try_rewind();
}

void frame_writer::put(std::span<const std::byte> made) {
  bytes_builder& to = block();
  if (to.spare().size() < made.size()) {
    flush();
    if (!to.try_rewind() || to.capacity() < made.size()) {
      to = bytes_builder::with_capacity(std::max(block_bytes, made.size()));
    }
  }
  std::memcpy(to.spare().data(), made.data(), made.size());
  to.commit(made.size());
}

void frame_writer::put(const frame_head& h) {
  std::array<std::byte, frame_head_bytes> made;
  write_frame_head(made, h);
  put(made);
}

void frame_writer::share(bytes_chain&& payload) {
  flush();
  out_->append(std::move(payload));
}

void frame_writer::flush() {
  out_->append(block().take());
}

std::size_t frame_writer::unflushed() const noexcept {
  return block().size();
}

}  // namespace zc::http2
