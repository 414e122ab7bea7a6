#include "zc/mem/cursor.h"

#include <algorithm>
#include <cstring>

#include "zc/base/ledger.h"

namespace zc {

void chain_cursor::seek(std::size_t where) {
  if (where >= position_) {
    ZC_REQUIRES(where - position_ <= left(),
                "chain_cursor::seek requires where <= position() + left()");
    pass(where - position_);
    return;
  }
  std::size_t start = position_ - at();  // of the piece we are in
  while (where < start) {
    --piece_;
    start -= piece_->size();
  }
  enter();
  run_ = run_.subspan(where - start);
  position_ = where;
}

std::size_t chain_cursor::gather(std::span<io_slice> out) const noexcept {
  std::size_t used = 0;
  if (!at_end() && !out.empty()) out[used++] = {run_.data(), run_.size()};
  for (const bytes* piece = piece_ + used; piece != end_ && used < out.size(); ++piece)
    out[used++] = {piece->data(), piece->size()};
  return used;
}

void chain_cursor::read_copy(std::span<std::byte> out) {
  ZC_REQUIRES(out.size() <= left(), "chain_cursor::read_copy requires out.size() <= left()");
  if (out.empty()) return;
  ledger::count(ledger::reason::straddle, out.size());
  while (!out.empty()) {
    const std::size_t here = std::min(out.size(), run_.size());
    std::memcpy(out.data(), run_.data(), here);
    out = out.subspan(here);
    pass(here);
  }
}

bytes_chain chain_cursor::take(std::size_t count) {
  ZC_REQUIRES(count <= left(), "chain_cursor::take requires count <= left()");
  bytes_chain taken;
  if (count == 0) return taken;
  std::size_t pieces = 1;
  for (std::size_t seen = run_.size(); seen < count; ++pieces) seen += piece_[pieces].size();
  taken.reserve_pieces(pieces);  // nothing below can fail, so the cursor moves only with success
  while (count > 0) {
    const std::size_t here = std::min(count, run_.size());
    taken.append(piece_->slice(at(), here));
    pass(here);
    count -= here;
  }
  return taken;
}

result<void> chain_cursor::try_read_copy(std::span<std::byte> out) {
  if (out.size() > left()) return cut_short();
  read_copy(out);
  return {};
}

result<std::span<const std::byte>> chain_cursor::try_read(std::size_t count,
                                                          std::span<std::byte> scratch) {
  if (count > left()) return cut_short();
  return read(count, scratch);
}

result<bytes_chain> chain_cursor::try_take(std::size_t count) {
  if (count > left()) return cut_short();
  return take(count);
}

result<bytes_chain> chain_cursor::try_take_until(std::byte delimiter, std::size_t most) {
  // The delimiter itself may follow the last of `most` bytes.
  std::size_t look = most < left() ? most + 1 : left();
  std::size_t count = 0;
  std::span<const std::byte> run = run_;
  for (const bytes* piece = piece_; look > 0;) {
    const std::size_t here = std::min(look, run.size());
    if (const void* hit = std::memchr(run.data(), std::to_integer<int>(delimiter), here)) {
      count += static_cast<std::size_t>(static_cast<const std::byte*>(hit) - run.data());
      bytes_chain before = take(count);
      pass(1);
      return before;
    }
    count += here;
    look -= here;
    if (look > 0) run = (++piece)->view();
  }
  if (most < left()) return fail(errc::too_large, "no delimiter within the limit", position_);
  return fail(errc::truncated, "the bytes end before the delimiter", position_);
}

}  // namespace zc
