// What must hold of `snappy_coder`: it agrees with the library on blocks, whatever the pieces and
// rooms; the framed stream follows its format to the letter; and a length is believed only when it
// can be true.
#include "zc/wire/coding/snappy_coder.h"

#include <bit>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <snappy.h>

#include "zc/base/ledger.h"
#include "zc/wire/coding/chains_for_tests.h"
#include "zc/wire/coding/sample.h"

namespace zc::coders {
namespace {

std::string block(const std::string& text) {
  std::string out;
  snappy::Compress(text.data(), text.size(), &out);
  return out;
}

const std::string identifier("\xff\x06\x00\x00sNaPpY", 10);

// Bit by bit, to be independent of what the coder uses.
std::uint32_t crc32c(std::string_view text) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

std::string chunk(char type, std::string_view content) {
  std::string c(1, type);
  for (int i = 0; i < 3; ++i) c.push_back(static_cast<char>(content.size() >> (8 * i)));
  return c.append(content);
}
std::string masked(std::string_view text) {
  const std::uint32_t m = std::rotr(crc32c(text), 15) + 0xa282ead8u;
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(m >> (8 * i)));
  return bytes;
}
std::string packed(const std::string& text) {
  return chunk(0, masked(text) + block(text));
}
std::string stored(const std::string& text) {
  return chunk(1, masked(text) + text);
}

struct outcome {
  std::string text;
  unsigned streams = 0;
};

result<outcome> inflate_block(snappy_coder& coder, const bytes_chain& chain,
                              std::size_t room = 4096, std::size_t limit = 64_MiB) {
  piece_reader in(chain);
  scratch_sink sink(room);
  output_window out(sink, limit);
  if (auto done = coder.inflate_block(in, out); !done) return std::unexpected(done.error());
  EXPECT_TRUE(out.finish());
  return outcome{sink.text, 1};
}

result<outcome> inflate_framed(snappy_coder& coder, const bytes_chain& chain,
                               std::size_t room = 4096, std::size_t limit = 64_MiB) {
  piece_reader in(chain);
  scratch_sink sink(room);
  output_window out(sink, limit);
  const auto streams = coder.inflate_framed(in, out);
  if (!streams) return std::unexpected(streams.error());
  EXPECT_TRUE(out.finish());
  return outcome{sink.text, *streams};
}

TEST(SnappyCoderTest, TheChecksumOfTheTestsIsCrc32c) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

TEST(SnappyCoderTest, BlocksInflateHoweverCutAndWhateverTheRoom) {
  snappy_coder coder;
  for (const std::size_t size : {0u, 1u, 3000u, 200000u}) {
    const std::string text = size == 0 ? "" : sample_body(size, size);
    const std::string body = block(text);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{777}, SIZE_MAX}) {
      for (const std::size_t room : {std::size_t{1000}, 1_MiB}) {
        const auto done = inflate_block(coder, in_pieces(body, piece), room);
        ASSERT_TRUE(done) << done.error().reason;
        ASSERT_EQ(done->text, text);
      }
    }
  }
}

TEST(SnappyCoderTest, InflatingIntoARoomThatIsLargeEnoughCopiesNothing) {
  snappy_coder coder;
  const bytes_chain chain = in_pieces(block(sample_body(1, 100000)), 1000);
  const auto before = ledger::read().copied();
  ASSERT_TRUE(inflate_block(coder, chain, 1_MiB));
  EXPECT_EQ(ledger::read().copied(), before);
  ASSERT_TRUE(inflate_block(coder, chain, 4096));
  EXPECT_GE(ledger::read().copied(), before + 100000);
}

TEST(SnappyCoderTest, ALengthIsCheckedBeforeMemoryIsAskedFor) {
  snappy_coder coder;
  const std::string four_gib("\xff\xff\xff\xff\x0f\x00\x61", 7);
  const bytes_chain chain = whole(four_gib);
  const auto large = snappy_coder::block_size(piece_reader(chain), 20_MiB);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, errc::too_large);
  const auto lying = snappy_coder::block_size(piece_reader(chain), SIZE_MAX);
  ASSERT_FALSE(lying);
  EXPECT_EQ(lying.error().code, errc::truncated);
  for (const char* text : {"\xff\xff\xff\xff\x1f rest", "\xff\xff\xff\xff\xff\x01 rest"}) {
    const bytes_chain broken = whole(text);
    const auto size = snappy_coder::block_size(piece_reader(broken), SIZE_MAX);
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().code, errc::malformed);
  }
}

