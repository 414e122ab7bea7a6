// zc/io/file.h - files that grow at their end, and the few things one does with paths.
//
// Ownership  The object owns the descriptor; what is appended is only borrowed for the call.
// Threads    One per file; the path functions may be called anywhere.
// Cost       append_some() is one system call and may block on the disk: not for a shard's thread.
// Errors     Values, with the error number. A full disk is an error like any other; nothing is half
//            done silently: append() undoes what it could not finish.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zc/base/result.h"
#include "zc/io/fd.h"
#include "zc/mem/chain.h"

namespace zc::io {

class append_file {
 public:
  struct options {
    bool truncate = false;  // drop what is there
    unsigned mode = 0644;   // of a file that is made
    bool readable = false;  // read_some() is wanted
    bool writable = true;
    bool create = true;  // when there is none
  };

  static result<append_file> open(const std::string& path, const options& how);

  // Every write goes to the end. Whole or not at all: what does not fit is taken back, unless the
  // file is no regular one (a pipe, a device), where nothing can be taken back.
  result<void> append(const bytes_chain& what);
  // One gathered write of at most 1024 slices; returns how much went, more than 0. Requires: not
  // empty.
  result<std::size_t> append_some(std::span<const io_slice> slices);
  // What is at `offset`, into the front of `room`; 0: the end. Requires: readable.
  result<std::size_t> read_some(std::uint64_t offset, std::span<std::byte> room) const;
  // Cuts the file; no effect on one that is no regular file. Requires: size <= this->size()
  result<void> truncate(std::uint64_t size);
  result<void> sync();  // data is on the medium when this returns

  // What was there when it was opened, and what was appended here since.
  std::uint64_t size() const noexcept { return size_; }
  bool regular() const noexcept { return regular_; }

 private:
  fd file_;
  std::uint64_t size_ = 0;
  bool regular_ = true;
};

result<void> make_directories(const std::string& path, unsigned mode = 0755);  // as mkdir -p
result<void> rename_file(const std::string& from, const std::string& to);      // replaces `to`
result<void> remove_file(const std::string& path);  // none there is no error
bool path_exists(const std::string& path) noexcept;
result<void> sync_directory(const std::string& path);  // the names in it are on the medium
result<std::vector<std::string>> list_directory(const std::string& path);  // names, sorted
// The whole file; too_large when it is longer than `size_max`. Works for files in /proc, which have
// no size.
result<std::string> read_file(const std::string& path, std::size_t size_max);

}  // namespace zc::io
