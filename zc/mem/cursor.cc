#include "zc/mem/cursor.h"

#include <algorithm>
#include <cstring>

#include "zc/base/ledger.h"

namespace zc {

void chain_cursor::pass_pieces(std::size_t count) noexcept {
  while (count > 0) {
    const std::size_t here = piece_->size() - at_;
    if (count < here) {
      at_ += count;
      return;
    }
    count -= here;
    ++piece_;
    at_ = 0;
  }
}

void chain_cursor::seek(std::size_t where) {
  if (where >= position_) {
    ZC_REQUIRES(where - position_ <= left_,
                "chain_cursor::seek requires where <= position() + left()");
    pass(where - position_);
    return;
  }
  left_ += position_ - where;
  std::size_t start = position_ - at_;  // of the piece we are in
  position_ = where;
  while (where < start) {
    --piece_;
    start -= piece_->size();
  }
  at_ = where - start;
}

std::size_t chain_cursor::gather(std::span<io_slice> out) const noexcept {
  std::size_t used = 0;
  std::size_t at = at_;
  for (const bytes* piece = piece_; piece != end_ && used < out.size(); ++piece, at = 0)
    out[used++] = {piece->data() + at, piece->size() - at};
  return used;
}

void chain_cursor::read_copy(std::span<std::byte> out) {
  ZC_REQUIRES(out.size() <= left_, "chain_cursor::read_copy requires out.size() <= left()");
  if (out.empty()) return;
  ledger::count(ledger::reason::straddle, out.size());
  while (!out.empty()) {
    const auto run = peek();
    const std::size_t here = std::min(out.size(), run.size());
    std::memcpy(out.data(), run.data(), here);
    out = out.subspan(here);
    pass(here);
  }
}

std::span<const std::byte> chain_cursor::read(std::size_t count, std::span<std::byte> scratch) {
  ZC_REQUIRES(count <= left_, "chain_cursor::read requires count <= left()");
  const auto run = peek();
  if (run.size() >= count) {
    pass(count);
    return run.first(count);
  }
  ZC_REQUIRES(count <= scratch.size(), "chain_cursor::read requires count <= scratch.size()");
  read_copy(scratch.first(count));
  return scratch.first(count);
}

bytes_chain chain_cursor::take(std::size_t count) {
  ZC_REQUIRES(count <= left_, "chain_cursor::take requires count <= left()");
  bytes_chain taken;
  std::size_t pieces = 0;
  for (std::size_t seen = 0; seen < at_ + count; ++pieces) seen += piece_[pieces].size();
  if (count == 0) return taken;
  taken.reserve_pieces(pieces);  // nothing below can fail, so the cursor moves only with success
  while (count > 0) {
    const std::size_t here = std::min(count, piece_->size() - at_);
    taken.append(piece_->slice(at_, here));
    pass(here);
    count -= here;
  }
  return taken;
}

result<void> chain_cursor::try_read_copy(std::span<std::byte> out) {
  if (out.size() > left_) return cut_short();
  read_copy(out);
  return {};
}

result<std::span<const std::byte>> chain_cursor::try_read(std::size_t count,
                                                          std::span<std::byte> scratch) {
  if (count > left_) return cut_short();
  return read(count, scratch);
}

result<bytes_chain> chain_cursor::try_take(std::size_t count) {
  if (count > left_) return cut_short();
  return take(count);
}

result<bytes_chain> chain_cursor::try_take_until(std::byte delimiter, std::size_t most) {
  // The delimiter itself may follow the last of `most` bytes.
  std::size_t look = most < left_ ? most + 1 : left_;
  std::size_t count = 0;
  std::size_t at = at_;
  for (const bytes* piece = piece_; look > 0; ++piece, at = 0) {
    const std::size_t here = std::min(look, piece->size() - at);
    const std::byte* const from = piece->data() + at;
    if (const void* hit = std::memchr(from, std::to_integer<int>(delimiter), here)) {
      count += static_cast<std::size_t>(static_cast<const std::byte*>(hit) - from);
      bytes_chain before = take(count);
      pass(1);
      return before;
    }
    count += here;
    look -= here;
  }
  if (most < left_) return fail(errc::too_large, "no delimiter within the limit", position_);
  return fail(errc::truncated, "the bytes end before the delimiter", position_);
}

}  // namespace zc