TEST(SnappyCoderTest, TheDensestBlockThereIsPasses) {
  // One literal, then nothing but copies of 64 bytes in 3.
  std::string body;
  const std::size_t copies = 1000;
  const std::size_t size = 1 + 64 * copies;
  for (std::size_t n = size; n > 0 || body.empty(); n >>= 7) {
    body.push_back(static_cast<char>((n & 0x7f) | (n >= 0x80 ? 0x80 : 0)));
  }
  body += std::string("\0a", 2);
  for (std::size_t i = 0; i < copies; ++i) body += std::string("\xfe\x01\x00", 3);
  snappy_coder coder;
  const auto done = inflate_block(coder, whole(body));
  ASSERT_TRUE(done) << done.error().reason;
  EXPECT_EQ(done->text, std::string(size, 'a'));
}

TEST(SnappyCoderTest, MutatedBlocksAreJudgedAsTheLibraryJudgesThem) {
  std::mt19937 random(11);
  snappy_coder coder;
  const std::string seed = block(sample_body(1, 2000));
  unsigned accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string body = seed;
    body[random() % body.size()] = static_cast<char>(random());
    if (random() % 4 == 0) body.resize(random() % body.size());
    std::string want;
    const bool valid = snappy::Uncompress(body.data(), body.size(), &want);
    const auto done =
        inflate_block(coder, in_pieces(body, 1 + random() % 600), random() % 2 == 0 ? 100 : 65536);
    ASSERT_EQ(done.has_value(), valid) << round;
    if (valid) {
      ++accepted;
      ASSERT_EQ(done->text, want);
    }
  }
  EXPECT_GT(accepted, 200u);
}

TEST(SnappyCoderTest, FramedStreamsOfEveryChunkInflateHoweverCut) {
  const std::string text = sample_body(2, 60000).substr(0, 60000);
  const std::string body = identifier + packed(text) + stored("as it is") + chunk('\xfe', "pad") +
                           chunk('\x80', "skip") + packed("") + stored("") + packed("end");
  snappy_coder coder;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{4097}, SIZE_MAX}) {
    for (const std::size_t room : {std::size_t{100}, std::size_t{70000}}) {
      const auto done = inflate_framed(coder, in_pieces(body, piece), room);
      ASSERT_TRUE(done) << done.error().reason;
      ASSERT_EQ(done->text, text + "as it isend");
      EXPECT_EQ(done->streams, 1u);
    }
  }
}

TEST(SnappyCoderTest, StreamsThatFollowEachOtherAreCounted) {
  snappy_coder coder;
  const auto done =
      inflate_framed(coder, in_pieces(identifier + packed("a") + identifier + packed("b"), 3));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->text, "ab");
  EXPECT_EQ(done->streams, 2u);
}

TEST(SnappyCoderTest, ChunksThatBreakTheFormatAreRefused) {
  snappy_coder coder;
  const auto code = [&](const std::string& body) {
    const auto done = inflate_framed(coder, in_pieces(body, 4));
    return done ? std::optional<errc>() : done.error().code;
  };
  EXPECT_EQ(code(packed("no identifier")), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(2, "reserved")), errc::unsupported);
  EXPECT_EQ(code(identifier + chunk('\x7f', "reserved")), errc::unsupported);
  EXPECT_EQ(code(identifier + chunk('\xff', "sNaPpX")), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(0, "abc")), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(0, masked(""))), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(0, masked("a") + block("b"))), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(1, masked("a") + "b")), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(1, masked("x"))), errc::malformed);
  EXPECT_EQ(code(identifier + chunk(0, masked("a") + block("a") + "more")), errc::malformed);
  const std::string large(65537, 'a');
  EXPECT_EQ(code(identifier + packed(large)), errc::malformed);
  EXPECT_EQ(code(identifier + stored(large)), errc::malformed);
  EXPECT_EQ(code(identifier + packed(large.substr(1))), std::nullopt);
  EXPECT_EQ(code(identifier + stored(large.substr(1))), std::nullopt);
}

class SnappyCoderPoolTest : public ::testing::Test {
 protected:
  quota limits{256_MiB};
  pool blocks{limits};
  snappy_coder coder;
};

TEST_F(SnappyCoderPoolTest, TheLibraryInflatesWhatWeMake) {
  for (const std::size_t size : {0u, 1u, 5000u, 65536u, 65537u, 500000u}) {
    const std::string text = size == 0 ? "" : sample_body(size, size);
    for (const std::size_t piece : {std::size_t{700}, std::size_t{65536}, SIZE_MAX}) {
      const auto made = coder.deflate_block(in_pieces(text, piece), blocks, urgency::draining);
      ASSERT_TRUE(made);
      const std::string body = text_of(*made);
      std::string back;
      ASSERT_TRUE(snappy::Uncompress(body.data(), body.size(), &back));
      ASSERT_EQ(back, text);
      const auto framed = coder.deflate_framed(in_pieces(text, piece), blocks, urgency::draining);
      ASSERT_TRUE(framed);
      ASSERT_EQ(inflate_framed(coder, *framed)->text, text);
    }
  }
}

