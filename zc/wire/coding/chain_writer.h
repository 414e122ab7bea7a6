// zc/wire/coding/chain_writer.h - what a compressor writes into: pool blocks that become a chain.
#pragma once

#include <cstddef>
#include <span>

#include "zc/base/result.h"
#include "zc/mem/builder.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"

namespace zc::coders {

// Pool blocks keep a header and slack beside their room; asking for this little less fills a size
// class exactly.
inline constexpr std::size_t block_overhead = 128;

class chain_writer {
 public:
  // `estimate`: how much will probably be written. Small results take one small block, large ones
  // blocks of `block_bytes`.
  chain_writer(pool& from, urgency need, std::size_t estimate,
               std::size_t block_bytes = 64_KiB - block_overhead) noexcept
      : from_(from), need_(need), estimate_(estimate), block_bytes_(block_bytes) {}

  // At least `wanted` bytes to write to. Errors: exhausted; too_large when no block is that large.
  result<std::span<std::byte>> room(std::size_t wanted);
  void commit(std::size_t count) {
    block_.commit(count);
    size_ += count;
  }
  std::size_t size() const noexcept { return size_; }
  bytes_chain finish() &&;

 private:
  pool& from_;
  urgency need_;
  std::size_t estimate_;
  std::size_t block_bytes_;
  std::size_t size_ = 0;
  bytes_builder block_;
  bytes_chain done_;
};

}  // namespace zc::coders
