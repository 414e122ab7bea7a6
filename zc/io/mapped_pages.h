// zc/io/mapped_pages.h - mapped pages that unmap themselves, as fd.h closes a descriptor.
//
// Ownership  Of the addresses. What is mapped there may live on elsewhere.
// Threads    One per object.
#pragma once

#include <cstddef>
#include <span>
#include <sys/mman.h>
#include <utility>

namespace zc::io {

class mapped_pages {
 public:
  mapped_pages() noexcept = default;
  // What mmap() gave.
  mapped_pages(void* pages, std::size_t size) noexcept
      : pages_(static_cast<std::byte*>(pages), size) {}
  mapped_pages(mapped_pages&& m) noexcept : pages_(std::exchange(m.pages_, {})) {}
  mapped_pages& operator=(mapped_pages&& m) noexcept {
    mapped_pages taken(std::move(m));
    std::swap(pages_, taken.pages_);
    return *this;
  }
  ~mapped_pages() {
    if (!pages_.empty()) ::munmap(pages_.data(), pages_.size());
  }

  std::span<std::byte> span() const noexcept { return pages_; }

 private:
  std::span<std::byte> pages_;
};

}  // namespace zc::io
