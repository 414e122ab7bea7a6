// What must hold of aligned memory: it starts where it says, two padded values never share lines,
// and an aligned buffer becomes bytes without moving.
#include "zc/mem/aligned.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/base/ledger.h"

namespace zc {
namespace {

std::uintptr_t address(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p);
}

struct counts {
  std::atomic<std::uint64_t> a{1};
  std::atomic<std::uint64_t> b{2};
};
struct final_one final {
  int n = 4;
};

TEST(AlignedTest, PaddedValuesShareNoLine) {
  std::array<padded<counts>, 3> several;
  EXPECT_EQ(address(&several[0]) % destructive_size, 0U);
  EXPECT_GE(address(&several[1].a) - address(&several[0].b), destructive_size - sizeof(counts));
  EXPECT_EQ(sizeof(several), 3 * destructive_size);
  const counts& as_it_is = several[1];
  EXPECT_EQ(as_it_is.b.load(), 2U);
  std::deque<padded<counts>> growing;
  for (int i = 0; i < 100; ++i) {
    growing.emplace_back();
    EXPECT_EQ(address(&growing.back()) % destructive_size, 0U);
  }
  EXPECT_EQ(padded<int>{}.value, 0);
  EXPECT_EQ(padded<final_one>{}.value.n, 4);
}

TEST(AlignedTest, VectorsStartACacheLine) {
  cache_aligned_vector<std::uint16_t> v;
  for (int i = 0; i < 1000; ++i) {
    v.push_back(1);
    ASSERT_EQ(address(v.data()) % cache_line, 0U);
  }
  per_core<std::uint64_t> sums(3);
  EXPECT_EQ(address(&sums[2]) % destructive_size, 0U);
}

TEST(AlignedTest, ABufferStartsAPage) {
  for (const std::size_t alignment : {std::size_t{512}, io_alignment, std::size_t{1} << 21}) {
    auto b = aligned_buffer::try_make(100, alignment);
    ASSERT_TRUE(b);
    EXPECT_EQ(address(b.data()) % alignment, 0U);
    EXPECT_EQ(b.size(), 100U);
  }
  auto zeroed = aligned_buffer::try_make_zeroed(5000);
  for (const std::byte each : zeroed.view()) ASSERT_EQ(each, std::byte{0});
}

TEST(AlignedTest, ABufferBecomesBytesWhereItLies) {
  auto b = aligned_buffer::try_make(io_alignment);
  std::byte* const at = b.data();
  at[0] = std::byte{'h'};
  at[1] = std::byte{'i'};
  const auto before = ledger::read().copied();
  bytes_builder made = std::move(b).into_builder(2);
  EXPECT_FALSE(b);
  EXPECT_EQ(made.retained_size(), io_alignment);
  EXPECT_EQ(made.spare().size(), io_alignment - 2);
  const bytes text = std::move(made).freeze();
  EXPECT_EQ(text.data(), at);
  EXPECT_EQ(text.text(), "hi");
  EXPECT_EQ(ledger::read().copied(), before);
}

// Buffers of any size and boundary, moved about, against strings; then they become bytes.
TEST(AlignedTest, BuffersAgreeWithStringsAndStayWhereTheyAre) {
  const auto property = [](const std::vector<std::uint16_t>& steps) {
    struct slot {
      aligned_buffer real;
      std::string model;
      const std::byte* at = nullptr;
    };
    std::array<slot, 4> slots;
    std::vector<std::pair<bytes, std::string>> made;
    const auto before = ledger::read().copied();
    for (const std::uint16_t step : steps) {
      slot& one = slots[step % 4];
      slot& other = slots[step / 4 % 4];
      const std::size_t n = step / 16;
      switch (n % 4) {
        case 0:
        case 1: {
          const std::size_t alignment = std::size_t{1} << n % 14;
          one.real = n % 4 == 0 ? aligned_buffer::try_make(n + 1, alignment)
                                : aligned_buffer::try_make_zeroed(n + 1, alignment);
          RC_ASSERT(address(one.real.data()) % alignment == 0u);
          RC_ASSERT(one.real.alignment() == alignment);
          one.at = one.real.data();
          one.model.assign(n + 1, n % 4 == 0 ? static_cast<char>('a' + n % 26) : '\0');
          if (n % 4 == 0) std::ranges::fill(one.real.view(), static_cast<std::byte>('a' + n % 26));
          break;
        }
        case 2:
          if (&one == &other) break;
          one = std::move(other);
          other = {};
          break;
        default: {
          if (!one.real) break;
          const std::size_t written = n % (one.model.size() + 1);
          bytes_builder b = std::move(one.real).into_builder(written);
          RC_ASSERT(b.spare().size() == one.model.size() - written);
          b.commit(b.spare().size() / 2);
          one.model.resize(written + (one.model.size() - written) / 2);
          made.emplace_back(std::move(b).freeze(), one.model);
          if (!one.model.empty()) RC_ASSERT(made.back().first.data() == one.at);
          one = {};
        }
      }
      for (slot& s : slots) {
        RC_ASSERT(static_cast<bool>(s.real) == !s.model.empty());
        RC_ASSERT(s.real.size() == s.model.size());
        RC_ASSERT(s.real.data() == s.at);
        RC_ASSERT(std::ranges::equal(s.real.view(), std::as_bytes(std::span(s.model))));
      }
    }
    for (const auto& [real, model] : made) RC_ASSERT(real == model);
    RC_ASSERT(ledger::read().copied() == before);
  };
  EXPECT_TRUE(rc::check("aligned buffers agree with strings", property));
}

TEST(AlignedTest, SizesNobodyHasAreAValueNotACrash) {
  EXPECT_FALSE(aligned_buffer::try_make(SIZE_MAX));
  EXPECT_FALSE(aligned_buffer::try_make(SIZE_MAX - io_alignment));
  EXPECT_THROW((void)(aligned_allocator<int, 64>().allocate(SIZE_MAX / 2)),
               std::bad_array_new_length);
  prefetch_read(nullptr);
  prefetch_write(nullptr);
  prefetch_once(nullptr);
}

TEST(AlignedDeathTest, BrokenContractsAreNamed) {
  EXPECT_DEATH((void)aligned_buffer::try_make(0), "aligned_buffer requires a size");
  EXPECT_DEATH((void)aligned_buffer::try_make(1, 48), "a power of two");
  EXPECT_DEATH((void)aligned_buffer().into_builder(), "into_builder requires memory");
}

}  // namespace
}  // namespace zc
