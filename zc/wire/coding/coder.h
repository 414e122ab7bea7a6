// zc/wire/coding/coder.h - inflate and deflate chains with contexts that are reused.
//
// A coder holds one context per coding, made on first use (up to ~2 MiB in all): keep one per shard.
//
// Input is a chain as it was received, never joined. Output goes block by block to a sink, so that a body can be
// inflated into one reused scratch to be looked at, or into pooled blocks to be kept.
//
// Threads  One.
// Errors   malformed (with the input offset), truncated, too_large (more than `output_bytes_max`, decided while
//          inflating), exhausted (the sink gave no room), unsupported (for example a dictionary).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/coding.h"

namespace zc {

// Where output goes. room() is asked for space (at least `block_bytes_min` bytes), then produced() is told how much
// of the front of it was written; produced() returns an error to stop.
class coding_sink {
 public:
  static constexpr std::size_t block_bytes_min = 4096;
  virtual std::span<std::byte> room() = 0;  // empty: no memory
  virtual result<void> produced(std::span<const std::byte> written) = 0;

 protected:
  ~coding_sink() = default;
};

struct inflated {
  std::size_t size = 0;     // bytes produced
  unsigned parts = 0;       // gzip members, zstd frames, zlib streams: more than one is legal but must not be
                            // forwarded as it is, since many decoders silently stop after the first
};

class coder {
 public:
  coder();
  coder(const coder&) = delete;
  coder& operator=(const coder&) = delete;
  ~coder();

  // All of `input` as coding `c`, to `out`. Trailing bytes that belong to no further member are malformed.
  result<inflated> inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max, coding_sink& out);

  // The same into blocks of `from`; the blocks are as large as needed, 64 KiB at most each.
  result<bytes_chain> inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max, pool& from,
                              urgency need = urgency::ordinary, unsigned* parts = nullptr);

  // Compresses into one member or frame. `level` 0: what is best per coding and size (ISA-L level 1 for large and
  // level 0 with a trained table for small bodies, zstd 1); 1..9 as gzip means it, 1..22 for zstd.
  result<bytes_chain> deflate(const bytes_chain& input, coding c, int level, pool& from,
                              urgency need = urgency::draining);

 private:
  struct contexts;
  std::unique_ptr<contexts> contexts_;
};

}  // namespace zc