TEST_F(SnappyCoderPoolTest, SmallBodiesTakeOneBlock) {
  const std::string text = sample_body(3, 3000);
  const auto made = coder.deflate_block(whole(text), blocks, urgency::draining);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->pieces(), 1u);
  EXPECT_LE(made->retained_size(), 8_KiB);
}

TEST_F(SnappyCoderPoolTest, NoiseIsStoredInTheFramedStream) {
  std::mt19937 random(5);
  std::string noise(150000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const auto made = coder.deflate_framed(in_pieces(noise, 999), blocks, urgency::draining);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->size(), 10 + 3 * 8 + noise.size());
  EXPECT_EQ(inflate_framed(coder, *made)->text, noise);
}

TEST_F(SnappyCoderPoolTest, FragmentsCutByAPieceAreCountedAndOthersAreNot) {
  const std::string text = sample_body(4, 4 * 65536).substr(0, 4 * 65536);
  const auto straddle = static_cast<std::size_t>(ledger::reason::straddle);
  const bytes_chain even = in_pieces(text, 65536);
  const bytes_chain odd = cut_at(text, 100000);  // within the second fragment
  auto before = ledger::read().bytes[straddle];
  ASSERT_TRUE(coder.deflate_block(even, blocks, urgency::draining));
  ASSERT_TRUE(coder.deflate_framed(even, blocks, urgency::draining));
  EXPECT_EQ(ledger::read().bytes[straddle], before);
  ASSERT_TRUE(coder.deflate_block(odd, blocks, urgency::draining));
  EXPECT_EQ(ledger::read().bytes[straddle], before + 65536);
  ASSERT_TRUE(coder.deflate_framed(odd, blocks, urgency::draining));
  EXPECT_EQ(ledger::read().bytes[straddle], before + 2 * 65536);
}

TEST_F(SnappyCoderPoolTest, LargeBlocksInflateOverManyPoolBlocks) {
  const std::string text = sample_body(5, 3_MiB);
  const bytes_chain chain = in_pieces(block(text), 16384);
  piece_reader in(chain);
  const auto size = snappy_coder::block_size(in, SIZE_MAX);
  ASSERT_EQ(size, text.size());
  const auto done = coder.inflate_scattered(in, *size, blocks, urgency::ordinary);
  ASSERT_TRUE(done);
  EXPECT_GT(done->pieces(), 40u);
  EXPECT_EQ(text_of(*done), text);
}

TEST_F(SnappyCoderPoolTest, ABlockThatRefersBackAcrossPoolBlocksIsRight) {
  // A literal of 60, then copies with an offset of 60 for longer than one pool block.
  std::string body;
  const std::string literal = sample_body(6, 60).substr(0, 60);
  const std::size_t copies = 40000;
  const std::size_t size = 60 + 60 * copies;
  for (std::size_t n = size; n > 0; n >>= 7) {
    body.push_back(static_cast<char>((n & 0x7f) | (n >= 0x80 ? 0x80 : 0)));
  }
  body.push_back(static_cast<char>(59 << 2));
  body += literal;
  for (std::size_t i = 0; i < copies; ++i) body += std::string("\xee\x3c\x00", 3);
  const bytes_chain chain = in_pieces(body, 5000);
  piece_reader in(chain);
  ASSERT_EQ(snappy_coder::block_size(in, SIZE_MAX), size);
  const auto done = coder.inflate_scattered(in, size, blocks, urgency::ordinary);
  ASSERT_TRUE(done);
  const std::string text = text_of(*done);
  ASSERT_EQ(text.size(), size);
  for (std::size_t at = 0; at < size; at += 60) ASSERT_EQ(text.substr(at, 60), literal) << at;
}

TEST_F(SnappyCoderPoolTest, NoMemoryIsSaid) {
  quota none(0);
  pool empty(none);
  EXPECT_EQ(coder.deflate_block(whole("text"), empty, urgency::ordinary).error().code,
            errc::exhausted);
  EXPECT_EQ(coder.deflate_framed(whole("text"), empty, urgency::ordinary).error().code,
            errc::exhausted);
  quota little(8_KiB);
  pool small(little);
  const std::string text = sample_body(5, 300000);
  EXPECT_EQ(coder.deflate_block(whole(text), small, urgency::ordinary).error().code,
            errc::exhausted);
}

}  // namespace
}  // namespace zc::coders
