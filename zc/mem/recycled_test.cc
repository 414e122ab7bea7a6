// What must hold of recycled memory: the next object gets it, no more than the bound is kept, it
// goes from thread to thread with whoever deletes, and derived classes are left alone.
#include "zc/mem/recycled.h"

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

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
