// zc/shard/page_latch.h - the latest page of bytes, always whole, in memory that others only read.
//
//     [ completed | page size | 0 ... ]  [ page ]  [ page ]          64 bytes, then two pages
//
//     page_latch::writer out(room, size);      out.publish(page);    here
//     auto in = page_latch::reader::over(room);  in->read(copy);     another thread, or a process
//                                                                    that maps the pages read-only
//
// The writer fills the page that readers are not sent to, and then counts it as completed. A reader
// copies the page of the latest count, and copies again when another was completed meanwhile.
//
// Ownership  Both look into memory of somebody else's, which must outlive them. A reader's copy is
//            its own.
// Threads    One writer. Any number of readers, in any process: they write nothing.
// Waiting    Nobody waits. A writer that is stopped in the middle of a page leaves the one before
//            it, whole.
// Cost       One relaxed load or store per 8 bytes, and a fence.
// Trust      A reader believes nothing: sizes are checked against the memory that is there, and one
//            that overtakes it for ever is given up on. What the bytes mean is the caller's to
//            check.
// Errors     truncated: smaller than it says; malformed: no latch; closed: no page yet; timed_out:
//            overtaken `tries` times, which a writer that rests between pages does not do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/base/result.h"

namespace zc {

class page_latch {
 public:
  static constexpr std::size_t head_bytes = 64;

  // How much room pages of that size take. Requires: a multiple of 8.
  static constexpr std::size_t room_for(std::size_t page_size) noexcept {
    return head_bytes + 2 * page_size;
  }

  class writer;
  class reader;

 private:
  // Word by word, each whole. Both addresses are aligned for a word.
  static void store(std::byte* to, std::span<const std::byte> from) noexcept;
  static void load(std::span<std::byte> to, const std::byte* from) noexcept;
};

class page_latch::writer {
 public:
  // Requires: room.size() >= room_for(page_size), aligned for 8 bytes, zeroed or a latch of the
  // same size before.
  writer(std::span<std::byte> room, std::size_t page_size) noexcept;

  // Requires: as many bytes as a page has.
  void publish(std::span<const std::byte> page) noexcept;

 private:
  std::span<std::byte> room_;
  std::size_t page_size_;
  std::uint64_t completed_;
};

class page_latch::reader {
 public:
  static constexpr unsigned tries = 64;

  static result<reader> over(std::span<const std::byte> room) noexcept;

  std::size_t page_size() const noexcept { return page_size_; }
  // How many pages there have been: moves while the writer lives.
  std::uint64_t completed() const noexcept;
  // Copies the latest page; returns its number, from 1 on. Requires: to.size() == page_size().
  result<std::uint64_t> read(std::span<std::byte> to) const noexcept;

 private:
  reader(std::span<const std::byte> room, std::size_t page_size) noexcept
      : room_(room), page_size_(page_size) {}

  std::span<const std::byte> room_;
  std::size_t page_size_;
};

}  // namespace zc
