// What must hold of the allocator: blocks are as large as asked for, aligned and distinct, reused
// blocks are not handed out twice, resizing keeps the content, and a thread keeps no more than its
// bound.

#include "zc/wire/http2/allocator.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace zc::http2 {
namespace {

TEST(AllocatorTest, LiveBlocksNeverOverlap) {
  std::mt19937 random(1);
  std::vector<std::pair<unsigned char*, std::size_t>> live;
  for (int i = 0; i < 20'000; ++i) {
    if (live.size() > 200 || (!live.empty() && random() % 3 == 0)) {
      const std::size_t at = random() % live.size();
      const auto [block, size] = live[at];
      for (std::size_t k = 0; k < size; ++k) ASSERT_EQ(block[k], static_cast<unsigned char>(size));
      release(block);
      live[at] = live.back();
      live.pop_back();
      continue;
    }
    const std::size_t size = random() % 6'000;
    auto* const block = static_cast<unsigned char*>(allocate(size));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0u);
    std::memset(block, static_cast<int>(size), size);
    live.emplace_back(block, size);
  }
  for (const auto& [block, size] : live) release(block);
  EXPECT_LE(cached_bytes(), cached_bytes_max);
}

TEST(AllocatorTest, ResizingKeepsTheContent) {
  auto* block = static_cast<char*>(resize(nullptr, 10));
  std::copy_n("0123456789", 10, block);
  for (const std::size_t size : {20u, 4'000u, 70'000u, 5'000u, 100u, 10u}) {
    block = static_cast<char*>(resize(block, size));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(std::memcmp(block, "0123456789", 10), 0) << size;
    std::memset(block + 10, 1, size - 10);
  }
  release(block);
}

TEST(AllocatorTest, SizesThatWouldWrapAreRefused) {
  EXPECT_EQ(allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(allocate(SIZE_MAX - 8), nullptr);
}

TEST(AllocatorTest, BlocksMayBeFreedByAnotherThreadAndKeptWithinItsBound) {
  std::vector<void*> blocks;
  for (int i = 0; i < 1'000; ++i) blocks.push_back(allocate(4'000));
  std::thread([&blocks] {
    for (void* const b : blocks) release(b);
    EXPECT_LE(cached_bytes(), cached_bytes_max);
  }).join();
}

}  // namespace
}  // namespace zc::http2
