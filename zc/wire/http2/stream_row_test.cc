// What must hold of a row: streams stand in the order in which they came, and leave from anywhere.
// Method: any list of pushes and removals against a std::vector.

#include "zc/wire/http2/stream_row.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc::http2 {
namespace {

struct stream {
  row_links<stream> one;
  row_links<stream> other;
};
using one_row = stream_row<stream, &stream::one>;
using other_row = stream_row<stream, &stream::other>;

template <class Row>
void check(const Row& real, const std::vector<stream*>& model) {
  RC_ASSERT(real.first() == (model.empty() ? nullptr : model.front()));
  RC_ASSERT(real.last() == (model.empty() ? nullptr : model.back()));
  std::vector<stream*> seen;
  for (stream* s = real.first(); s != nullptr && seen.size() <= model.size(); s = Row::after(*s)) {
    seen.push_back(s);
  }
  RC_ASSERT(seen == model);
}

// Puts it in where it is not, and takes it out where it is.
template <class Row>
void toggle(Row& real, std::vector<stream*>& model, stream& s) {
  if (std::erase(model, &s) > 0) {
    real.remove(s);
  } else {
    real.push_back(s);
    model.push_back(&s);
  }
}

TEST(StreamRowTest, TwoRowsOfTheSameStreamsAgreeWithTwoVectors) {
  const auto property = [](const std::vector<std::pair<bool, unsigned char>>& steps) {
    std::array<stream, 7> streams;
    one_row one;
    other_row other;
    std::vector<stream*> one_model, other_model;
    for (const auto& [which, number] : steps) {
      stream& s = streams[number % streams.size()];
      which ? toggle(one, one_model, s) : toggle(other, other_model, s);
      check(one, one_model);
      check(other, other_model);
    }
  };
  EXPECT_TRUE(rc::check("rows agree with vectors", property));
}

}  // namespace
}  // namespace zc::http2
