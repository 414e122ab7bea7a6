#include "zc/mem/cursor.h"

#include <algorithm>
#include <cstring>

#include "zc/base/ledger.h"

namespace zc {

void chain_cursor::skip(std::size_t count) {
  ZC_CHECK(count <= left_);
  left_ -= count;
  position_ += count;
  while (count > 0) {
    const std::size_t here = pieces_.front().size() - at_;
    if (count < here) {
      at_ += count;
      return;
    }
    count -= here;
    pieces_ = pieces_.subspan(1);
    at_ = 0;
  }
}

void chain_cursor::read_copy(std::span<std::byte> out) {
  ZC_CHECK(out.size() <= left_);
  if (out.empty()) return;
  ledger::count(ledger::reason::straddle, out.size());
  while (!out.empty()) {
    const auto run = peek();
    const std::size_t here = std::min(out.size(), run.size());
    std::memcpy(out.data(), run.data(), here);
    out = out.subspan(here);
    skip(here);
  }
}

std::span<const std::byte> chain_cursor::read(std::size_t count, std::span<std::byte> scratch) {
  ZC_CHECK(count <= left_);
  const auto run = peek();
  if (run.size() >= count) {
    skip(count);
    return run.first(count);
  }
  ZC_CHECK(count <= scratch.size());
  read_copy(scratch.first(count));
  return scratch.first(count);
}

}  // namespace zc
