// zc/wire/grpc/pieces.h - collects a body that arrives in pieces, with a bound on how many pieces
// that makes.
//
//     arrived   [ 16 KiB ][ 16 KiB ][ 90 B ]    kept as they are: shared, nothing copied
//     arrived   [1][1][1][1][1][1] ...          the first is shared, the others copied together
//
// A peer that cuts a message into millions of pieces of one byte must not cost a chain entry (and a
// pinned block) each. Small pieces that follow small pieces are copied into blocks (counted as
// ledger::reason::coalesce), so a body of n bytes makes at most 2 * n / small_bytes + 2 pieces,
// plus one for every block. A piece that continues the last one in memory extends it: no copy and
// no new entry, whatever its size.
//
// Ownership  Holds references on what was appended until take().
// Threads    One shard (that of the pool).
// Errors     append() returns false when the pool refuses a block; nothing was appended then.
#pragma once

#include <cstddef>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"

namespace zc {

class piece_collector {
 public:
  static constexpr std::size_t small_bytes = 512;  // below: copying is cheaper than sharing
  // Whole size classes of the pool, header and slack taken off.
  static constexpr std::size_t block_bytes_min = 4_KiB - 2 * pool::slack;
  static constexpr std::size_t block_bytes_max = 16_KiB - 2 * pool::slack;

  // Blocks for small pieces come from `from`, and so count against its quota; without it from the
  // heap.
  explicit piece_collector(pool* from = nullptr) noexcept : from_(from) {}

  // `behind`: how many bytes are expected after this piece; sizes the block for small ones.
  [[nodiscard]] bool append(bytes piece, std::size_t behind = SIZE_MAX);

  const bytes_chain& chain() const noexcept { return chain_; }
  std::size_t size() const noexcept { return chain_.size(); }
  bytes_chain take();  // empties the collector
  void clear();

 private:
  bool continues_last(const bytes& piece) const noexcept;
  bool coalesce_copy(const bytes& piece, std::size_t behind);

  pool* from_;
  bytes_chain chain_;
  bytes_builder block_;      // where small pieces are written side by side
  bool last_small_ = false;  // the last piece was small: the next small one is copied
};

}  // namespace zc
