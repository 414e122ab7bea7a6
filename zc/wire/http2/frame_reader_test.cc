// What must hold of `frame_reader`: however the bytes are cut, the frames are the same; payload of
// DATA is never held back nor moved, that of control frames comes whole.

#include "zc/wire/http2/frame_reader.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/seed.h"

namespace zc::http2 {
namespace {

std::string frame(frame_type type, std::int32_t id, std::string_view payload) {
  std::string f(frame_head_bytes, '\0');
  write_frame_head(std::as_writable_bytes(std::span(f)).first<frame_head_bytes>(),
                   {static_cast<std::uint32_t>(payload.size()), type, 0, id});
  return f.append(payload);
}

struct seen {
  frame_type type;
  std::int32_t id;
  std::string payload;
  bool operator==(const seen&) const = default;
};

// Feeds the pieces and writes down the frames that ended.
class listener {
 public:
  void feed(std::string_view text) {
    std::span<const std::byte> input = std::as_bytes(std::span(text));
    for (;;) {
      switch (reader.next(input)) {
        case frame_reader::part::nothing:
          EXPECT_TRUE(input.empty());
          return;
        case frame_reader::part::head:
          frames.push_back({reader.head().type, reader.head().id, {}});
          break;
        case frame_reader::part::payload:
          frames.back().payload += std::string_view(
              reinterpret_cast<const char*>(reader.payload().data()), reader.payload().size());
          pieces += 1;
          whole += reader.last();
          break;
      }
    }
  }
  frame_reader reader;
  std::vector<seen> frames;
  int pieces = 0;
  int whole = 0;
};

std::string sample() {
  return frame(frame_type::settings, 0, "123456") + frame(frame_type::data, 1, "") +
         frame(frame_type::headers, 3, "block") + frame(frame_type::data, 3, "payload") +
         frame(frame_type{0x42}, 0, "unknown") + frame(frame_type::ping, 0, "12345678");
}

TEST(FrameReaderTest, OneReadGivesEveryFrameInOnePiece) {
  listener l;
  l.feed(sample());
  ASSERT_EQ(l.frames.size(), 6u);
  EXPECT_EQ(l.pieces, 6);
  EXPECT_EQ(l.frames[3], (seen{frame_type::data, 3, "payload"}));
  EXPECT_TRUE(l.reader.between());
}

TEST(FrameReaderTest, EveryCutGivesTheSameFrames) {
  listener uncut;
  uncut.feed(sample());
  const std::string all = sample();
  for (std::size_t a = 0; a <= all.size(); ++a) {
    for (std::size_t b = a; b <= all.size(); ++b) {
      listener l;
      l.feed(std::string_view(all).substr(0, a));
      l.feed(std::string_view(all).substr(a, b - a));
      l.feed(std::string_view(all).substr(b));
      ASSERT_EQ(l.frames, uncut.frames) << a << ' ' << b;
      ASSERT_EQ(l.whole, 6);
    }
  }
}

TEST(FrameReaderTest, PayloadOfDataIsHandedOutWhereItLies) {
  const std::string text = frame(frame_type::data, 1, "payload");
  std::span<const std::byte> input = std::as_bytes(std::span(text)).first(12);
  frame_reader r;
  ASSERT_EQ(r.next(input), frame_reader::part::head);
  ASSERT_EQ(r.next(input), frame_reader::part::payload);
  EXPECT_EQ(static_cast<const void*>(r.payload().data()), text.data() + 9);
  EXPECT_EQ(r.payload().size(), 3u);
  EXPECT_FALSE(r.last());
  EXPECT_EQ(r.next(input), frame_reader::part::nothing);
}

TEST(FrameReaderTest, AControlFrameIsHeldUntilItIsWhole) {
  const std::string text = frame(frame_type::ping, 0, "12345678");
  listener l;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) l.feed(std::string_view(text).substr(i, 1));
  EXPECT_EQ(l.pieces, 0);
  EXPECT_FALSE(l.reader.between());
  l.feed(std::string_view(text).substr(text.size() - 1));
  EXPECT_EQ(l.pieces, 1);
  EXPECT_EQ(l.frames.at(0).payload, "12345678");
}

TEST(FrameReaderTest, RandomFramesInRandomPiecesAgreeWithWhatWasWritten) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 200; ++round) {
    std::vector<seen> wrote;
    std::string all;
    for (unsigned n = random() % 20; n > 0; --n) {
      const seen s{static_cast<frame_type>(random() % 12),
                   static_cast<std::int32_t>(random() % 1000), std::string(random() % 40, 'p')};
      wrote.push_back(s);
      all += frame(s.type, s.id, s.payload);
    }
    listener l;
    for (std::string_view left = all; !left.empty();) {
      const std::size_t now = std::min<std::size_t>(left.size(), random() % 30);
      l.feed(left.substr(0, now));
      left.remove_prefix(now);
    }
    ASSERT_EQ(l.frames, wrote);
  }
}

}  // namespace
}  // namespace zc::http2
