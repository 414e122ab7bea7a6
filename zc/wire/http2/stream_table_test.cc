// What must hold of `stream_table`: it finds what is in it and nothing else, whatever was inserted
// and erased before. Method: any list of operations against std::map.

#include "zc/wire/http2/stream_table.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

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

// To do with a stream: `insert` where it is not there, or erase.
struct change {
  bool insert;
  std::int32_t id;
  std::size_t what;
};
std::ostream& operator<<(std::ostream& to, const change& c) {
  return to << (c.insert ? "insert " : "erase ") << c.id;
}

TEST(StreamTableTest, AgreesWithAMap) {
  const auto property = [] {
    stream_table<thing> real;
    std::map<std::int32_t, thing*> model;
    std::vector<thing> things(16);
    // From dense, where many share a home, to far apart.
    const std::int32_t spread = 1 << *rc::gen::inRange(4, 30);
    const auto ids = rc::gen::map(rc::gen::inRange<std::int32_t>(0, spread),
                                  [](std::int32_t n) { return n * 2 + 1; });
    const auto changes = rc::gen::construct<change>(rc::gen::arbitrary<bool>(), ids,
                                                    rc::gen::inRange<std::size_t>(0, 16));
    const auto all = *rc::gen::scale(10.0, rc::gen::container<std::vector<change>>(changes));
    for (const change& c : all) {
      if (!c.insert) {
        real.erase(c.id);
        model.erase(c.id);
      } else if (model.emplace(c.id, &things[c.what]).second) {
        real.insert(c.id, things[c.what]);
      }
      RC_ASSERT(real.size() == model.size());
      const auto known = model.find(c.id);
      RC_ASSERT(real.find(c.id) == (known == model.end() ? nullptr : known->second));
    }
    for (const change& c : all) {
      const auto known = model.find(c.id);
      RC_ASSERT(real.find(c.id) == (known == model.end() ? nullptr : known->second));
    }
  };
  EXPECT_TRUE(rc::check("a stream table agrees with a map", property));
}

}  // namespace
}  // namespace zc::http2
