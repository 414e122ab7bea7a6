#include "zc/wire/grpc/pieces.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "zc/base/ledger.h"

namespace zc {

bool piece_collector::append(bytes piece, std::size_t behind) {
  if (piece.empty()) return true;
  if (continues_last(piece)) {
    chain_.append(std::move(piece));
    return true;
  }
  const bool small = piece.size() < small_bytes;
  if (small && last_small_) return coalesce_copy(piece, behind);
  last_small_ = small;
  chain_.append(std::move(piece));
  return true;
}

bool piece_collector::continues_last(const bytes& piece) const noexcept {
  if (chain_.pieces() == 0) return false;
  const bytes& last = chain_.view().back();
  // What retains nothing is static storage, which chains never join.
  return last.shares_owner_with(piece) && last.data() + last.size() == piece.data() &&
         last.retained_size() > 0;
}

bool piece_collector::coalesce_copy(const bytes& piece, std::size_t behind) {
  if (block_.spare().size() < piece.size()) {
    const std::size_t wanted = piece.size() + std::min(behind, block_bytes_max);
    const std::size_t room = std::clamp(wanted, block_bytes_min, block_bytes_max);
    bytes_builder fresh = from_ != nullptr ? from_->take(room) : bytes_builder::with_capacity(room);
    if (!fresh) return false;
    block_ = std::move(fresh);
  }
  std::memcpy(block_.spare().data(), piece.data(), piece.size());
  block_.commit(piece.size());
  ledger::count(ledger::reason::coalesce, piece.size());
  chain_.append(block_.take());  // joins what was written before it
  return true;
}

bytes_chain piece_collector::take() {
  bytes_chain whole = std::move(chain_);
  clear();
  return whole;
}

void piece_collector::clear() {
  chain_.clear();
  block_ = bytes_builder();
  last_small_ = false;
}

}  // namespace zc
