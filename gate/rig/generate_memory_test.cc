// What must hold of the memory of templates: drawing takes the one block that the template is, and
// some paper. Who copies a finished request, or puts it together of drafts, is seen here even where
// no ledger counts.
#include <string>

#include <gtest/gtest.h>

#include "gate/rig/generate.h"
#include "gate/rig/scenery.h"
#include "zc/testing/allocations.h"

namespace sluice::rig {
namespace {

using otlp::signal;
constexpr signal drawn[] = {signal::traces, signal::metrics, signal::logs};
constexpr scene what{.items = 1'000, .resources = 4};

TEST(GenerateMemoryTest, ATemplateIsTheBlockOfItsDraft) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  for (const signal s : drawn) {
    dice d(1);
    draft request(expected_size(s, what));
    draw_request(request, s, what, d);
    const std::size_t size = request.size();
    const auto before = zc::testing::allocations();
    const request_template made(std::move(request), what.items);
    // The offsets of its words, in four vectors that grow.
    EXPECT_LT(zc::testing::allocations().bytes - before.bytes, size / 4) << otlp::name_of(s);
    EXPECT_EQ(made.size(), size);
  }
}

TEST(GenerateMemoryTest, AttributesAndNestedMessagesAllocateNothing) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  draft d(64 * 1'024);
  const std::string value(300, 'v');
  const auto before = zc::testing::allocations();
  for (int i = 0; i < 100; ++i) {
    d.message(1, [&] {
      d.message(2, [&] {
        d.attribute(9, "key", value);
        d.attribute(9, "count", i);
        d.attribute(9, "share", 0.5);
        d.attribute(9, "ok", true);
      });
    });
  }
  EXPECT_EQ(zc::testing::allocations().times, before.times);
}

}  // namespace
}  // namespace sluice::rig
