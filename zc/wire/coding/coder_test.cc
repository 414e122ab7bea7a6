// What must hold of `coder`, for every coding alike: what it compresses it inflates, however the
// body is cut; nothing but the whole body is a success; the limit holds while inflating; the ledger
// knows what was made and copied.
//
// Method: one test body over all codings, with the reference library of each as producer and as
// judge. Agreement on mutated input is tested per coder (deflate_coder_test.cc and so on);
// arbitrary bytes are coder_fuzz.cc.
#include "zc/wire/coding/coder.h"

#include <random>
#include <string>
#include <vector>
#include <zlib.h>

#include <gtest/gtest.h>
#include <snappy.h>
#include <zstd.h>

#include "zc/base/ledger.h"
#include "zc/base/units.h"
#include "zc/wire/coding/chains_for_tests.h"
#include "zc/wire/coding/sample.h"

namespace zc {
namespace {

using coders::cut_at;
using coders::in_pieces;
using coders::sample_body;
using coders::scratch_sink;
using coders::text_of;
using coders::whole;

std::string zlib_makes(const std::string& text, int window_bits) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, static_cast<unsigned>(text.size())) + 64, '\0');
  z.next_in = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(text.data()));
  z.avail_in = static_cast<unsigned>(text.size());
  z.next_out = reinterpret_cast<unsigned char*>(out.data());
  z.avail_out = static_cast<unsigned>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string gzip_of(const std::string& text) {
  return zlib_makes(text, 15 + 16);
}

class CoderTest : public ::testing::Test {
 protected:
  // As the ordinary library of the coding would make it.
  std::string made(const std::string& text, coding c) {
    switch (c) {
      case coding::gzip:
        return gzip_of(text);
      case coding::deflate:
        return zlib_makes(text, 15);
      case coding::zstd: {
        std::string out(ZSTD_compressBound(text.size()), '\0');
        out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
        return out;
      }
      case coding::snappy: {
        std::string out;
        snappy::Compress(text.data(), text.size(), &out);
        return out;
      }
      case coding::snappy_framed:
        return text_of(*wire.deflate(whole(text), c, 0, blocks));
      case coding::identity:
        break;
    }
    return text;
  }
  result<std::string> pooled(const bytes_chain& body, coding c, std::size_t limit = 16_MiB,
                             unsigned* parts = nullptr) {
    auto done = wire.inflate(body, c, limit, blocks, urgency::ordinary, parts);
    if (!done) return std::unexpected(done.error());
    return text_of(*done);
  }

  quota limits{256_MiB};
  pool blocks{limits};
  coder wire;
};

