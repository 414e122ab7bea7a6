// What must hold of shared_array: one allocation, elements made and destroyed exactly once whatever
// throws, sharing copies none of them, and nobody writes what another one reads.
#include "zc/mem/shared_array.h"

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/base/sendable.h"
#include "zc/mem/local_ptr.h"

namespace zc {

struct shared_array_probe {
  template <class T>
  static void force_refs(const shared_array<T>& a, std::uint32_t n) {
    a.block_->force_refs(n);
  }
};

namespace {

struct alignas(64) wide {
  int number = 3;
};

struct counted {
  static inline int alive = 0;
  static inline int throws_at = -1;
  static inline std::vector<int> deaths;
  explicit counted(int n = 0) : number(n) { begin(); }
  counted(const counted& other) : number(other.number) { begin(); }
  ~counted() {
    alive -= 1;
    deaths.push_back(number);
  }
  void begin() {
    if (alive == throws_at) throw std::runtime_error("no");
    alive += 1;
  }
  int number;
};

static_assert(sendable<shared_array<int>> && sendable<shared_span<std::string>>);
static_assert(!sendable<shared_array<local_ptr<int>>>);
static_assert(!std::is_copy_constructible_v<unique_array<int>>);
static_assert(std::ranges::contiguous_range<const shared_array<int>&>);

std::uint64_t copied() {
  return ledger::read().copied();
}

TEST(SharedArrayTest, MadeFromAListOrARange) {
  const shared_array<std::string> a{"one", "two", "three"};
  EXPECT_EQ(a.size(), 3U);
  EXPECT_EQ(a[2], "three");
  const std::list<const char*> source{"one", "two", "three"};
  EXPECT_EQ(shared_array<std::string>::from_range(source), a);
  std::vector<std::unique_ptr<int>> owners;
  for (int i = 0; i < 3; ++i) owners.push_back(std::make_unique<int>(i));
  const auto moved = shared_array<std::unique_ptr<int>>::from_range(std::ranges::subrange(
      std::make_move_iterator(owners.begin()), std::make_move_iterator(owners.end())));
  EXPECT_EQ(*moved[2], 2);
  EXPECT_EQ(owners[2], nullptr);
}

TEST(SharedArrayTest, SharingCopiesNoElement) {
  const auto before = copied();
  const shared_array<int> a{1, 2, 3};
  const shared_array<int> b = a;
  const shared_span<int> part = b.slice(1, 2);
  EXPECT_EQ(b.data(), a.data());
  EXPECT_EQ(part.data(), a.data() + 1);
  EXPECT_TRUE(part.shares_with(a));
  EXPECT_FALSE(a.unique());
  const shared_span<int> last = part.slice(1, 1);
  EXPECT_EQ(last[0], 3);
  EXPECT_EQ(copied(), before);
}

TEST(SharedArrayTest, APartKeepsTheWholeAndAnEmptyPartKeepsNothing) {
  shared_span<std::string> part;
  {
    shared_array<std::string> a{"a text that is allocated for certain, it is so long", "b"};
    part = a.slice(0, 1);
    const auto none = a.slice(2, 0);
    EXPECT_TRUE(none.empty());
    EXPECT_FALSE(none.shares_with(a));
  }
  EXPECT_EQ(part[0].size(), 51U);
}

TEST(SharedArrayTest, IsFilledInPlaceThenShared) {
  auto filling = shared_array<int>::make_for_overwrite(4);
  for (std::size_t i = 0; i < 4; ++i) filling[i] = static_cast<int>(i * i);
  const int* const at = filling.data();
  const shared_array<int> done = std::move(filling).share();
  EXPECT_TRUE(filling.empty());
  EXPECT_EQ(done.data(), at);
  EXPECT_EQ(done[3], 9);
}

TEST(SharedArrayTest, OnlyTheLastHandleMayWriteInPlace) {
  shared_array<int> a{1, 2, 3};
  const int* const at = a.data();
  const auto before = copied();
  auto mine = std::move(a).to_mut();
  EXPECT_EQ(mine.data(), at);
  EXPECT_EQ(copied(), before);
  a = std::move(mine).share();
  const shared_array<int> other = a;
  mine = std::move(a).to_mut();
  EXPECT_NE(mine.data(), at);
  EXPECT_EQ(copied(), before + 3 * sizeof(int));
  mine[0] = 7;
  EXPECT_EQ(other[0], 1);
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(std::move(a).to_mut().empty());
}

TEST(SharedArrayTest, ElementsAreAlignedAsTheirTypeAsks) {
  for (std::size_t n = 1; n < 5; ++n) {
    const auto a = shared_array<wide>::make(n).share();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 64, 0U);
    EXPECT_EQ(a[n - 1].number, 3);
  }
}

TEST(SharedArrayTest, ElementsDieOnceInReverse) {
  counted::deaths.clear();
  {
    const std::array<int, 3> numbers{1, 2, 3};
    const auto a = shared_array<counted>::from_range(numbers);
    const auto b = a;
    EXPECT_EQ(counted::alive, 3);
  }
  EXPECT_EQ(counted::alive, 0);
  EXPECT_EQ(counted::deaths, (std::vector{3, 2, 1}));
}

TEST(SharedArrayTest, AConstructorThatThrowsUndoesTheElementsBefore) {
  counted::throws_at = 2;
  EXPECT_THROW((void)shared_array<counted>::make(5, 1), std::runtime_error);
  EXPECT_EQ(counted::alive, 0);
  EXPECT_THROW((void)shared_array<counted>::make_for_overwrite(5), std::runtime_error);
  EXPECT_EQ(counted::alive, 0);
  counted::throws_at = -1;
}

TEST(SharedArrayTest, SizesThatWouldOverflowAreRefused) {
  EXPECT_THROW((void)shared_array<int>::make(SIZE_MAX), std::bad_array_new_length);
  EXPECT_THROW((void)shared_array<int>::make_for_overwrite(SIZE_MAX / 4 + 2),
               std::bad_array_new_length);
  EXPECT_TRUE(shared_array<int>::make(0).empty());
  EXPECT_EQ(shared_array<int>(), shared_array<int>::copy_of({}));
}

TEST(SharedArrayTest, BehavesAsASharedVector) {
  const auto property = [](const std::vector<int>& source,
                           const std::vector<std::uint16_t>& steps) {
    std::array<shared_array<int>, 3> real;
    std::array<std::vector<int>, 3> model;
    real[0] = shared_array<int>::copy_of(source);
    model[0] = source;
    for (const std::uint16_t step : steps) {
      const std::size_t to = step % 3, from = step / 3 % 3;
      if (step % 2 == 0) {
        real[to] = real[from];
        model[to] = model[from];
      } else if (!model[to].empty()) {
        auto mine = std::move(real[to]).to_mut();
        mine[step % model[to].size()] = step;
        model[to][step % model[to].size()] = step;
        real[to] = std::move(mine).share();
      }
      for (std::size_t i = 0; i < 3; ++i) {
        RC_ASSERT(std::ranges::equal(real[i], model[i]));
        const std::size_t offset = model[i].empty() ? 0 : step % model[i].size();
        const auto part = real[i].slice(offset, model[i].size() - offset);
        RC_ASSERT(std::ranges::equal(part.view(), std::span(model[i]).subspan(offset)));
      }
    }
  };
  EXPECT_TRUE(rc::check("random copies, slices and writes", property));
}

TEST(SharedArrayTest, ManyThreadsMayShareOneArray) {
  const shared_array<std::string> a{"first", "second"};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([mine = a] {
      for (int i = 0; i < 1000; ++i) {
        const auto copy = mine;
        const auto part = copy.slice(1, 1);
        EXPECT_EQ(part[0], "second");
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(a.unique());
}

TEST(SharedArrayDeathTest, BrokenContractsAreNamed) {
  const shared_array<int> a{1, 2, 3};
  EXPECT_DEATH((void)a[3], "shared_array\\[\\] requires index < size");
  EXPECT_DEATH((void)a.slice(4, 0), "shared_array::slice requires offset <= size");
  EXPECT_DEATH((void)a.slice(1, SIZE_MAX), "count <= size\\(\\) - offset");
  EXPECT_DEATH((void)shared_span<int>(a).slice(2, 2), "shared_span::slice requires");
  shared_array_probe::force_refs(a, detail::array_block<int>::refs_max);
  EXPECT_DEATH(const auto one_more = a, "refs_max");
  shared_array_probe::force_refs(a, 1);
}

}  // namespace
}  // namespace zc
