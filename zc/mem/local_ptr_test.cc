// What must hold of local_ptr: it behaves as a shared_ptr that never leaves its thread, a value
// that does not count itself costs one allocation too, nothing leaks when a constructor throws,
// and use from another thread is refused by the compiler where it is seen, and stopped in debug
// builds where it is not.
#include "zc/mem/local_ptr.h"

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/base/sendable.h"

namespace zc {
namespace {

struct counting : local_counted {
  explicit counting(int* deaths) : deaths_(deaths) {}
  ~counting() { *deaths_ += 1; }
  int value = 7;

 private:
  int* deaths_;
};

struct in_a_box {
  explicit in_a_box(int* deaths) : deaths_(deaths) {}
  in_a_box(const in_a_box&) = delete;
  in_a_box& operator=(const in_a_box&) = delete;
  ~in_a_box() { *deaths_ += 1; }
  int value = 7;

 private:
  int* deaths_;
};

struct alignas(256) wide {
  std::array<char, 3> text{'a', 'b', 'c'};
};

struct throwing {
  throwing() { throw std::runtime_error("no"); }
  std::string text;
};

static_assert(!sendable<local_ptr<int>> && !sendable<local_ptr<const counting>>);
static_assert(!sendable<counting> && !sendable<std::vector<std::optional<local_ptr<int>>>>);
static_assert(!std::is_convertible_v<local_ptr<const int>, local_ptr<int>>);
static_assert(std::is_convertible_v<local_ptr<int>, local_ptr<const int>>);
static_assert(std::is_nothrow_move_constructible_v<local_ptr<int>>);

template <class T>
class LocalPtrTest : public ::testing::Test {};
using kinds = ::testing::Types<counting, in_a_box, const counting, const in_a_box>;
TYPED_TEST_SUITE(LocalPtrTest, kinds);

TYPED_TEST(LocalPtrTest, TheLastHandleDestroysTheValueExactlyOnce) {
  int deaths = 0;
  {
    local_ptr<TypeParam> a = make_local<TypeParam>(&deaths);
    EXPECT_TRUE(a.unique());
    {
      const local_ptr<TypeParam> b = a;
      local_ptr<TypeParam> c = std::move(a);
      EXPECT_FALSE(a);
      EXPECT_EQ(b, c);
      EXPECT_EQ(c.use_count(), 2U);
      a = c;
      a = *&a;
      a = std::move(c);
      EXPECT_EQ(a->value, 7);
    }
    EXPECT_TRUE(a.unique());
    EXPECT_EQ(deaths, 0);
  }
  EXPECT_EQ(deaths, 1);
}

TEST(LocalPtrTest, AHandleOfNothingIsCheap) {
  local_ptr<int> none;
  EXPECT_FALSE(none);
  EXPECT_FALSE(none.unique());
  EXPECT_EQ(none, nullptr);
  none.reset();
  const local_ptr<int> copy = none;
  EXPECT_EQ(copy, none);
}

TEST(LocalPtrTest, AnyValueMayBeShared) {
  const auto number = make_local<int>(42);
  const auto text = make_local<std::string>("shared text that does not fit into the string");
  const local_ptr<const std::string> read_only = text;
  *text += "!";
  EXPECT_EQ(*number, 42);
  EXPECT_TRUE(read_only->ends_with('!'));
  EXPECT_EQ(text.use_count(), 2U);
}

TEST(LocalPtrTest, TheValueIsAlignedAsItsTypeAsks) {
  const auto w = make_local<wide>();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(w.get()) % 256, 0U);
  EXPECT_EQ(w->text[2], 'c');
}

TEST(LocalPtrTest, AConstructorThatThrowsLeaksNothing) {
  EXPECT_THROW((void)make_local<throwing>(), std::runtime_error);  // ASan looks on
}

TEST(LocalPtrTest, HandlesAreEqualWhenTheyShare) {
  const auto a = make_local<int>(1);
  const auto b = make_local<int>(1);
  std::unordered_set<local_ptr<int>> seen{a, b, a};
  EXPECT_NE(a, b);
  EXPECT_EQ(seen.size(), 2U);
}

TEST(LocalPtrTest, BehavesAsASharedPtr) {
  const auto property = [](const std::vector<std::uint16_t>& steps) {
    constexpr std::size_t slots = 5;
    std::array<local_ptr<int>, slots> real;
    std::array<std::shared_ptr<int>, slots> model;
    int next = 0;
    for (const std::uint16_t step : steps) {
      const std::size_t to = step % slots;
      const std::size_t from = step / slots % slots;
      switch (step / (slots * slots) % 4) {
        case 0:
          real[to] = make_local<int>(next);
          model[to] = std::make_shared<int>(next++);
          break;
        case 1:
          real[to] = real[from];
          model[to] = model[from];
          break;
        case 2:
          real[to] = std::move(real[from]);
          model[to] = std::shared_ptr<int>(std::move(model[from]));
          break;
        default:
          real[to].reset();
          model[to].reset();
      }
      for (std::size_t i = 0; i < slots; ++i) {
        RC_ASSERT(static_cast<bool>(real[i]) == static_cast<bool>(model[i]));
        if (!real[i]) continue;
        RC_ASSERT(*real[i] == *model[i]);
        RC_ASSERT(static_cast<long>(real[i].use_count()) == model[i].use_count());
      }
    }
  };
  EXPECT_TRUE(rc::check("random copies, moves and drops", property));
}

TEST(LocalPtrDeathTest, ACountThatWouldWrapStopsTheProgram) {
  const auto p = make_local<int>(1);
  detail::local_access::force_refs(*p, detail::local_access::refs_max);
  EXPECT_DEATH(const auto one_more = p, "refs_ != refs_max");
  detail::local_access::force_refs(*p, 1);
}

#if ZC_DCHECKS
TEST(LocalPtrDeathTest, UseOnAnotherThreadIsCaughtInDebugBuilds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* contract = "a value belongs to the thread that made it";
  EXPECT_DEATH(
      {
        const auto p = make_local<int>(1);
        std::thread([&] { const auto stolen = p; }).join();
      },
      contract);
  EXPECT_DEATH(
      {
        const auto p = make_local<int>(1);
        std::thread([&] { (void)*p; }).join();
      },
      contract);
  EXPECT_DEATH(
      {
        auto p = make_local<int>(1);
        std::thread([&] { p.reset(); }).join();
      },
      contract);
}
#endif

}  // namespace
}  // namespace zc