class EveryCoding : public CoderTest, public ::testing::WithParamInterface<coding> {};
INSTANTIATE_TEST_SUITE_P(Codings, EveryCoding,
                         ::testing::Values(coding::gzip, coding::zstd, coding::snappy,
                                           coding::deflate, coding::snappy_framed),
                         [](const auto& c) {
                           std::string name(name_of(c.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(EveryCoding, WhatIsCompressedComesBackInEverySize) {
  for (const std::size_t size : {0u, 1u, 50u, 3000u, 40000u, 70000u, 300000u, 2500000u}) {
    const std::string text = size == 0 ? "" : sample_body(size, size);
    for (const int level : {0, 1, 6}) {
      if (level == 6 && size > 300000) continue;
      const auto body = wire.deflate(in_pieces(text, 16384), GetParam(), level, blocks);
      ASSERT_TRUE(body);
      const auto back = pooled(*body, GetParam());
      ASSERT_TRUE(back) << size << ' ' << level << ' ' << back.error().reason;
      ASSERT_EQ(*back, text) << size << ' ' << level;
    }
  }
}

TEST_P(EveryCoding, ForeignBodiesInflateInPoolAndScratchAlike) {
  for (const std::size_t size : {0u, 1u, 3000u, 70000u, 400000u}) {
    const std::string text = size == 0 ? "" : sample_body(size + 1, size);
    const std::string body = made(text, GetParam());
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{100}, std::size_t{16384}, SIZE_MAX}) {
      if (piece == 1 && size > 70000) continue;
      const bytes_chain chain = in_pieces(body, piece);
      unsigned parts = 0;
      ASSERT_EQ(pooled(chain, GetParam(), 16_MiB, &parts), text) << size << ' ' << piece;
      EXPECT_EQ(parts, 1u);
      scratch_sink sink(64_KiB);
      const auto done = wire.inflate(chain, GetParam(), 16_MiB, sink);
      ASSERT_TRUE(done);
      EXPECT_EQ(done->size, text.size());
      EXPECT_EQ(done->parts, 1u);
      ASSERT_EQ(sink.text, text) << size << ' ' << piece;
    }
  }
}

TEST_P(EveryCoding, ABodyCutAtAnyPlaceIsTheSameBody) {
  const std::string text = sample_body(21, 1500);
  const std::string body = made(text, GetParam());
  for (std::size_t at = 0; at <= body.size(); ++at) {
    ASSERT_EQ(pooled(cut_at(body, at), GetParam()), text) << at;
  }
}

TEST_P(EveryCoding, EveryShorterBodyIsAnError) {
  for (const std::size_t size : {0u, 1u, 1500u}) {
    const std::string text = size == 0 ? "" : sample_body(22, size);
    const std::string body = made(text, GetParam());
    for (std::size_t at = 0; at < body.size(); ++at) {
      // A framed stream may end after any chunk; here that is only the identifier of an empty one.
      if (GetParam() == coding::snappy_framed && at == 10) continue;
      const auto in_one = pooled(whole(body.substr(0, at)), GetParam());
      ASSERT_FALSE(in_one) << at << " of " << body.size();
      EXPECT_TRUE(in_one.error().code == errc::truncated || in_one.error().code == errc::malformed);
      ASSERT_FALSE(pooled(in_pieces(body.substr(0, at), 7), GetParam())) << at;
    }
  }
}

TEST_P(EveryCoding, EmptyInputIsTruncated) {
  const auto done = pooled(bytes_chain(), GetParam());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::truncated);
}

TEST_P(EveryCoding, BytesBehindTheEndAreAnError) {
  const std::string body = made(sample_body(23, 1000), GetParam());
  for (const char* rest : {"x", "garbage that goes on for a while", "\x1f", "\x1f\x8b"}) {
    EXPECT_FALSE(pooled(whole(body + rest), GetParam())) << rest;
    EXPECT_FALSE(pooled(in_pieces(body + rest, 5), GetParam())) << rest;
  }
  EXPECT_FALSE(pooled(whole(body + std::string(1, '\0')), GetParam()));
  EXPECT_FALSE(pooled(whole(body + std::string(512, '\0')), GetParam()));
}

TEST_P(EveryCoding, TheLimitIsExact) {
  for (const std::size_t size : {100u, 4096u, 70000u, 300000u}) {
    const std::string text = sample_body(24, size);
    const std::string body = made(text, GetParam());
    for (const std::size_t piece : {std::size_t{1000}, SIZE_MAX}) {
      const bytes_chain chain = in_pieces(body, piece);
      EXPECT_EQ(pooled(chain, GetParam(), text.size()), text);
      const auto pool_over = pooled(chain, GetParam(), text.size() - 1);
      ASSERT_FALSE(pool_over);
      EXPECT_EQ(pool_over.error().code, errc::too_large);
      scratch_sink sink(5000);
      const auto over = wire.inflate(chain, GetParam(), text.size() - 1, sink);
      ASSERT_FALSE(over);
      EXPECT_EQ(over.error().code, errc::too_large);
      EXPECT_LT(sink.text.size(), text.size());
    }
  }
  const auto nothing_allowed = pooled(whole(made("x", GetParam())), GetParam(), 0);
  ASSERT_FALSE(nothing_allowed);
  EXPECT_EQ(nothing_allowed.error().code, errc::too_large);
  EXPECT_EQ(pooled(whole(made("", GetParam())), GetParam(), 0), "");
}

TEST_P(EveryCoding, ABombCostsNoMoreThanTheLimit) {
  const std::string body = made(std::string(30_MiB, '\0'), GetParam());
  quota small(2_MiB + 512_KiB);
  pool few(small);
  const auto done = wire.inflate(whole(body), GetParam(), 1_MiB, few);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::too_large);
  EXPECT_LE(small.peak(), 1_MiB + 256_KiB);
}

TEST_P(EveryCoding, AnExhaustedQuotaIsSaidAndGivesAllBlocksBack) {
  const std::string body = made(sample_body(25, 3000000), GetParam());
  quota small(512_KiB);
  {
    pool few(small);
    const auto done = wire.inflate(whole(body), GetParam(), 16_MiB, few);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::exhausted);
    EXPECT_EQ(few.read().blocks_out, 0u);
  }
  EXPECT_EQ(small.used(), 0u);
}

