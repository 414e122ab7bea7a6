#include "zc/wire/coding/deflate_coder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <isa-l.h>
#include <libdeflate.h>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/wire/coding/chain_writer.h"
#include "zc/wire/coding/gzip_header.h"
#include "zc/wire/coding/trained_table.h"

namespace zc::coders {
namespace {

// ISA-L counts in 32 bits.
inline constexpr std::size_t step_bytes_max = 1_GiB;
// No deflate stream grows by more than this: 258 bytes for two bits.
inline constexpr std::size_t growth_max = 1032;

// What the end of a gzip body says of its size: true for one member, a hint for several, a lie of
// somebody else's at worst. Zero: not known.
std::size_t size_hint(piece_reader in, std::size_t limit) {
  if (in.left() < 18) return 0;  // header and trailer of an empty member
  const std::size_t compressed = in.left();
  in.skip(compressed - 4);
  const auto said = read_u32_little(in);
  if (!said || *said / growth_max > compressed) return 0;
  return std::min<std::size_t>(*said, limit);
}

unsigned char* address(std::span<std::byte> room) noexcept {
  return reinterpret_cast<unsigned char*>(room.data());
}

// ISA-L's input pointers lack a const; it does not write there.
unsigned char* address(std::span<const std::byte> run) noexcept {
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(run.data()));
}

std::size_t level_buffer_bytes(unsigned level) noexcept {
  switch (level) {
    case 1:
      return ISAL_DEF_LVL1_DEFAULT;
    case 2:
      return ISAL_DEF_LVL2_DEFAULT;
    case 3:
      return ISAL_DEF_LVL3_DEFAULT;
    default:
      return 0;
  }
}

// libdeflate's level for gzip's: 2 to 5 are asked for to be quick, and there level 1 costs a third
// of level 4 for a few percent; from 6 on it is as asked, since that is a wish for size.
int whole_level(int level) noexcept {
  return level < 6 ? 1 : std::min(level, 9);
}

}  // namespace

deflate_coder::deflate_coder() = default;
deflate_coder::~deflate_coder() = default;

void deflate_coder::free_inflater::operator()(libdeflate_decompressor* d) const noexcept {
  libdeflate_free_decompressor(d);
}
void deflate_coder::free_deflater::operator()(libdeflate_compressor* c) const noexcept {
  libdeflate_free_compressor(c);
}

result<unsigned> deflate_coder::inflate(piece_reader& in, wrapper kind, output_window& out) {
  unsigned parts = 0;
  const std::size_t hint = kind == wrapper::gzip ? size_hint(in, out.left()) : 0;
  out.expect(hint > 0 ? hint : likely_size(in.left(), out.left()));
  do {
    if (auto one = inflate_one(in, kind, out); !one) return std::unexpected(one.error());
    parts += parts < std::numeric_limits<unsigned>::max() ? 1 : 0;
  } while (in.left() > 0);
  return parts;
}

result<void> deflate_coder::inflate_one(piece_reader& in, wrapper kind, output_window& out) {
  const bool gzip = kind == wrapper::gzip;
  if (auto head = gzip ? read_gzip_header(in) : read_zlib_header(in); !head) return head;
  out.start_sum(gzip ? checksum::crc32 : checksum::adler32);
  const std::size_t before = out.total();

  const auto whole = gzip ? inflate_raw_whole(in, out) : result<bool>(false);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) {
    if (auto raw = inflate_raw(in, out); !raw) return raw;
  }

  const std::size_t at = in.position();
  const auto sum = gzip ? read_u32_little(in) : read_u32_big(in);
  if (!sum) return std::unexpected(sum.error());
  const std::uint32_t ours = out.sum();
  if (gzip) {
    const auto size = read_u32_little(in);
    if (!size) return std::unexpected(size.error());
    if (*size != static_cast<std::uint32_t>(out.total() - before)) {
      return fail(errc::malformed, "size does not match", at + 4);
    }
  }
  if (*sum != ours) return fail(errc::malformed, "checksum does not match", at);
  return {};
}

