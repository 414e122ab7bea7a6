// What must hold of `stream_table`: it finds what is in it and nothing else, whatever was inserted
// and erased before. Method: random operations against std::map.

#include "zc/wire/http2/stream_table.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/seed.h"

namespace zc::http2 {
namespace {

struct thing {};

TEST(StreamTableTest, AnEmptyTableFindsNothing) {
  stream_table<thing> t;
  EXPECT_EQ(t.find(1), nullptr);
  t.erase(1);
  EXPECT_EQ(t.size(), 0u);
}

TEST(StreamTableTest, StreamsThatStayForEverAreFoundAmongThoseThatCome) {
  stream_table<thing> t;
  thing old, young;
  t.insert(1, old);
  for (std::int32_t id = 3; id < 100'000; id += 2) {
    t.insert(id, young);
    ASSERT_EQ(t.find(1), &old);
    ASSERT_EQ(t.find(id), &young);
    t.erase(id);
    ASSERT_EQ(t.find(id), nullptr);
  }
  EXPECT_EQ(t.size(), 1u);
}

TEST(StreamTableTest, RandomOperationsAgreeWithAMap) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 50; ++round) {
    stream_table<thing> real;
    std::map<std::int32_t, thing*> model;
    std::vector<thing> things(64);
    const std::int32_t spread = 1 << (4 + random() % 20);  // from dense to far apart
    for (int i = 0; i < 2'000; ++i) {
      const auto id =
          static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(spread)) * 2 + 1;
      if (random() % 2 == 0) {
        real.erase(id);
        model.erase(id);
      } else if (!model.contains(id)) {
        thing& it = things[random() % things.size()];
        real.insert(id, it);
        model.emplace(id, &it);
      }
      ASSERT_EQ(real.size(), model.size());
      const auto asked =
          static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(spread)) * 2 + 1;
      const auto known = model.find(asked);
      ASSERT_EQ(real.find(asked), known == model.end() ? nullptr : known->second);
    }
    for (const auto& [id, it] : model) ASSERT_EQ(real.find(id), it);
  }
}

}  // namespace
}  // namespace zc::http2
