// zc/wire/coding/snappy_coder.h - snappy blocks and the framed stream of snappy chunks, in and out.
//
// Inflate  A block says its size in front, which is checked against the limit and against what so
//          few bytes could inflate to before any memory is asked for. It may refer back to its very
//          start, so its output wants one room; a sink that has none so large gets it by way of
//          scratch (counted as `contiguous`).
// Deflate  Snappy works in fragments of 64 KiB; one that is cut by the edge of a piece is joined
//          (counted as `straddle`). Fragments of the framed stream that do not shrink are stored
//          (a copy, counted as `contiguous`). Levels mean nothing.
// Beware   A block has no checksum: damage may go unseen. In the framed stream a damaged chunk type
//          may make a chunk one to be passed over, as its format wants.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/aligned.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/chain_writer.h"
#include "zc/wire/coding/output_window.h"
#include "zc/wire/coding/piece_reader.h"

namespace zc::coders {

class snappy_coder {
 public:
  // Blocks up to this size inflate into one pool block; larger ones into many, at some cost in
  // speed.
  static constexpr std::size_t one_block_max = 1_MiB;
  static constexpr std::size_t fragment_bytes = 64_KiB;
  // Scratch larger than this is not kept between bodies.
  static constexpr std::size_t scratch_bytes_max = 1_MiB;

  // Whether the framed stream begins here.
  static bool is_framed(const piece_reader& in) noexcept;
  // The size that the block at `in` says it inflates to, checked as above.
  static result<std::size_t> block_size(const piece_reader& in, std::size_t limit);

  result<void> inflate_block(piece_reader& in, output_window& out);
  // All of the stream; returns how many streams were joined.
  result<unsigned> inflate_framed(piece_reader& in, output_window& out);
  // A block of `size` = block_size() bytes, over pool blocks of 64 KiB.
  result<bytes_chain> inflate_scattered(piece_reader& in, std::size_t size, pool& from,
                                        urgency need);

  result<bytes_chain> deflate_block(const bytes_chain& input, pool& from, urgency need);
  result<bytes_chain> deflate_framed(const bytes_chain& input, pool& from, urgency need);

 private:
  std::byte* scratch(std::size_t bytes);  // null: no memory
  result<void> inflate_chunk(piece_reader& in, std::size_t size, output_window& out);
  result<void> store_chunk(piece_reader& in, std::size_t size, output_window& out);
  result<void> deflate_chunk(piece_reader& in, std::size_t size, chain_writer& out);

  aligned_buffer scratch_;
};

}  // namespace zc::coders