result<void> deflate_coder::inflate_raw(piece_reader& in, output_window& out) {
  if (inflater_ == nullptr) inflater_ = std::make_unique<inflate_state>();
  inflate_state& s = *inflater_;
  isal_inflate_init(&s);
  for (;;) {
    const auto room = out.room();
    if (!room) return std::unexpected(room.error());
    const auto near = in.run(joined_);
    const auto run = near.first(std::min(near.size(), step_bytes_max));
    const std::size_t offered = std::min(room->size(), step_bytes_max);
    s.next_in = address(run);
    s.avail_in = static_cast<std::uint32_t>(run.size());
    s.next_out = address(*room);
    s.avail_out = static_cast<std::uint32_t>(offered);
    const int answer = isal_inflate(&s);
    if (answer < 0) {
      // On this way out ISA-L's avail_in may be off by the slop of its fast loop, below zero even;
      // next_in is right.
      const auto at = static_cast<std::size_t>(s.next_in - address(run));
      return fail(errc::malformed, "broken deflate stream",
                  in.position() + std::min(at, run.size()));
    }
    ZC_DCHECK(s.avail_in <= run.size() && s.avail_out <= offered);
    const std::size_t taken = run.size() - s.avail_in;
    const std::size_t made = offered - s.avail_out;
    in.skip(taken);
    if (auto wrote = out.wrote(made); !wrote) return wrote;
    if (s.block_state == ISAL_BLOCK_FINISH) {
      // It reads up to eight bytes ahead; what it did not use belongs to the trailer.
      if (s.read_in_length > 0) in.back(static_cast<std::size_t>(s.read_in_length) / 8);
      return {};
    }
    // Truncated input is no error to ISA-L: with room left and no input it just waits for more.
    if (in.left() == 0 && s.avail_out > 0) {
      return fail(errc::truncated, "input ends within a deflate stream", in.position());
    }
    if (taken == 0 && made == 0 && s.avail_out > 0) {
      return fail(errc::malformed, "deflate stream does not go on", in.position());
    }
  }
}

result<bool> deflate_coder::inflate_raw_whole(piece_reader& in, output_window& out) {
  const auto run = in.run(joined_);
  // The trailer is part of a member in one piece.
  if (run.size() != in.left() || run.size() < 8 || run.size() > small_bytes_max) return false;
  // The last four bytes are this member's size when it is the last one; a wrong guess costs one
  // vain attempt.
  const std::size_t hint = size_hint(in, out.left());
  if (hint == 0) return false;
  const auto room = out.room();
  if (!room) return std::unexpected(room.error());
  if (room->size() < hint) return false;
  if (whole_inflater_ == nullptr) whole_inflater_.reset(libdeflate_alloc_decompressor());
  if (whole_inflater_ == nullptr) return fail(errc::exhausted, "no memory to inflate");
  std::size_t taken = 0;
  std::size_t made = 0;
  const auto answer = libdeflate_deflate_decompress_ex(
      whole_inflater_.get(), run.data(), run.size(), room->data(), room->size(), &taken, &made);
  // Too little room, or broken: ISA-L starts over and says exactly what and where.
  if (answer != LIBDEFLATE_SUCCESS) return false;
  if (auto wrote = out.wrote(made); !wrote) return std::unexpected(wrote.error());
  in.skip(taken);
  return true;
}

result<bytes_chain> deflate_coder::deflate(const bytes_chain& input, wrapper kind, int level,
                                           pool& from, urgency need) {
  if (level <= 0) {
    return deflate_stream(input, kind, input.size() >= large_bytes_min ? 1 : 0, from, need);
  }
  if (level == 1) return deflate_stream(input, kind, 1, from, need);
  if (input.size() > whole_bytes_max) return deflate_stream(input, kind, 3, from, need);
  return deflate_whole(input, kind, whole_level(level), from, need);
}