TEST_P(EveryCoding, ASinkMayRefuseRoomOrStop) {
  const bytes_chain body = whole(made(sample_body(26, 100000), GetParam()));
  for (const std::size_t rooms : {0u, 1u, 5u}) {
    scratch_sink sink(8192);
    sink.rooms_left = rooms;
    const auto done = wire.inflate(body, GetParam(), 16_MiB, sink);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::exhausted);
  }
  for (const std::size_t bytes : {1u, 20000u, 100000u}) {
    scratch_sink sink(8192);
    sink.stop_at = bytes;
    const auto done = wire.inflate(body, GetParam(), 16_MiB, sink);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::refused);
  }
}

TEST_P(EveryCoding, AfterAnErrorTheNextBodyIsFine) {
  const std::string text = sample_body(27, 5000);
  const std::string body = made(text, GetParam());
  for (std::size_t at = 0; at < body.size(); at += 97) {
    (void)pooled(whole(body.substr(0, at)), GetParam());
    ASSERT_EQ(pooled(whole(body), GetParam()), text);
  }
}

TEST_P(EveryCoding, SmallBodiesInflateIntoOneSmallBlock) {
  const std::string text = sample_body(28, 3000);
  const auto done = wire.inflate(whole(made(text, GetParam())), GetParam(), 16_MiB, blocks);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->pieces(), 1u);
  EXPECT_LE(done->retained_size(), 16_KiB);
}

TEST_P(EveryCoding, TheLedgerCountsWhatWasMadeAndThatNothingWasCopied) {
  const std::string text = sample_body(29, 200000).substr(0, 200000);
  const bytes_chain pieces = in_pieces(text, 65536);
  const auto inflate = static_cast<std::size_t>(ledger::reason::inflate);
  const auto deflate = static_cast<std::size_t>(ledger::reason::deflate);
  auto before = ledger::read();
  const auto body = wire.deflate(pieces, GetParam(), 0, blocks);
  ASSERT_TRUE(body);
  auto after = ledger::read();
  EXPECT_EQ(after.bytes[deflate] - before.bytes[deflate], body->size());
  EXPECT_EQ(after.copied(), before.copied());
  before = after;
  const auto back = wire.inflate(*body, GetParam(), 16_MiB, blocks);
  ASSERT_TRUE(back);
  after = ledger::read();
  EXPECT_EQ(after.bytes[inflate] - before.bytes[inflate], text.size());
  EXPECT_EQ(after.copied(), before.copied());
}

// Not for snappy blocks and zstd frames, which have no checksum (by default).
TEST_F(CoderTest, FlippedBitsAreNeverADifferentBody) {
  const std::string text = sample_body(30, 700);
  for (const coding c : {coding::gzip, coding::deflate, coding::snappy_framed}) {
    const std::string body = made(text, c);
    for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
      // A chunk whose type became a skippable one is passed over: so it says in the format.
      if (c == coding::snappy_framed && bit == 10 * 8 + 7) continue;
      std::string bad = body;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      const auto done = pooled(whole(bad), c);
      // Some header bits mean nothing (times, hints); then the body is the same.
      if (done) {
        ASSERT_EQ(*done, text) << name_of(c) << " bit " << bit;
      }
      ASSERT_EQ(pooled(in_pieces(bad, 11), c).has_value(), done.has_value())
          << name_of(c) << " bit " << bit;
    }
  }
}

TEST_F(CoderTest, IdentityIsSharedNotCopied) {
  const std::string text = sample_body(31, 50000);
  const bytes_chain body = in_pieces(text, 10000);
  const auto before = ledger::read();
  const auto in = wire.inflate(body, coding::identity, text.size(), blocks);
  ASSERT_TRUE(in);
  EXPECT_TRUE(in->begin()->shares_owner_with(*body.begin()));
  const auto out = wire.deflate(body, coding::identity, 0, blocks);
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->begin()->shares_owner_with(*body.begin()));
  EXPECT_EQ(ledger::read().bytes, before.bytes);
  EXPECT_EQ(wire.inflate(body, coding::identity, text.size() - 1, blocks).error().code,
            errc::too_large);
  EXPECT_EQ(pooled(bytes_chain(), coding::identity), "");
}

TEST_F(CoderTest, IdentityIntoASinkIsACopyThatIsCounted) {
  const std::string text = sample_body(32, 50000);
  const bytes_chain body = in_pieces(text, 10000);
  scratch_sink sink(4096);
  const auto before = ledger::read().copied();
  const auto done = wire.inflate(body, coding::identity, text.size(), sink);
  ASSERT_TRUE(done);
  EXPECT_EQ(sink.text, text);
  EXPECT_EQ(ledger::read().copied(), before + text.size());
  EXPECT_EQ(wire.inflate(body, coding::identity, text.size() - 1, sink).error().code,
            errc::too_large);
}

