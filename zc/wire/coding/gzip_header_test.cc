// What must hold of the header readers: they agree with zlib on every combination of fields, on
// every flag byte, and however the header is cut into pieces.
#include "zc/wire/coding/gzip_header.h"

#include <string>
#include <zlib.h>

#include <gtest/gtest.h>

#include "zc/wire/coding/chains_for_tests.h"

namespace zc::coders {
namespace {

// An empty deflate stream and the trailer of an empty member.
const std::string empty_rest("\x03\x00\0\0\0\0\0\0\0\0", 10);

std::string header(unsigned flags, bool right_crc = true) {
  std::string h("\x1f\x8b\x08", 3);
  h.push_back(static_cast<char>(flags));
  h.append("\x01\x02\x03\x04\x00\xff", 6);
  if ((flags & 0x04) != 0) h.append("\x05\x00hello", 7);
  if ((flags & 0x08) != 0) h.append("name of a file\0", 15);
  if ((flags & 0x10) != 0) h.append("comment\0", 8);
  if ((flags & 0x02) != 0) {
    const auto crc = crc32(0, reinterpret_cast<const unsigned char*>(h.data()),
                           static_cast<unsigned>(h.size())) ^
                     (right_crc ? 0u : 1u);
    h.push_back(static_cast<char>(crc));
    h.push_back(static_cast<char>(crc >> 8));
  }
  return h;
}

bool zlib_takes(std::string body) {
  z_stream z{};
  EXPECT_EQ(inflateInit2(&z, 15 + 16), Z_OK);
  char out[16];
  z.next_in = reinterpret_cast<unsigned char*>(body.data());
  z.avail_in = static_cast<unsigned>(body.size());
  z.next_out = reinterpret_cast<unsigned char*>(out);
  z.avail_out = sizeof out;
  const int answer = inflate(&z, Z_FINISH);
  inflateEnd(&z);
  return answer == Z_STREAM_END;
}

result<std::size_t> ours(const bytes_chain& chain) {
  piece_reader in(chain);
  if (auto read = read_gzip_header(in); !read) return std::unexpected(read.error());
  return in.position();
}

TEST(GzipHeaderTest, EveryCombinationOfFieldsIsReadHoweverItIsCut) {
  for (unsigned flags = 0; flags < 0x20; ++flags) {
    const std::string h = header(flags);
    ASSERT_TRUE(zlib_takes(h + empty_rest)) << flags;
    for (std::size_t at = 0; at <= h.size(); ++at) {
      ASSERT_EQ(ours(cut_at(h + empty_rest, at)), h.size()) << flags << " cut at " << at;
    }
    for (std::size_t piece = 1; piece < 12; ++piece) {
      ASSERT_EQ(ours(in_pieces(h + empty_rest, piece)), h.size())
          << flags << " pieces of " << piece;
    }
  }
}

TEST(GzipHeaderTest, EveryFlagByteIsJudgedAsZlibJudgesIt) {
  for (unsigned flags = 0; flags < 0x100; ++flags) {
    const std::string body = header(flags) + empty_rest;
    EXPECT_EQ(ours(whole(body)).has_value(), zlib_takes(body)) << flags;
  }
}

TEST(GzipHeaderTest, EveryShorterHeaderIsTruncated) {
  for (unsigned flags = 0; flags < 0x20; ++flags) {
    const std::string h = header(flags);
    for (std::size_t size = 0; size < h.size(); ++size) {
      const auto read = ours(whole(h.substr(0, size)));
      ASSERT_FALSE(read) << flags << ' ' << size;
      EXPECT_EQ(read.error().code, errc::truncated);
      EXPECT_EQ(read.error().offset, size);
    }
  }
}

TEST(GzipHeaderTest, AWrongHeaderChecksumIsMalformed) {
  const std::string h = header(0x1e, false);
  ASSERT_FALSE(zlib_takes(h + empty_rest));
  const auto read = ours(in_pieces(h + empty_rest, 2));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, errc::malformed);
  EXPECT_EQ(read.error().offset, h.size() - 2);
}

TEST(GzipHeaderTest, OtherMagicIsMalformedEvenWhenShort) {
  for (const char* text : {"x", "PK\x03\x04", "\x1f\x9d", "{\"resource\":[]}"}) {
    const auto read = ours(whole(text));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, errc::malformed) << text;
  }
  const auto method = ours(whole(std::string("\x1f\x8b\x07\x00\0\0\0\0\0\xff", 10)));
  ASSERT_FALSE(method);
  EXPECT_EQ(method.error().code, errc::unsupported);
}

TEST(GzipHeaderTest, EveryZlibHeaderIsJudgedAsZlibJudgesIt) {
  for (unsigned h = 0; h < 0x10000; ++h) {
    std::string body{static_cast<char>(h >> 8), static_cast<char>(h)};
    const bytes_chain chain = cut_at(body, 1);
    piece_reader in(chain);
    const bool taken = read_zlib_header(in).has_value();
    z_stream z{};
    ASSERT_EQ(inflateInit2(&z, 15), Z_OK);
    char out[16];
    z.next_in = reinterpret_cast<unsigned char*>(body.data());
    z.avail_in = 2;
    z.next_out = reinterpret_cast<unsigned char*>(out);
    z.avail_out = sizeof out;
    const int answer = inflate(&z, Z_NO_FLUSH);
    // A dictionary is asked for after four more bytes; we say no at once.
    const bool dictionary = (h & 0x20) != 0;
    ASSERT_EQ(taken, answer == Z_OK && !dictionary) << h;
    inflateEnd(&z);
  }
}

}  // namespace
}  // namespace zc::coders
