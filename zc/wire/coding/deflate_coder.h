// zc/wire/coding/deflate_coder.h - gzip members and zlib streams, in and out.
//
// Inflate  ISA-L, streaming, over the pieces as they lie. Small bodies in one piece whose output
//          fits one room go through libdeflate, which builds smaller tables per block; whatever it
//          does not take, ISA-L judges.
//          Both forgive what zlib does not: ISA-L a Huffman code that is not complete, as long as
//          the missing codes do not occur; libdeflate a run of code lengths that is too long, and
//          the two length symbols that do not exist. The checksum and the size must match all the
//          same.
// Deflate  Levels 0 and 1: ISA-L, streaming. 2 to 9: libdeflate, which wants one block in and one
//          out (a chain of several pieces is joined, counted as `contiguous`); for bodies above
//          `whole_bytes_max` ISA-L's level 3 instead.
// Memory   87 KiB to inflate, and 12 KiB for libdeflate; to deflate 82 KiB, and 276 KiB (level 1)
//          or 340 KiB (level 3), and 0.2 to 1.4 MiB for each libdeflate level in use. All made on
//          first use and kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/aligned.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/output_window.h"
#include "zc/wire/coding/piece_reader.h"

struct inflate_state;
struct isal_zstream;
struct libdeflate_compressor;
struct libdeflate_decompressor;

namespace zc::coders {

enum class wrapper : std::uint8_t { gzip, zlib };

class deflate_coder {
 public:
  // Compressed bodies up to this size are offered to libdeflate.
  static constexpr std::size_t small_bytes_max = 32_KiB;
  // Uncompressed bodies from this size on are worth ISA-L's level 1 by default.
  static constexpr std::size_t large_bytes_min = 32_KiB;
  // Uncompressed bodies up to this size may be joined for libdeflate.
  static constexpr std::size_t whole_bytes_max = 16_MiB;

  deflate_coder();
  ~deflate_coder();

  // All members or streams of `in`; returns how many.
  result<unsigned> inflate(piece_reader& in, wrapper kind, output_window& out);
  result<bytes_chain> deflate(const bytes_chain& input, wrapper kind, int level, pool& from,
                              urgency need);

  // One raw deflate stream by ISA-L; leaves `in` at the byte behind it.
  result<void> inflate_raw(piece_reader& in, output_window& out);
  // The same by libdeflate, when it lies in one piece and its output fits into the room at hand.
  // False: nothing happened, ask inflate_raw().
  result<bool> inflate_raw_whole(piece_reader& in, output_window& out);

 private:
  struct free_inflater {
    void operator()(libdeflate_decompressor* d) const noexcept;
  };
  struct free_deflater {
    void operator()(libdeflate_compressor* c) const noexcept;
  };

  result<void> inflate_one(piece_reader& in, wrapper kind, output_window& out);
  result<bytes_chain> deflate_stream(const bytes_chain& input, wrapper kind, unsigned level,
                                     pool& from, urgency need);
  result<bytes_chain> deflate_whole(const bytes_chain& input, wrapper kind, int level, pool& from,
                                    urgency need);
  result<void> prepare(wrapper kind, unsigned level);

  std::array<std::byte, 8_KiB> joined_;  // small pieces, for one call

  std::unique_ptr<inflate_state> inflater_;
  std::unique_ptr<libdeflate_decompressor, free_inflater> whole_inflater_;
  std::unique_ptr<isal_zstream> deflater_;
  // By ISA-L's level: its hash tables, whose rows then lie in one cache line each.
  std::array<aligned_buffer, 4> level_buffers_;
  std::array<std::unique_ptr<libdeflate_compressor, free_deflater>, 10> whole_deflaters_;
};

}  // namespace zc::coders
