#include "zc/wire/coding/chain_writer.h"

#include <algorithm>
#include <utility>

namespace zc::coders {

result<std::span<std::byte>> chain_writer::room(std::size_t wanted) {
  if (block_.spare().size() >= wanted && block_) return block_.spare();
  if (wanted > pool::block_bytes_max - block_overhead) {
    return fail(errc::too_large, "body too large for one block");
  }
  // Past the estimate, by halves of what there is: neither many small blocks nor one far too large.
  const std::size_t rest = estimate_ > size_ ? estimate_ - size_ : size_ / 2;
  const std::size_t usual = std::clamp(rest, pool::block_bytes_min - block_overhead, block_bytes_);
  done_.append(block_.take());
  block_ = from_.take(std::max(wanted, usual), need_);
  if (!block_) return fail(errc::exhausted, "no memory for compressed bytes");
  return block_.spare();
}

bytes_chain chain_writer::finish() && {
  done_.append(std::move(block_).freeze());
  return std::move(done_);
}

}  // namespace zc::coders
