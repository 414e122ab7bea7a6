// zc/shard/disk.h - files that must survive, as a writer's thread sees them: the real disk, or a
// simulation's.
//
// Blocking, for a thread that may wait: a shard hands its records to a writer (zc/io/file_writer.h)
// and is told later. That is the shape that fits what a log does - gather what waits, write it in
// one call, make it permanent, tell everybody - and every way of doing it: plain files, O_DIRECT
// (alignment() says what an append must be a multiple of), io_uring (submit and wait; a write and
// its sync in one submission by append_and_sync), and a simulation in one thread.
//
//                    content                                     name
//     append   ->    written: readers see it, a crash            made, moved or removed: everybody
//                    may lose it, whole or in part               sees it, a crash may undo it
//     sync     ->    permanent                                   sync_directory() -> permanent
//
// Ownership  A file belongs to whoever opened it; what is appended is borrowed for the call.
// Threads    One per file. disk: any.
// Errors     Values. After a failed sync() nobody knows what of the unsynced bytes is permanent,
//            and a later sync() that succeeds does not say so either: write them again, or cut them
//            off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zc/base/result.h"
#include "zc/mem/chain.h"

namespace zc {

struct file_options {
  bool readable = false;  // read() is wanted
  bool writable = true;
  bool create = true;     // when there is none
  bool truncate = false;  // drop what is there
  unsigned mode = 0644;   // of a file that is made
};

class disk_file {
 public:
  virtual ~disk_file() = default;

  // One gathered write to the end; returns how much went, more than 0, and maybe less than all.
  // Requires: writable, not empty, slices.size() <= 1024.
  virtual result<std::size_t> append(std::span<const io_slice> slices) = 0;
  // What is at `offset`, into the front of `room`; 0: the end. Maybe less than there is.
  // Requires: readable.
  virtual result<std::size_t> read(std::uint64_t offset, std::span<std::byte> room) const = 0;
  // Cuts the file; no effect on one that is no regular file. Requires: size <= this->size()
  virtual result<void> truncate(std::uint64_t size) = 0;
  // The content is permanent when this returns.
  virtual result<void> sync() = 0;
  // append() and sync(): one trip where the disk can do both at once.
  virtual result<std::size_t> append_and_sync(std::span<const io_slice> slices) {
    const result<std::size_t> went = append(slices);
    if (!went) return went;
    if (const result<void> kept = sync(); !kept) return std::unexpected(kept.error());
    return went;
  }

  // What was there when it was opened, and what was appended here since.
  virtual std::uint64_t size() const noexcept = 0;
  virtual bool regular() const noexcept = 0;                    // no pipe, no device
  virtual std::size_t alignment() const noexcept { return 1; }  // of addresses, sizes and offsets
};

class disk {
 public:
  virtual ~disk() = default;

  virtual result<std::unique_ptr<disk_file>> open(const std::string& path,
                                                  const file_options& how) = 0;
  virtual result<void> rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual result<void> remove(const std::string& path) = 0;  // none there is no error
  virtual bool exists(const std::string& path) const = 0;
  virtual result<std::vector<std::string>> list(const std::string& directory) const = 0;  // sorted
  virtual result<void> make_directories(const std::string& path) = 0;  // as mkdir -p
  // The names in it - made, moved and removed - are permanent when this returns.
  virtual result<void> sync_directory(const std::string& directory) = 0;
};

// "a/b" -> "a", "/b" -> "/", "b" -> ".": what sync_directory() wants of a file's path.
std::string directory_of(const std::string& path);

// All of `what`, or nothing: what could not be finished is cut off again (but not from a pipe or a
// device, where nothing can be taken back).
result<void> append_all(disk_file& to, const bytes_chain& what);
// The whole file, at most `size_max` bytes: too_large when it is longer. Requires: readable.
result<std::string> read_all(const disk_file& from, std::size_t size_max);

}  // namespace zc