result<void> deflate_coder::prepare(wrapper kind, unsigned level) {
  if (deflater_ == nullptr) deflater_ = std::make_unique<isal_zstream>();
  isal_zstream& s = *deflater_;
  isal_deflate_init(&s);
  s.gzip_flag = kind == wrapper::gzip ? IGZIP_GZIP : IGZIP_ZLIB;
  s.flush = NO_FLUSH;
  s.level = level;
  const std::size_t bytes = level_buffer_bytes(level);
  if (bytes == 0) {
    // ISA-L does not write to a table either.
    const int set = isal_deflate_set_hufftables(&s, const_cast<isal_hufftables*>(&trained_table()),
                                                IGZIP_HUFFTABLE_CUSTOM);
    ZC_CHECK(set == COMP_OK);
    return {};
  }
  aligned_buffer& tables = level_buffers_[level];
  if (!tables) tables = aligned_buffer::try_make_zeroed(bytes, cache_line);
  if (!tables) return fail(errc::exhausted, "no memory to deflate");
  s.level_buf = address(tables.view());
  s.level_buf_size = static_cast<std::uint32_t>(bytes);
  return {};
}

result<bytes_chain> deflate_coder::deflate_stream(const bytes_chain& input, wrapper kind,
                                                  unsigned level, pool& from, urgency need) {
  if (const auto ready = prepare(kind, level); !ready) return std::unexpected(ready.error());
  isal_zstream& s = *deflater_;
  chain_writer out(from, need, input.size() / 3 + 64);
  piece_reader in(input);
  do {
    const auto near = in.run(joined_);
    const auto run = near.first(std::min(near.size(), step_bytes_max));
    s.next_in = address(run);
    s.avail_in = static_cast<std::uint32_t>(run.size());
    s.end_of_stream = run.size() == in.left() ? 1 : 0;
    do {
      const auto room = out.room(256);
      if (!room) return std::unexpected(room.error());
      s.next_out = address(*room);
      s.avail_out = static_cast<std::uint32_t>(room->size());
      const int answer = isal_deflate(&s);
      ZC_CHECK(answer == COMP_OK);
      out.commit(room->size() - s.avail_out);
    } while (s.avail_in > 0 || s.avail_out == 0);
    in.skip(run.size());
  } while (in.left() > 0);
  ZC_CHECK(s.internal_state.state == ZSTATE_END);
  return std::move(out).finish();
}

result<bytes_chain> deflate_coder::deflate_whole(const bytes_chain& input, wrapper kind, int level,
                                                 pool& from, urgency need) {
  auto& deflater = whole_deflaters_[static_cast<std::size_t>(level)];
  if (deflater == nullptr) deflater.reset(libdeflate_alloc_compressor(level));
  if (deflater == nullptr) return fail(errc::exhausted, "no memory to deflate");

  bytes_builder joined;
  std::span<const std::byte> whole;
  if (input.pieces() > 1) {
    joined = from.take(input.size(), need);
    if (!joined) return fail(errc::exhausted, "no memory to join the body");
    std::byte* to = joined.spare().data();
    whole = {to, input.size()};
    for (const bytes& piece : input) {
      std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    }
    ledger::count(ledger::reason::contiguous, input.size());
  } else if (input.pieces() == 1) {
    whole = input.begin()->view();
  }

  const bool gzip = kind == wrapper::gzip;
  const std::size_t bound = gzip ? libdeflate_gzip_compress_bound(deflater.get(), whole.size())
                                 : libdeflate_zlib_compress_bound(deflater.get(), whole.size());
  // A block of the worst case would keep several times the memory of the result; telemetry halves
  // at least.
  for (const std::size_t wanted : {std::min(bound, whole.size() * 5 / 8 + 64), bound}) {
    chain_writer out(from, need, wanted);
    const auto room = out.room(wanted);
    if (!room) return std::unexpected(room.error());
    const auto compress = gzip ? libdeflate_gzip_compress : libdeflate_zlib_compress;
    const std::size_t made =
        compress(deflater.get(), whole.data(), whole.size(), room->data(), room->size());
    if (made == 0) continue;
    out.commit(made);
    return std::move(out).finish();
  }
  ZC_CHECK(false);  // the bound was not one
}

}  // namespace zc::coders
