#include "zc/wire/coding/gzip_header.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include <isa-l.h>

namespace zc::coders {
namespace {

inline constexpr unsigned flag_header_crc = 0x02;
inline constexpr unsigned flag_extra = 0x04;
inline constexpr unsigned flag_name = 0x08;
inline constexpr unsigned flag_comment = 0x10;
inline constexpr unsigned flags_reserved = 0xe0;

template <std::size_t N>
using fixed = std::array<std::byte, N>;

unsigned number(std::byte b) noexcept {
  return std::to_integer<unsigned>(b);
}

std::unexpected<error> cut(const piece_reader& in) noexcept {
  return fail(errc::truncated, "input ends within a header or trailer", in.position() + in.left());
}

result<unsigned> read_u16(piece_reader& in) {
  fixed<2> b;
  if (!in.read(b)) return cut(in);
  return number(b[0]) | number(b[1]) << 8;
}

// A field that ends with a zero byte.
result<void> skip_text(piece_reader& in) {
  while (in.left() > 0) {
    const auto run = in.peek();
    const void* end = std::memchr(run.data(), 0, run.size());
    if (end != nullptr) {
      in.skip(static_cast<std::size_t>(static_cast<const std::byte*>(end) - run.data()) + 1);
      return {};
    }
    in.skip(run.size());
  }
  return cut(in);
}

result<void> skip_extra(piece_reader& in) {
  const auto size = read_u16(in);
  if (!size) return std::unexpected(size.error());
  if (*size > in.left()) return cut(in);
  in.skip(*size);
  return {};
}

// The low half of the checksum of everything between two positions.
unsigned crc16_between(piece_reader from, std::size_t to) {
  std::uint32_t sum = 0;
  while (from.position() < to) {
    const auto run = from.peek();
    const std::size_t count = std::min(run.size(), to - from.position());
    sum = crc32_gzip_refl(sum, reinterpret_cast<const unsigned char*>(run.data()), count);
    from.skip(count);
  }
  return sum & 0xffff;
}

}  // namespace

result<void> read_gzip_header(piece_reader& in) {
  const piece_reader start = in;
  fixed<10> head;
  const std::size_t got = in.look(head);
  // What is there is judged before what is missing: garbage is malformed, however short.
  if (got > 0 && head[0] != std::byte{0x1f}) {
    return fail(errc::malformed, "not a gzip member", in.position());
  }
  if (got > 1 && head[1] != std::byte{0x8b}) {
    return fail(errc::malformed, "not a gzip member", in.position() + 1);
  }
  if (!in.read(head)) return cut(in);
  if (head[2] != std::byte{8}) {
    return fail(errc::unsupported, "unknown gzip method", start.position() + 2);
  }
  const unsigned flags = number(head[3]);
  if ((flags & flags_reserved) != 0) {
    return fail(errc::malformed, "reserved gzip flags", start.position() + 3);
  }
  if ((flags & flag_extra) != 0) {
    if (auto done = skip_extra(in); !done) return done;
  }
  if ((flags & flag_name) != 0) {
    if (auto done = skip_text(in); !done) return done;
  }
  if ((flags & flag_comment) != 0) {
    if (auto done = skip_text(in); !done) return done;
  }
  if ((flags & flag_header_crc) == 0) return {};
  const std::size_t at = in.position();
  const auto said = read_u16(in);
  if (!said) return std::unexpected(said.error());
  if (*said != crc16_between(start, at)) {
    return fail(errc::malformed, "gzip header checksum does not match", at);
  }
  return {};
}

result<void> read_zlib_header(piece_reader& in) {
  const std::size_t at = in.position();
  fixed<2> head;
  if (!in.read(head)) return cut(in);
  const unsigned method = number(head[0]);
  const unsigned flags = number(head[1]);
  if ((method << 8 | flags) % 31 != 0) return fail(errc::malformed, "not a zlib stream", at);
  if ((method & 0x0f) != 8) return fail(errc::unsupported, "unknown zlib method", at);
  if (method >> 4 > 7) return fail(errc::malformed, "zlib window too large", at);
  if ((flags & 0x20) != 0) return fail(errc::unsupported, "zlib dictionary", at + 1);
  return {};
}

result<std::uint32_t> read_u32_little(piece_reader& in) {
  fixed<4> b;
  if (!in.read(b)) return cut(in);
  return number(b[0]) | number(b[1]) << 8 | number(b[2]) << 16 | number(b[3]) << 24;
}

result<std::uint32_t> read_u32_big(piece_reader& in) {
  fixed<4> b;
  if (!in.read(b)) return cut(in);
  return number(b[0]) << 24 | number(b[1]) << 16 | number(b[2]) << 8 | number(b[3]);
}

}  // namespace zc::coders
