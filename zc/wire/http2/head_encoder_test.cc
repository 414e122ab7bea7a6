// What must hold of `head_encoder`: whoever speaks HPACK reads the fields that were put, in their
// order, whatever came before and however large the peer lets its table be; and what repeats
// becomes a byte per field.
//
// Method: nghttp2's inflater is the reader. Its static table is the judge of ours.

#include "zc/wire/http2/head_encoder.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "zc/testing/seed.h"
#include "zc/wire/http2/static_table.h"

namespace zc::http2 {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

class reader {
 public:
  reader() { EXPECT_EQ(nghttp2_hd_inflate_new(&handle_), 0); }
  ~reader() { nghttp2_hd_inflate_del(handle_); }
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  void table_bytes(std::size_t n) {
    EXPECT_EQ(nghttp2_hd_inflate_change_table_size(handle_, n), 0);
  }
  std::size_t table_bytes() { return nghttp2_hd_inflate_get_dynamic_table_size(handle_); }

  pairs read(std::string_view block) {
    pairs all;
    never_indexed = 0;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t n = nghttp2_hd_inflate_hd2(handle_, &nv, &flags, at, left, 1);
      if (n < 0) {
        ADD_FAILURE() << nghttp2_strerror(static_cast<int>(n));
        return all;
      }
      at += n;
      left -= static_cast<std::size_t>(n);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        all.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                         std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
        never_indexed += (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(handle_);
    return all;
  }
  int never_indexed = 0;

 private:
  nghttp2_hd_inflater* handle_ = nullptr;
};

const std::vector<field> common{{":method", "POST", true},
                                {":scheme", "http", true},
                                {":authority", "127.0.0.1:4317", true},
                                {"content-type", "application/grpc", true},
                                {"te", "trailers", true},
                                {"user-agent", "zc", true}};
constexpr std::string_view logs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

pairs expected(std::string_view path, std::string_view timeout = {}) {
  pairs all{{":path", std::string(path)}};
  for (const field& f : common) all.emplace_back(f.name, f.value);
  if (!timeout.empty()) all.emplace_back("grpc-timeout", timeout);
  return all;
}

std::string request(head_encoder& e, std::string_view path, std::string_view timeout = {}) {
  e.begin();
  e.put({":path", path, true});
  e.put_common();
  if (!timeout.empty()) e.put({"grpc-timeout", timeout});
  return std::string(e.block());
}

TEST(StaticTableTest, IsTheOneThatOthersHave) {
  nghttp2_hd_inflater* other = nullptr;
  ASSERT_EQ(nghttp2_hd_inflate_new(&other), 0);
  for (std::size_t i = 0; i < static_table.size(); ++i) {
    const nghttp2_nv* const nv = nghttp2_hd_inflate_get_table_entry(other, i + 1);
    ASSERT_NE(nv, nullptr);
    EXPECT_EQ(static_table[i].name,
              std::string_view(reinterpret_cast<char*>(nv->name), nv->namelen));
    EXPECT_EQ(static_table[i].value,
              std::string_view(reinterpret_cast<char*>(nv->value), nv->valuelen));
  }
  nghttp2_hd_inflate_del(other);
}

TEST(HeadEncoderTest, WhatRepeatsBecomesAByteForEachField) {
  head_encoder e(common);
  reader r;
  EXPECT_EQ(r.read(request(e, logs, "5S")), expected(logs, "5S"));
  const std::string second = request(e, logs, "5S");
  EXPECT_EQ(r.read(second), expected(logs, "5S"));
  EXPECT_EQ(second.size(), common.size() + 2);
  EXPECT_EQ(request(e, logs, "5S"), second);
}

TEST(HeadEncoderTest, AVaryingDeadlineLeavesTheTableAlone) {
  head_encoder e(common);
  reader r;
  static_cast<void>(r.read(request(e, logs, "5000000u")));
  const std::size_t entries = e.table_entries();
  for (int i = 0; i < 1'000; ++i) {
    const std::string timeout = std::to_string(4'000'000 + i) + 'u';
    const std::string block = request(e, logs, timeout);
    ASSERT_EQ(r.read(block), expected(logs, timeout));
    ASSERT_LE(block.size(), common.size() + 1 + 3 + timeout.size());
  }
  EXPECT_EQ(e.table_entries(), entries);
}

TEST(HeadEncoderTest, SeveralPathsEnterTheTableOnceEach) {
  head_encoder e(common);
  reader r;
  const std::vector<std::string> paths{"/a.Logs/Export", "/a.Traces/Export", "/a.Metrics/Export"};
  for (int round = 0; round < 3; ++round) {
    for (const std::string& path : paths) {
      const std::string block = request(e, path);
      ASSERT_EQ(r.read(block), expected(path));
      if (round > 0) {
        EXPECT_EQ(block.size(), common.size() + 1);
      }
    }
  }
  EXPECT_EQ(r.table_bytes(), e.table_bytes());
}

TEST(HeadEncoderTest, AFullTableIsLeftAsItIsAndTheRestIsSentInFull) {
  std::vector<field> many;
  std::vector<std::string> texts;
  texts.reserve(60);
  for (int i = 0; i < 60; ++i)
    texts.push_back("x-field-" + std::to_string(i) + std::string(100, 'v'));
  for (const std::string& t : texts) many.push_back({std::string_view(t).substr(0, 10), t, true});
  head_encoder e(many);
  reader r;
  for (int round = 0; round < 4; ++round) {
    e.begin();
    e.put({":path", logs, true});
    e.put_common();
    const pairs got = r.read(e.block());
    ASSERT_EQ(got.size(), many.size() + 1);
    for (std::size_t i = 0; i < many.size(); ++i) ASSERT_EQ(got[i + 1].second, many[i].value);
  }
  EXPECT_LE(e.table_bytes(), head_encoder::table_bytes_max);
  EXPECT_GT(e.table_bytes(), head_encoder::table_bytes_max / 2);
  EXPECT_EQ(r.table_bytes(), e.table_bytes());
}

TEST(HeadEncoderTest, SecretsStayOutOfAllTables) {
  const std::vector<field> with_secret{{"authorization", "Bearer 1", true, true}};
  head_encoder e(with_secret);
  reader r;
  for (int i = 0; i < 3; ++i) {
    e.begin();
    e.put_common();
    EXPECT_EQ(r.read(e.block()), (pairs{{"authorization", "Bearer 1"}}));
    EXPECT_EQ(r.never_indexed, 1);
  }
  EXPECT_EQ(e.table_entries(), 0u);
}

TEST(HeadEncoderTest, APeerWithoutATableGetsEverythingInFull) {
  head_encoder e(common);
  reader r;
  r.table_bytes(0);
  e.peer_table_bytes(0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(r.read(request(e, logs, "1S")), expected(logs, "1S"));
  EXPECT_EQ(e.table_entries(), 0u);
}

TEST(HeadEncoderTest, APeerThatShrinksItsTableIsToldAndFollowed) {
  head_encoder e(common);
  reader r;
  EXPECT_EQ(r.read(request(e, logs)), expected(logs));
  for (const std::uint32_t size : {100u, 0u, 300u, 65'536u, 64u, 4'096u}) {
    e.peer_table_bytes(size);
    r.table_bytes(size);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(r.read(request(e, logs)), expected(logs)) << size;
    EXPECT_LE(e.table_bytes(), size);
    EXPECT_EQ(r.table_bytes(), e.table_bytes());
  }
}

// The smallest size in between has emptied the peer's table, whatever came after it.
TEST(HeadEncoderTest, ASizeThatChangesTwiceBetweenBlocksIsToldWithTheSmallest) {
  for (const std::uint32_t last : {4'096u, 200u, 65'536u}) {
    for (const std::uint32_t smallest : {0u, 100u}) {
      head_encoder e(common);
      reader r;
      EXPECT_EQ(r.read(request(e, logs)), expected(logs));
      for (const std::uint32_t size : {300u, smallest, last}) {
        e.peer_table_bytes(size);
        r.table_bytes(size);
      }
      for (int i = 0; i < 3; ++i) ASSERT_EQ(r.read(request(e, logs)), expected(logs)) << last;
      EXPECT_EQ(r.table_bytes(), e.table_bytes());
    }
  }
}

TEST(HeadEncoderTest, ATableThatWasEmptyAllTheTimeIsToldTheSmallestSizeToo) {
  head_encoder e(common);
  reader r;
  for (const std::uint32_t size : {0u, 4'096u}) {
    e.peer_table_bytes(size);
    r.table_bytes(size);
  }
  EXPECT_EQ(r.read(request(e, logs)), expected(logs));
}

TEST(HeadEncoderTest, LongTextsAndManyFieldsSurvive) {
  head_encoder e;
  reader r;
  for (const std::size_t size :
       {0u, 1u, 126u, 127u, 128u, 254u, 255u, 256u, 16'383u, 16'384u, 65'000u}) {
    const std::string value(size, 'v');
    e.begin();
    e.put({"x-long", value, true});
    e.put({"x-long", value, false});
    const pairs got = r.read(e.block());
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0].second, value);
    EXPECT_EQ(got[1].second, value);
  }
}

TEST(HeadEncoderTest, RandomHeadsAreReadAsTheyWerePut) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  const auto text = [&](std::size_t longest) {
    std::string t(1 + random() % longest, '\0');
    for (char& c : t) c = static_cast<char>('a' + random() % 3);
    return t;
  };
  for (int round = 0; round < 100; ++round) {
    head_encoder e(common);
    reader r;
    for (int i = 0; i < 100; ++i) {
      if (random() % 20 == 0) {
        const std::uint32_t size = random() % 5'000;
        e.peer_table_bytes(size);
        r.table_bytes(size);
      }
      pairs wanted;
      e.begin();
      for (unsigned n = random() % 6; n > 0; --n) {
        const std::string name = random() % 4 == 0 ? std::string("content-type") : text(4);
        const std::string value = text(random() % 10 == 0 ? 300 : 3);
        e.put({name, value, random() % 2 == 0, random() % 8 == 0});
        wanted.emplace_back(name, value);
      }
      if (random() % 2 == 0) {
        e.put_common();
        for (const field& f : common) wanted.emplace_back(f.name, f.value);
      }
      ASSERT_EQ(r.read(e.block()), wanted);
      ASSERT_EQ(r.table_bytes(), e.table_bytes());
    }
  }
}

}  // namespace
}  // namespace zc::http2
