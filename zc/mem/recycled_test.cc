// What must hold of recycled memory: the next object gets it, no more than the bound is kept, it
// goes from thread to thread with whoever deletes, and derived classes are left alone.
#include "zc/mem/recycled.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/mem/local_ptr.h"

namespace zc {
namespace {

struct request final : recycled<request, 4> {
  explicit request(bool throws = false) {
    if (throws) throw std::runtime_error("no");
  }
  std::string text = "as new";
  std::array<int, 8> numbers{};
};
struct base : recycled<base> {
  virtual ~base() = default;
  std::array<int, 8> numbers{};
};
struct derived final : base {
  std::array<int, 8> more{};
};
struct counted final : local_counted, recycled<counted> {
  std::string text = "as new";
};

TEST(RecycledTest, TheNextObjectGetsTheMemoryAndIsANewOne) {
  auto first = std::make_unique<request>();
  const request* const at = first.get();
  first->text = "changed";
  first.reset();
  const auto second = std::make_unique<request>();
  EXPECT_EQ(second.get(), at);
  EXPECT_EQ(second->text, "as new");
}

TEST(RecycledTest, NoMoreThanTheBoundIsKept) {
  {
    std::vector<std::unique_ptr<request>> many;
    for (int i = 0; i < 10; ++i) many.push_back(std::make_unique<request>());
  }
  EXPECT_EQ(request::kept_here(), 4U);
}

// What is kept is a stack of places: the last that was given back is the next that is given out.
struct stacked final : recycled<stacked, 6> {
  std::array<int, 8> numbers{};
};

TEST(RecycledTest, AgreesWithAStackOfPlaces) {
  const auto property = [](const std::vector<std::uint8_t>& steps) {
    std::vector<std::unique_ptr<stacked>> others;  // what the case before has left
    while (stacked::kept_here() > 0) others.push_back(std::make_unique<stacked>());
    std::vector<std::unique_ptr<stacked>> out;
    std::vector<const stacked*> kept;
    for (const std::uint8_t step : steps) {
      if (step % 2 == 0) {
        out.push_back(std::make_unique<stacked>());
        if (!kept.empty()) {
          RC_ASSERT(out.back().get() == kept.back());
          kept.pop_back();
        }
        for (const auto& one : std::span(out).first(out.size() - 1)) {
          RC_ASSERT(one.get() != out.back().get());
        }
        RC_ASSERT(std::ranges::count(out.back()->numbers, 0) == 8);
        out.back()->numbers.fill(step + 1);
      } else if (!out.empty()) {
        const auto one = out.begin() + step / 2 % static_cast<long>(out.size());
        if (kept.size() < 6) kept.push_back(one->get());
        out.erase(one);
      }
      RC_ASSERT(stacked::kept_here() == kept.size());
    }
  };
  EXPECT_TRUE(rc::check("recycled memory agrees with a stack", property));
}

TEST(RecycledTest, SharedValuesOfAThreadAreRecycledToo) {
  const counted* at = nullptr;
  {
    const auto p = make_local<counted>();
    at = p.get();
  }
  EXPECT_EQ(make_local<counted>().get(), at);
}

TEST(RecycledTest, AConstructorThatThrowsGivesItsMemoryBack) {
  const std::size_t before = request::kept_here();
  EXPECT_THROW((void)std::make_unique<request>(true), std::runtime_error);
  EXPECT_GE(request::kept_here(), before);
}

TEST(RecycledTest, DerivedClassesComeFromTheSystem) {
  const std::unique_ptr<base> one = std::make_unique<derived>();
  EXPECT_EQ(base::kept_here(), 0U);
}

TEST(RecycledTest, MemoryStaysWithTheThreadThatDeletes) {
  std::thread([] {
    std::vector<std::unique_ptr<request>> here;
    for (int i = 0; i < 3; ++i) here.push_back(std::make_unique<request>());
    std::thread([theirs = std::move(here)]() mutable {
      theirs.clear();
      EXPECT_EQ(request::kept_here(), 3U);
    }).join();
    EXPECT_EQ(request::kept_here(), 0U);
  }).join();
}

thread_local std::unique_ptr<request> last_of_all;

TEST(RecycledTest, ObjectsMayGoWhenTheThreadEnds) {
  std::thread([] {
    last_of_all = std::make_unique<request>();  // goes after the keeper, or before
    std::make_unique<request>().reset();
  }).join();
}

}  // namespace
}  // namespace zc
