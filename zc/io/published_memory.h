// zc/io/published_memory.h - memory that its maker goes on writing, and that everybody else can only
// read: how a process shows its state without being asked.
//
//     shared_memory::create(size, "name") ... publish()     here: room() stays writable
//     find_published("name")                                another process: who has such memory
//     map_published(path, size_max)                         ... and the same pages, read-only
//
// From publish() on no process can map the memory for writing, write to its file, or change its
// size, whoever opens it: not even its maker once more. A child by fork does not inherit the pages.
//
// Ownership  Both ends unmap when they go; a reader's pages outlive the maker.
// Threads    One per object; what lies in the memory is for its users to agree on.
// Content    Changes while it is read, so it is no `bytes`: readers copy out, by atomics or with
//            zc::page_latch, and then look at the copy.
// Bounds     What is found is mapped up to the `size_max` that the caller names, and cannot be
//            shortened afterwards: reading raises no SIGBUS.
// Errors     Values. refused: memory that could be shortened, or that others could write;
//            unsupported: no shared memory at all; too_large: above `size_max`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/io/fd.h"
#include "zc/io/mapped_pages.h"

namespace zc::io {

// What shared_memory::publish() gives.
class [[nodiscard]] published_memory {
 public:
  std::span<std::byte> room() & noexcept ZC_LIFETIMEBOUND { return room_.span(); }
  // Readers find the memory through it as long as it is open.
  const fd& file() const noexcept ZC_LIFETIMEBOUND { return file_; }

 private:
  friend class shared_memory;
  published_memory(fd file, mapped_pages room) noexcept
      : file_(std::move(file)), room_(std::move(room)) {}

  fd file_;
  mapped_pages room_;
};

// The same pages in another process.
class [[nodiscard]] published_view {
 public:
  // Written by another process at any time: look at it through atomics only.
  std::span<const std::byte> changing() const& noexcept ZC_LIFETIMEBOUND { return pages_.span(); }
  std::span<const std::byte> changing() const&& = delete;

  // Whether `path` still leads to this memory: it does not when the process is gone from there.
  bool is_at(const std::string& path) const noexcept;

 private:
  friend result<published_view> map_published(const fd& file, std::size_t size_max);
  published_view() noexcept = default;

  mapped_pages pages_;  // read-only
  std::uint64_t device_ = 0;
  std::uint64_t node_ = 0;
};

result<published_view> map_published(const fd& file, std::size_t size_max);
result<published_view> map_published(const std::string& path, std::size_t size_max);

struct publisher {
  int process = 0;
  std::string path;  // for map_published()
};

// The processes that hold memory of that name open for writing, as makers do and readers do not;
// sorted. Of those that this user may not look into nothing is known. Reads all of /proc: for
// commands, not for a data path. What carries the name need not be what one hopes for.
std::vector<publisher> find_published(std::string_view name);

}  // namespace zc::io
