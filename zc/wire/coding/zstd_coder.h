// zc/wire/coding/zstd_coder.h - zstd frames (RFC 8878), in and out.
//
// Inflate  Streaming over the pieces as they lie; frames follow each other, skippable ones are
//          passed over but counted. Dictionaries and the formats before 1.0 are unsupported. A
//          frame's window is 128 MiB at most, and its memory is touched only as output is made, so
//          the limit on output bounds it as well.
// Deflate  One frame with its size said in front, no checksum (as the library does by default).
//          Level 0 is 1.
// Memory   Contexts are made on first use and reused; one that a large body blew up is given back.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/output_window.h"
#include "zc/wire/coding/piece_reader.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace zc::coders {

class zstd_coder {
 public:
  static constexpr int window_log_max = 27;
  static constexpr int level_max = 22;
  // Contexts larger than this are not kept between bodies.
  static constexpr std::size_t context_bytes_max = 8_MiB;

  // All frames of `in`; returns how many.
  result<unsigned> inflate(piece_reader& in, output_window& out);
  result<bytes_chain> deflate(const bytes_chain& input, int level, pool& from, urgency need);

 private:
  struct free_inflater {
    void operator()(ZSTD_DCtx_s* d) const noexcept;
  };
  struct free_deflater {
    void operator()(ZSTD_CCtx_s* c) const noexcept;
  };

  result<unsigned> inflate_frames(piece_reader& in, output_window& out);
  result<void> inflate_one(piece_reader& in, output_window& out);
  result<void> deflate_into(const bytes_chain& input, int level, class chain_writer& out);

  std::array<std::byte, 8_KiB> joined_;  // small pieces, for one call
  std::unique_ptr<ZSTD_DCtx_s, free_inflater> inflater_;
  std::unique_ptr<ZSTD_CCtx_s, free_deflater> deflater_;
};

}  // namespace zc::coders
