// What must hold of sendable: a type that stays is found however it is wrapped, what is safe is
// never refused, and a call that is handed over carries its arguments, moved and not copied.
#include "zc/base/sendable.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace zc {
namespace {

struct stays {
  using thread_bound = std::true_type;
  stays() = default;
  explicit stays(int) {}
};
class stays_too : public stays {};
class holds_a_safe_one {
 public:
  using thread_bound = std::false_type;
  const stays& get() const { return guarded_; }

 private:
  stays guarded_;
};

struct plain {
  int a;
  std::string b;
  std::vector<std::string> c;
  std::optional<double> d;
  std::array<int, 4> e;
  int f[3];
  std::unique_ptr<int> g;
  std::function<void()> h;
};
struct with_one {
  int a;
  std::string b;
  stays c;
};
struct nested {
  plain a;
  with_one b;
};
struct in_an_optional {
  std::uint64_t a;
  std::optional<stays> b;
};
struct behind_an_array {
  int a[5];
  std::array<std::string, 3> b;
  stays c;
};
struct in_an_array {
  std::array<stays, 2> a;
};
struct with_base : stays {
  int a;
};
struct move_only {
  std::unique_ptr<int> a;
  std::unique_ptr<stays> b;
};
struct tree {
  using thread_bound = std::false_type;
  std::vector<tree> children;
};
struct empty {};
struct with_reference_to_nothing {
  const char* name;
  std::span<const int> numbers;
};
union either {
  int a;
  float b;
};
enum class color { red };

static_assert(sendable<int> && sendable<const int> && sendable<void*> && sendable<color>);
static_assert(sendable<std::string> && sendable<std::vector<int>> && sendable<empty>);
static_assert(sendable<plain> && sendable<const plain> && sendable<tree> && sendable<either>);
static_assert(sendable<std::expected<std::string, int>> && sendable<std::function<void(stays)>>);
static_assert(sendable<holds_a_safe_one> && sendable<std::vector<holds_a_safe_one>>);
static_assert(sendable<with_reference_to_nothing> && sendable<stays*>);
static_assert(sendable<std::pair<int, plain>> && sendable<std::map<std::string, plain>>);

static_assert(!sendable<stays> && !sendable<const stays> && !sendable<stays_too>);
static_assert(!sendable<stays[]> && !sendable<stays[2]> && !sendable<std::array<stays, 2>>);
static_assert(!sendable<std::pair<int, stays>> && !sendable<std::tuple<int, int, stays_too>>);
static_assert(!sendable<std::optional<stays>> && !sendable<std::variant<int, stays>>);
static_assert(!sendable<std::vector<std::pair<int, std::optional<stays>>>>);
static_assert(!sendable<std::unique_ptr<stays>> && !sendable<std::shared_ptr<const stays>>);
static_assert(!sendable<std::expected<stays, int>> && !sendable<std::deque<nested>>);
static_assert(!sendable<with_one> && !sendable<nested> && !sendable<in_an_optional>);
static_assert(!sendable<behind_an_array> && !sendable<in_an_array> && !sendable<with_base>);
static_assert(!sendable<move_only> && !sendable<std::vector<move_only>>);

TEST(SendableTest, ACallThatIsHandedOverRunsElsewhereWithItsArguments) {
  auto text = std::make_unique<std::string>("moved");
  const std::string* const address = text.get();
  std::string seen;
  const std::string* seen_at = nullptr;
  auto call = hand_over(
      [](std::unique_ptr<std::string> t, std::string* to, const std::string** at) {
        *to = *t;
        *at = t.get();
      },
      std::move(text), &seen, &seen_at);
  std::thread([&] { call(); }).join();
  EXPECT_EQ(seen, "moved");
  EXPECT_EQ(seen_at, address);
}

TEST(SendableTest, WhatTheCallReturnsComesBack) {
  EXPECT_EQ(hand_over([](int a, int b) { return a + b; }, 2, 3)(), 5);
}

TEST(SendableTest, LvaluesAreCopiedSoThatNothingIsShared) {
  std::string mine = "kept";
  auto call = hand_over([](std::string s) { return s; }, mine);
  mine = "changed";
  EXPECT_EQ(call(), "kept");
}

}  // namespace
}  // namespace zc
