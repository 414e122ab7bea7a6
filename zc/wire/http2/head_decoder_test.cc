// What must hold of `head_decoder`: it reads what any HPACK peer writes; a block that it knows at
// sight says the same as if it had been decoded, also after the table has changed; nothing that a
// peer sends makes it read outside or keep more than it says.
//
// Method: nghttp2's deflater writes, with tables small and large; its input is the truth.

#include "zc/wire/http2/head_decoder.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "zc/testing/seed.h"

namespace zc::http2 {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

class writer {
 public:
  explicit writer(std::size_t table = 4'096) {
    EXPECT_EQ(nghttp2_hd_deflate_new(&handle_, table), 0);
  }
  ~writer() { nghttp2_hd_deflate_del(handle_); }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  std::string write(const pairs& fields, std::uint8_t flags = 0) {
    std::vector<nghttp2_nv> all;
    for (const auto& [name, value] : fields) {
      all.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), flags});
    }
    std::string block(nghttp2_hd_deflate_bound(handle_, all.data(), all.size()), '\0');
    const ssize_t n = nghttp2_hd_deflate_hd(handle_, reinterpret_cast<std::uint8_t*>(block.data()),
                                            block.size(), all.data(), all.size());
    EXPECT_GE(n, 0);
    block.resize(static_cast<std::size_t>(n));
    return block;
  }

 private:
  nghttp2_hd_deflater* handle_ = nullptr;
};

struct list final : field_sink {
  bool on_decoded(token known, std::string_view name, std::string_view value) override {
    EXPECT_EQ(known, token_of(name));
    fields.emplace_back(name, value);
    return fields.size() < at_most;
  }
  pairs fields;
  std::size_t at_most = SIZE_MAX;
};

result<void> decode(head_decoder& d, std::string_view block, list& to) {
  return d.decode(std::as_bytes(std::span(block)), to);
}

pairs read(head_decoder& d, std::string_view block) {
  list all;
  EXPECT_TRUE(decode(d, block, all));
  return all.fields;
}

const pairs head{{":status", "200"}, {"content-type", "application/grpc"}};
const pairs trailers{{"grpc-status", "0"}, {"grpc-message", ""}};

TEST(HeadDecoderTest, AnswersThatRepeatAreKnownAtSight) {
  writer w;
  head_decoder d;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(read(d, w.write(head)), head);
    ASSERT_EQ(read(d, w.write(trailers)), trailers);
  }
  EXPECT_GE(d.remembered(), 190u);
}

TEST(HeadDecoderTest, AChangedTableIsNoticed) {
  writer w;
  head_decoder d;
  for (int i = 0; i < 1'000; ++i) {
    // Every index moves with every answer.
    pairs moving = trailers;
    moving.emplace_back("grpc-server-stats", std::to_string(i));
    ASSERT_EQ(read(d, w.write(head)), head);
    ASSERT_EQ(read(d, w.write(moving)), moving);
    ASSERT_EQ(read(d, w.write(head)), head);
    ASSERT_EQ(read(d, w.write(head)), head);
  }
  EXPECT_GE(d.remembered(), 1'000u);
}

TEST(HeadDecoderTest, FieldsThatAreNotIndexedLeaveWhatIsKnown) {
  writer w;
  head_decoder d;
  static_cast<void>(read(d, w.write(head)));
  static_cast<void>(read(d, w.write(head)));
  const std::uint64_t before = d.remembered();
  for (int i = 0; i < 10; ++i) {
    const pairs one{{"grpc-message", std::to_string(i)}};
    ASSERT_EQ(read(d, w.write(one, NGHTTP2_NV_FLAG_NO_INDEX)), one);
    ASSERT_EQ(read(d, w.write(head)), head);
  }
  EXPECT_EQ(d.remembered(), before + 10);
}

TEST(HeadDecoderTest, WhatASinkRefusesEndsTheBlock) {
  writer w;
  head_decoder d;
  const std::string block = w.write(head);
  list one;
  one.at_most = 1;
  const auto done = decode(d, block, one);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::too_large);
  EXPECT_EQ(one.fields.size(), 1u);
}

TEST(HeadDecoderTest, ABlockThatIsKnownIsRefusedJustTheSame) {
  writer w;
  head_decoder d;
  for (int i = 0; i < 3; ++i) static_cast<void>(read(d, w.write(head)));
  list one;
  one.at_most = 1;
  EXPECT_FALSE(decode(d, w.write(head), one));
}

TEST(HeadDecoderTest, BrokenBlocksAreErrors) {
  for (const std::string_view bad :
       {std::string_view("\xff\xff\xff\xff\xff\xff\xff", 7), std::string_view("\xbe"),
        std::string_view("\x80"),
        std::string_view("\x40\x05"
                         "ab"),
        std::string_view("\x00\x01", 2), std::string_view("\x3f\xff\xff\xff\x7f", 5)}) {
    head_decoder d;
    list all;
    const auto done = decode(d, bad, all);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::malformed);
  }
}

TEST(HeadDecoderTest, WhatABlockDoesToTheTableIsSeenFromItsBytes) {
  EXPECT_TRUE(only_short_indexes("\x88\xbf\xfe"));
  EXPECT_FALSE(only_short_indexes("\x88\x80"));
  EXPECT_FALSE(only_short_indexes("\x88\xff"));
  EXPECT_FALSE(only_short_indexes("\x88\x0f"));
  EXPECT_FALSE(
      may_change_table(std::string_view("\x88\x00\x01"
                                        "a\x01"
                                        "b",
                                        6)));
  EXPECT_FALSE(
      may_change_table(std::string_view("\xff\x00\x1f\x02\x01"
                                        "b",
                                        6)));
  EXPECT_TRUE(
      may_change_table(std::string_view("\x40\x01"
                                        "a\x01"
                                        "b",
                                        5)));
  EXPECT_TRUE(may_change_table("\x20"));
  EXPECT_TRUE(
      may_change_table(std::string_view("\x00\x01"
                                        "a\x05"
                                        "b",
                                        5)));
  EXPECT_TRUE(may_change_table("\xff\xff\xff\xff\xff\xff\xff\xff"));
}

TEST(HeadDecoderTest, RandomHeadsAreReadAsTheyWereWritten) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 50; ++round) {
    writer w(random() % 2 == 0 ? 4'096 : 200);
    head_decoder d;
    std::vector<pairs> pool;
    for (int i = 0; i < 10; ++i) {
      pairs p{{":status", "200"}};
      for (unsigned n = random() % 4; n > 0; --n) {
        p.emplace_back("x" + std::to_string(random() % 5), std::to_string(random() % 5));
      }
      pool.push_back(p);
    }
    for (int i = 0; i < 400; ++i) {
      const pairs& p = pool[random() % pool.size()];
      const std::uint8_t flags = random() % 5 == 0 ? NGHTTP2_NV_FLAG_NO_INDEX : 0;
      ASSERT_EQ(read(d, w.write(p, flags)), p);
    }
  }
}

}  // namespace
}  // namespace zc::http2