TEST_F(CoderTest, GzipMembersThatFollowEachOtherAreOneBodyOfSeveralParts) {
  const std::string a = sample_body(33, 3000);
  const std::string b = sample_body(34, 90000);
  const std::string body = gzip_of(a) + gzip_of("") + gzip_of(b) + gzip_of("end");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{37}, std::size_t{4096}, SIZE_MAX}) {
    unsigned parts = 0;
    ASSERT_EQ(pooled(in_pieces(body, piece), coding::gzip, 16_MiB, &parts), a + b + "end");
    EXPECT_EQ(parts, 4u);
  }
  const std::size_t edge = gzip_of(a).size();
  for (std::size_t at = edge - 12; at < edge + 12; ++at) {
    ASSERT_EQ(pooled(cut_at(body, at), coding::gzip), a + b + "end") << at;
  }
  EXPECT_EQ(pooled(whole(body), coding::gzip, a.size() + b.size() + 2).error().code,
            errc::too_large);
}

TEST_F(CoderTest, ZlibStreamsAndZstdFramesThatFollowEachOtherAreCountedToo) {
  for (const coding c : {coding::deflate, coding::zstd, coding::snappy_framed}) {
    unsigned parts = 0;
    ASSERT_EQ(pooled(in_pieces(made("one", c) + made("two", c), 9), c, 16_MiB, &parts), "onetwo");
    EXPECT_EQ(parts, 2u);
  }
}

TEST_F(CoderTest, AWrongChecksumOrSizeIsMalformedAndSaysWhere) {
  const std::string text = sample_body(35, 2000);
  const std::string body = gzip_of(text);
  for (std::size_t back = 1; back <= 8; ++back) {
    std::string bad = body;
    bad[bad.size() - back] ^= 0x10;
    for (const std::size_t piece : {std::size_t{5}, SIZE_MAX}) {
      const auto done = pooled(in_pieces(bad, piece), coding::gzip);
      ASSERT_FALSE(done) << back;
      EXPECT_EQ(done.error().code, errc::malformed);
      EXPECT_EQ(done.error().offset, body.size() - (back <= 4 ? 4 : 8)) << back;
    }
  }
  std::string zlib = made(text, coding::deflate);
  zlib.back() ^= 1;
  const auto done = pooled(whole(zlib), coding::deflate);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::malformed);
  EXPECT_EQ(done.error().offset, zlib.size() - 4);
}

TEST_F(CoderTest, RawDeflateIsNotTakenForDeflate) {
  const std::string raw = zlib_makes(sample_body(36, 2000), -15);
  const auto done = pooled(whole(raw), coding::deflate);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::malformed);
}

TEST_F(CoderTest, SnappyKnowsTheFramedStreamAndTheFramedStreamKnowsNoBlock) {
  const std::string text = sample_body(37, 90000);
  const std::string framed = made(text, coding::snappy_framed);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{4}, SIZE_MAX}) {
    EXPECT_EQ(pooled(in_pieces(framed, piece), coding::snappy), text);
  }
  EXPECT_EQ(pooled(whole(made(text, coding::snappy)), coding::snappy_framed).error().code,
            errc::malformed);
}

TEST_F(CoderTest, LargeGzipBodiesComeInBlocksOf64KiB) {
  const std::string text = sample_body(38, 1000000);
  const auto done = wire.inflate(whole(gzip_of(text)), coding::gzip, 16_MiB, blocks);
  ASSERT_TRUE(done);
  for (const bytes& piece : *done) EXPECT_LE(piece.retained_size(), 64_KiB);
  EXPECT_LE(done->retained_size(), text.size() + text.size() / 8);
}

TEST_F(CoderTest, ASizeThatLiesCostsAnErrorAndNoMore) {
  std::string body = gzip_of(std::string(3000, 'a'));
  body[body.size() - 3] = static_cast<char>(0xff);  // 65 KB, it says
  EXPECT_EQ(pooled(whole(body), coding::gzip).error().code, errc::malformed);
  body.replace(body.size() - 4, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(pooled(whole(body), coding::gzip).error().code, errc::malformed);
  body.replace(body.size() - 4, 4, std::string("\x01\x00\x00\x00", 4));
  EXPECT_EQ(pooled(whole(body), coding::gzip).error().code, errc::malformed);
}

}  // namespace
}  // namespace zc
