#include "zc/wire/coding/zstd_coder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include <zstd.h>
#include <zstd_errors.h>

#include "zc/base/check.h"
#include "zc/wire/coding/chain_writer.h"

namespace zc::coders {
namespace {

inline constexpr std::uint32_t magic_frame = 0xfd2fb528;
inline constexpr std::uint32_t magic_skippable = 0x184d2a50;  // and the fifteen behind it
inline constexpr std::uint32_t magic_legacy = 0xfd2fb520;     // 0.1 to 0.7, in the low nibble
inline constexpr std::size_t frame_header_max = 18;
// Bodies up to this size get a block for the worst case and are compressed in one go.
inline constexpr std::size_t one_go_max = 16_KiB;

std::unexpected<error> inflate_error(std::size_t answer, std::size_t at) {
  switch (ZSTD_getErrorCode(answer)) {
    case ZSTD_error_dictionary_wrong:
    case ZSTD_error_dictionary_corrupted:
      return fail(errc::unsupported, "zstd dictionary", at);
    case ZSTD_error_version_unsupported:
      return fail(errc::unsupported, "unknown zstd version", at);
    case ZSTD_error_frameParameter_windowTooLarge:
      return fail(errc::too_large, "zstd window too large", at);
    case ZSTD_error_memory_allocation:
      return fail(errc::exhausted, "no memory to inflate", at);
    case ZSTD_error_checksum_wrong:
      return fail(errc::malformed, "checksum does not match", at);
    default:
      return fail(errc::malformed, "broken zstd frame", at);
  }
}

// Checks what starts here and returns the size that the frame says it inflates to; 0 when it does
// not say.
result<std::size_t> frame_size(const piece_reader& in) {
  std::array<std::byte, frame_header_max> head{};
  const std::size_t got = in.look(head);
  std::uint32_t magic = 0;
  for (std::size_t i = 0; i < 4; ++i) magic |= std::to_integer<std::uint32_t>(head[i]) << (8 * i);
  if (got < 4) return fail(errc::truncated, "input ends within a zstd frame", in.position() + got);
  if (magic != magic_frame && (magic & 0xfffffff0) != magic_skippable) {
    if ((magic & 0xfffffff8) == magic_legacy) {
      return fail(errc::unsupported, "unknown zstd version", in.position());
    }
    return fail(errc::malformed, "not a zstd frame", in.position());
  }
  const unsigned long long size = ZSTD_getFrameContentSize(head.data(), got);
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return 0;
  return static_cast<std::size_t>(size);
}

}  // namespace

void zstd_coder::free_inflater::operator()(ZSTD_DCtx_s* d) const noexcept {
  ZSTD_freeDCtx(d);
}
void zstd_coder::free_deflater::operator()(ZSTD_CCtx_s* c) const noexcept {
  ZSTD_freeCCtx(c);
}

result<unsigned> zstd_coder::inflate(piece_reader& in, output_window& out) {
  if (inflater_ == nullptr) {
    inflater_.reset(ZSTD_createDCtx());
    if (inflater_ == nullptr) return fail(errc::exhausted, "no memory to inflate");
    ZSTD_DCtx_setParameter(inflater_.get(), ZSTD_d_windowLogMax, window_log_max);
  }
  auto frames = inflate_frames(in, out);
  if (ZSTD_sizeof_DCtx(inflater_.get()) > context_bytes_max) inflater_.reset();
  return frames;
}

result<unsigned> zstd_coder::inflate_frames(piece_reader& in, output_window& out) {
  unsigned frames = 0;
  do {
    if (auto one = inflate_one(in, out); !one) return std::unexpected(one.error());
    frames += frames < std::numeric_limits<unsigned>::max() ? 1 : 0;
  } while (in.left() > 0);
  return frames;
}

result<void> zstd_coder::inflate_one(piece_reader& in, output_window& out) {
  const auto size = frame_size(in);
  if (!size) return std::unexpected(size.error());
  if (*size > out.left()) {
    return fail(errc::too_large, "body inflates to more than the limit", in.position());
  }
  out.expect(*size > 0 ? *size : likely_size(in.left(), out.left()));
  ZSTD_DCtx_reset(inflater_.get(), ZSTD_reset_session_only);
  for (;;) {
    // One room for the whole frame, when there is one, spares the copy through the window.
    const bool one_room = *size > 0 && *size <= output_window::one_room_max;
    const auto room = one_room ? out.room(*size) : out.room();
    if (!room) return std::unexpected(room.error());
    const auto run = in.run(joined_);
    ZSTD_inBuffer from{run.data(), run.size(), 0};
    ZSTD_outBuffer to{room->data(), room->size(), 0};
    const std::size_t answer = ZSTD_decompressStream(inflater_.get(), &to, &from);
    in.skip(from.pos);
    if (ZSTD_isError(answer) != 0) return inflate_error(answer, in.position());
    if (auto wrote = out.wrote(to.pos); !wrote) return wrote;
    if (answer == 0) return {};
    if (in.left() == 0 && to.pos < to.size) {
      return fail(errc::truncated, "input ends within a zstd frame", in.position());
    }
  }
}

result<bytes_chain> zstd_coder::deflate(const bytes_chain& input, int level, pool& from,
                                        urgency need) {
  if (deflater_ == nullptr) deflater_.reset(ZSTD_createCCtx());
  if (deflater_ == nullptr) return fail(errc::exhausted, "no memory to deflate");
  chain_writer out(from, need, input.size() / 3 + 64);
  const auto done = deflate_into(input, level <= 0 ? 1 : std::min(level, level_max), out);
  if (ZSTD_sizeof_CCtx(deflater_.get()) > context_bytes_max) deflater_.reset();
  if (!done) return std::unexpected(done.error());
  return std::move(out).finish();
}

result<void> zstd_coder::deflate_into(const bytes_chain& input, int level, chain_writer& out) {
  ZSTD_CCtx* c = deflater_.get();
  ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
  // RFC 9659: as a content coding, a window of 8 MiB is the most that every decoder takes.
  if (level >= 20) ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 23);
  ZSTD_CCtx_setPledgedSrcSize(c, input.size());
  const std::size_t wanted = input.size() <= one_go_max ? ZSTD_compressBound(input.size()) : 256;
  piece_reader in(input);
  std::size_t unwritten = 0;
  do {
    const auto run = in.run(joined_);
    const bool last = run.size() == in.left();
    ZSTD_inBuffer from{run.data(), run.size(), 0};
    do {
      const auto room = out.room(out.size() == 0 ? wanted : 256);
      if (!room) return std::unexpected(room.error());
      ZSTD_outBuffer to{room->data(), room->size(), 0};
      unwritten = ZSTD_compressStream2(c, &to, &from, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(unwritten) != 0) {
        ZC_CHECK(ZSTD_getErrorCode(unwritten) == ZSTD_error_memory_allocation);
        return fail(errc::exhausted, "no memory to deflate");
      }
      out.commit(to.pos);
    } while (from.pos < from.size || (last && unwritten > 0));
    in.skip(run.size());
  } while (in.left() > 0);
  return {};
}

}  // namespace zc::coders
