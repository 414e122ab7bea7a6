// zc/wire/coding/coder.h - inflate and deflate chains with contexts that are reused.
//
// A coder holds one context per coding, made on first use and kept: up to ~2 MiB in all at the
// levels that telemetry uses (dearer ones, zstd above 9 or deflate 6 to 9, keep up to 8 MiB more).
// Keep one coder per shard.
//
// Input is a chain as it was received, never joined. Output goes block by block to a sink, so that
// a body can be inflated into one reused scratch to be looked at, or into pooled blocks to be kept.
//
// Inflating checks everything there is to check: checksums, sizes, the end. Empty input is
// truncated for every coding but identity. What a sink was given before an error is worth nothing.
//
// gzip     Any number of members.
// zstd     Any number of frames, skippable ones too; no dictionaries.
// deflate  Any number of zlib streams (RFC 9110). Raw deflate, for which some senders mistake it,
//          is malformed: it has no checksum, so a guess could turn damage into data.
// snappy   One block, or the framed stream, told apart by the stream's first ten bytes, since
//          senders use this name for both. snappy_framed takes only the stream.
//
// Copies   What is compressed or inflated is new payload (reasons `deflate` and `inflate`). Copies
//          that are left: identity into a sink; snappy into rooms smaller than a block; chunks of
//          a snappy stream that are stored; deflate levels 2 to 9 of a chain in pieces (all
//          `contiguous`). Snappy fragments cut by a piece's edge (`straddle`). Input pieces below
//          1 KiB that follow each other, for gzip, deflate and zstd (`coalesce`).
// Threads  One.
// Errors   malformed (with the input offset), truncated, too_large (more than `output_bytes_max`,
//          decided while inflating), exhausted (the sink gave no room), unsupported (for example a
//          dictionary).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/coding.h"

namespace zc {

// Where output goes. room() is asked for space (at least `block_bytes_min` bytes, or it is slow),
// then produced() is told how much of the front of it was written; produced() returns an error to
// stop.
class coding_sink {
 public:
  static constexpr std::size_t block_bytes_min = 4096;
  // The next room() would best have `count` bytes (0: whatever is usual). May be ignored, and be
  // wrong; never more than the limit and a few bytes.
  virtual void wish(std::size_t count) noexcept { static_cast<void>(count); }
  virtual std::span<std::byte> room() = 0;  // empty: no memory
  virtual result<void> produced(std::span<const std::byte> written) = 0;

 protected:
  ~coding_sink() = default;
};

struct inflated {
  std::size_t size = 0;  // bytes produced
  // gzip members, zstd frames, zlib or snappy streams; 1 for what has none. More than one is legal
  // but must not be forwarded as it is, since many decoders silently stop after the first.
  unsigned parts = 0;
};

class coder {
 public:
  coder();
  coder(const coder&) = delete;
  coder& operator=(const coder&) = delete;
  ~coder();

  // All of `input` as coding `c`, to `out`. Trailing bytes that belong to no further member are
  // malformed.
  result<inflated> inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max,
                           coding_sink& out);

  // The same into blocks of `from`: one block as large as needed where the coding says how much
  // will come and it is at most 256 KiB (snappy: 1 MiB), else blocks of 64 KiB. Identity shares the
  // input.
  result<bytes_chain> inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max,
                              pool& from, urgency need = urgency::ordinary,
                              unsigned* parts = nullptr);

  // Compresses into one member or frame. `level` 0: what is best per coding and size (ISA-L level 1
  // for large and level 0 with a trained table for small bodies, zstd 1); 1..9 as gzip means
  // it, 1..22 for zstd; others are clamped.
  result<bytes_chain> deflate(const bytes_chain& input, coding c, int level, pool& from,
                              urgency need = urgency::draining);

 private:
  struct contexts;
  std::unique_ptr<contexts> contexts_;
};

}  // namespace zc
