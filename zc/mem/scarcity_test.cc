// What must hold of all nouns here when memory runs out at any allocation: nothing leaks, and what
// failed is as it was before.
//
// Method: each operation runs with its first allocation failing, then its second, until none fails.

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"
#include "zc/testing/failing_allocator.h"

namespace zc {
namespace {

class ScarcityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::allocations_are_counted) GTEST_SKIP() << "the sanitizer keeps its own operators";
    (void)ledger::read();  // its tables are made once
    (void)bytes::copy_of("warm");
  }
};

// `change` may throw bad_alloc; then `subject` must equal what it was before.
template <class T, class Change>
void unchanged_by_failure(const T& start, Change change) {
  testing::fail_each_allocation([&] {
    T subject;
    {
      const testing::failing_allocator::pause ours;
      subject = start;
    }
    try {
      change(subject);
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(subject, start);
      throw;
    }
  });
}

bytes_chain many_pieces(std::size_t n) {
  bytes_chain c;
  for (std::size_t i = 0; i < n; ++i) c.append(bytes::copy_of(std::string(700, 'm')));
  return c;
}

TEST_F(ScarcityTest, BytesAreMadeWhollyOrNotAtAll) {
  EXPECT_EQ(testing::fail_each_allocation([] { (void)bytes::copy_of("abc"); }), 1u);
  EXPECT_EQ(testing::fail_each_allocation([] {
              const bytes large = bytes::copy_of(std::string(10'000, 'x'));
              const bytes part = large.slice_or_copy(5, 5);
              const bytes own = large.slice(0, 10).compact_copy();
              std::vector<bytes> pieces;
              large.split_each(100, std::back_inserter(pieces));
            }),
            12u);
}

TEST_F(ScarcityTest, AStringThatCouldNotBeMovedInIsStillThere) {
  std::string text(1000, 's');
  {
    testing::failing_allocator hostile(testing::failing_allocator::nth(1));
    EXPECT_THROW((void)bytes::from_string(std::move(text)), std::bad_alloc);
  }
  EXPECT_EQ(text.size(), 1000u);
}

TEST_F(ScarcityTest, ForeignMemoryIsGivenBackWhenThereIsNoRoomForTheClaim) {
  static std::byte memory[16];
  int given_back = 0;
  {
    testing::failing_allocator hostile(testing::failing_allocator::nth(1));
    EXPECT_THROW((void)bytes::adopt(memory, [&] { ++given_back; }), std::bad_alloc);
  }
  EXPECT_EQ(given_back, 1);
}

TEST_F(ScarcityTest, ABuilderThatCannotGrowKeepsWhatItHas) {
  testing::fail_each_allocation([] {
    bytes_builder b;
    std::string written;
    {
      const testing::failing_allocator::pause ours;
      written.reserve(1000);
    }
    for (int i = 0; i < 50; ++i) {
      try {
        b.append_copy("0123456789");
      } catch (const std::bad_alloc&) {
        EXPECT_EQ(b.size(), written.size());
        EXPECT_EQ(b.take(), written);
        throw;
      }
      written += "0123456789";
    }
    EXPECT_TRUE(b.try_reserve(10));
  });
  testing::failing_allocator hostile(testing::failing_allocator::all_from(1));
  bytes_builder none;
  EXPECT_FALSE(none.try_reserve(1));
  EXPECT_FALSE(none);
}

TEST_F(ScarcityTest, AChainThatCannotChangeStaysAsItWas) {
  const bytes_chain start = many_pieces(8);  // full: every addition must grow
  const bytes_chain more = many_pieces(9);
  const bytes piece = bytes::copy_of(std::string(600, 'p'));
  unchanged_by_failure(start, [&](bytes_chain& c) { c.append(piece); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.prepend(piece); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.append(more); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.append(c); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.prepend(more); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.insert(1000, more); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.append_copy("small"); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.prepend_copy("small"); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c.append_or_copy("small"_bytes); });
  unchanged_by_failure(start, [&](bytes_chain& c) {
    bytes_chain mixed;
    for (int i = 0; i < 5; ++i) {
      mixed.append(piece);
      mixed.append("small"_bytes);
    }
    c.append_or_copy(mixed);
  });
  unchanged_by_failure(start, [&](bytes_chain& c) { (void)c.split_to(4900); });
  unchanged_by_failure(start, [&](bytes_chain& c) { (void)c.split_off(4900); });
  unchanged_by_failure(start, [&](bytes_chain& c) { (void)c.slice(10, 5000); });
  unchanged_by_failure(start, [&](bytes_chain& c) { (void)c.flatten_copy(); });
  unchanged_by_failure(start, [&](bytes_chain& c) { (void)c.compact_copy({.waste_min = 0}); });
  unchanged_by_failure(start, [&](bytes_chain& c) { c = more; });
}

TEST_F(ScarcityTest, ACursorThatCannotTakeStaysWhereItWas) {
  const bytes_chain c = many_pieces(8);
  testing::fail_each_allocation([&] {
    chain_cursor at(c);
    at.skip(10);
    try {
      (void)at.take(5000);
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(at.position(), 10u);
      throw;
    }
  });
}

}  // namespace
}  // namespace zc
