// What must hold of scratch memory: pieces never overlap and are aligned, everything behind a mark
// is free again when its scope ends, blocks are kept and reused, the bound holds, and scopes that
// end out of order stop the program.
#include "zc/mem/scratch.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

TEST(ScratchTest, ContainersTakeFromTheScope) {
  scratch_arena arena;
  const scratch_scope mine(arena);
  std::pmr::vector<std::pmr::string> texts(mine.memory());
  for (int i = 0; i < 1000; ++i) texts.emplace_back("a text that is long enough to be allocated");
  EXPECT_EQ(texts[999], texts[0]);
  EXPECT_GT(arena.read().held, 40'000U);
}

TEST(ScratchTest, TheNextScopeFindsTheSameMemory) {
  scratch_arena arena;
  void* first = nullptr;
  {
    scratch_scope mine(arena);
    first = mine.try_array<int>(100).data();
  }
  const auto blocks = arena.read().blocks;
  for (int i = 0; i < 1000; ++i) {
    scratch_scope mine(arena);
    EXPECT_EQ(mine.try_array<int>(100).data(), first);
  }
  EXPECT_EQ(arena.read().blocks, blocks);
}

TEST(ScratchTest, AnInnerScopeLeavesTheOuterOnesPiecesAlone) {
  scratch_arena arena({.block_bytes = 256});
  scratch_scope outer(arena);
  const auto before = outer.try_array<std::uint8_t>(100);
  std::memset(before.data(), 7, before.size());
  std::uint8_t* inner_at = nullptr;
  {
    scratch_scope inner(arena);
    for (int i = 0; i < 20; ++i) {
      const auto more = inner.try_array<std::uint8_t>(100);
      if (inner_at == nullptr) inner_at = more.data();
      std::memset(more.data(), 9, more.size());
    }
  }
  const auto after = outer.try_array<std::uint8_t>(100);
  EXPECT_EQ(after.data(), inner_at);
  std::memset(after.data(), 8, after.size());
  for (const std::uint8_t b : before) EXPECT_EQ(b, 7);
}

TEST(ScratchTest, TheBoundHoldsAndIsAValue) {
  scratch_arena arena({.block_bytes = 1024, .bytes_max = 8192, .kept_max = 8192});
  scratch_scope mine(arena);
  std::size_t got = 0;
  while (!mine.try_array<std::byte>(100).empty()) got += 100;
  EXPECT_GT(got, 6000U);
  EXPECT_LE(arena.read().held, 8192U);
  EXPECT_GT(arena.read().refused, 0U);
  EXPECT_TRUE(mine.try_array<std::byte>(SIZE_MAX).empty());
  EXPECT_TRUE(mine.try_array<std::uint64_t>(SIZE_MAX / 4).empty());
  EXPECT_EQ(arena.try_allocate(1, std::size_t{1} << 40), nullptr);
  std::pmr::string text(mine.memory());
  EXPECT_THROW(text.resize(10'000), std::bad_alloc);
}

TEST(ScratchTest, WhatIsMoreThanShouldBeKeptGoesBackToTheSystem) {
  scratch_arena arena({.block_bytes = 1024, .kept_max = 4096});
  {
    scratch_scope mine(arena);
    ASSERT_FALSE(mine.try_array<std::byte>(100'000).empty());
    ASSERT_FALSE(mine.try_array<std::byte>(500).empty());
  }
  EXPECT_LE(arena.read().held, 4096U);
  {
    scratch_scope mine(arena);
    ASSERT_FALSE(mine.try_array<std::byte>(500).empty());
  }
  EXPECT_GT(arena.read().held, 0U);
}

TEST(ScratchTest, AVectorThatGrowsAtTheEndGivesItsOldPieceBack) {
  scratch_arena arena({.block_bytes = 4096});
  const scratch_scope mine(arena);
  auto* at = static_cast<std::byte*>(mine.memory()->allocate(100, 1));
  mine.memory()->deallocate(at, 100, 1);
  EXPECT_EQ(mine.memory()->allocate(50, 1), at);
}

TEST(ScratchTest, AnOuterContainerMayShrinkWhileAnInnerScopeIsOpen) {
  scratch_arena arena;
  const scratch_scope outer(arena);
  void* const at = outer.memory()->allocate(100, 1);
  {
    scratch_scope inner(arena);
    outer.memory()->deallocate(at, 100, 1);
    (void)inner.try_array<int>(100);
  }
  EXPECT_FALSE(arena.try_allocate(100, 8) == nullptr);
}

TEST(ScratchTest, EveryThreadHasItsOwn) {
  scratch_arena* other = nullptr;
  std::thread([&] {
    other = &thread_scratch();
    scratch_scope mine;
    EXPECT_FALSE(mine.try_array<int>(10).empty());
  }).join();
  EXPECT_NE(other, &thread_scratch());
}

TEST(ScratchTest, NothingIsTakenForNothing) {
  scratch_arena arena;
  {
    const scratch_scope unused(arena);
  }
  EXPECT_EQ(arena.read().blocks, 0U);
  const scratch_scope mine(arena);
  EXPECT_NE(mine.memory()->allocate(0, 1), nullptr);
}

TEST(ScratchTest, PiecesNeverOverlapAndScopesNest) {
  const auto property = [](const std::vector<std::uint16_t>& steps) {
    scratch_arena arena({.block_bytes = 128, .bytes_max = 1 << 20, .kept_max = 512});
    struct piece {
      std::uint8_t* at;
      std::size_t size;
      std::uint8_t mark;
    };
    std::vector<std::vector<piece>> model(1);
    std::vector<std::unique_ptr<std::optional<scratch_scope>>> scopes;
    const auto open = [&] {
      scopes.push_back(std::make_unique<std::optional<scratch_scope>>());
      scopes.back()->emplace(arena);
      model.emplace_back();
    };
    const auto close = [&] {
      for (const auto& pieces : model) {
        for (const piece& p : pieces) {
          for (std::size_t i = 0; i < p.size; ++i) RC_ASSERT(p.at[i] == p.mark);
        }
      }
      scopes.pop_back();
      model.pop_back();
    };
    open();
    std::uint8_t serial = 0;
    for (const std::uint16_t step : steps) {
      if (step % 5 == 0) {
        open();
      } else if (step % 5 == 1 && scopes.size() > 1) {
        close();
      } else {
        const std::size_t size = step / 5 % 300, alignment = std::size_t{1} << (step % 7);
        auto* at = static_cast<std::uint8_t*>(arena.try_allocate(size, alignment));
        RC_ASSERT(at != nullptr);
        RC_ASSERT(reinterpret_cast<std::uintptr_t>(at) % alignment == 0U);
        serial = static_cast<std::uint8_t>(serial + 1);
        if (size > 0) std::memset(at, serial, size);
        model.back().push_back({at, size, serial});
      }
    }
    while (!scopes.empty()) close();
    RC_ASSERT(arena.read().held <= 512U);
  };
  EXPECT_TRUE(rc::check("random allocations in random scopes", property));
}

TEST(ScratchDeathTest, MisuseStopsTheProgram) {
  EXPECT_DEATH(
      {
        scratch_arena arena;
        std::optional<scratch_scope> first;
        std::optional<scratch_scope> second;
        first.emplace(arena);
        second.emplace(arena);
        first.reset();
      },
      "scopes end in the reverse order of their beginning");
  scratch_arena arena;
  EXPECT_DEATH((void)arena.try_allocate(1, 1), "memory is taken inside of a scratch_scope");
}

#if ZC_DCHECKS
TEST(ScratchDeathTest, AnotherThreadsArenaIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        scratch_arena arena;
        std::thread([&] { const scratch_scope theirs(arena); }).join();
      },
      "an arena belongs to one thread");
}
TEST(ScratchTest, MemoryOfAnEndedScopeIsSpoilt) {
  if (poison_is_seen) GTEST_SKIP() << "reading it is an error under AddressSanitizer";
  scratch_arena arena;
  const volatile std::uint8_t* at = nullptr;
  {
    scratch_scope mine(arena);
    const auto piece = mine.try_array<std::uint8_t>(10);
    piece[3] = 1;
    at = piece.data();
  }
  EXPECT_EQ(at[3], 0xdd);
}
#endif

#ifdef ZC_ADDRESS_SANITIZER
TEST(ScratchDeathTest, UseAfterTheScopeIsSeenByTheSanitizer) {
  EXPECT_DEATH(
      {
        scratch_arena arena;
        volatile int* kept = nullptr;
        {
          scratch_scope mine(arena);
          kept = mine.try_array<int>(10).data();
        }
        *kept = 1;
      },
      "use-after-poison");
}
#endif

}  // namespace
}  // namespace zc
