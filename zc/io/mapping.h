// zc/io/mapping.h - pages as `bytes`: of a file, and of memory that two processes share.
//
//     map_file(path)                       pages of the page cache, not read into memory of ours
//     shared_memory::create(size)          we write ...
//        .seal(used)                       ... and never again: the kernel sees to that
//     map_sealed(descriptor, size_max)     another process reads the same pages
//        .publish()                        or we go on writing, and others only read:
//                                          zc/io/published_memory.h
//
// Ownership  The pages stay mapped until the last handle on them goes, on whichever thread that is.
//            A file may be closed, renamed and removed meanwhile.
// Threads    As `bytes`. One shared_memory belongs to one thread.
// Cost       Mapping and unmapping are system calls; the first touch of each page is a fault, and
//            reads from the medium when the page is not in memory. Small files are read faster.
// Bounds     What a peer hands over is mapped up to the `size_max` the caller names.
// Errors     Values: missing files, directories and other things that are no regular file, ranges
//            outside the file, memory that is not sealed. Empty files and ranges give empty bytes.
//            A file that somebody shortens while it is mapped raises SIGBUS when the lost pages are
//            read: map only files that nobody shortens. Sealed memory cannot be shortened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/io/fd.h"
#include "zc/io/mapped_pages.h"
#include "zc/mem/bytes.h"

namespace zc::io {

enum class access_pattern : unsigned char {
  normal,
  sequential,  // read ahead more, drop what was read
  random,      // do not read ahead
  soon,        // begin to read now
};

struct map_range {
  std::uint64_t offset = 0;          // any; it need not begin a page
  std::uint64_t count = UINT64_MAX;  // UINT64_MAX: to the end of the file
  access_pattern pattern = access_pattern::normal;
};

// truncated when the range is not inside of the file, unsupported when it is no regular file.
result<bytes> map_file(const std::string& path, const map_range& what = {});
result<bytes> map_file(const fd& file, const map_range& what = {});

// Memory without a name in any directory that another process maps through its descriptor.
struct sealed_memory {
  fd file;        // hand it over: inherited, or sent over a socket
  bytes content;  // the same pages here
};

class published_memory;  // zc/io/published_memory.h, which who calls publish() includes

class [[nodiscard]] shared_memory {
 public:
  // `name` shows up in /proc only.
  static result<shared_memory> create(std::size_t size, const char* name = "zc");

  std::size_t size() const noexcept { return room_.span().size(); }
  std::span<std::byte> room() & noexcept ZC_LIFETIMEBOUND { return room_.span(); }  // zeroed

  // Keeps the first `used` bytes. From here on nobody, in any process, can write, grow or shorten
  // them. Requires: used <= size().
  result<sealed_memory> seal(std::size_t used) &&;
  // Keeps all of it writable here, through the pages that are mapped now, and for nobody else ever.
  // Requires: size() > 0.
  result<published_memory> publish() &&;

 private:
  shared_memory() noexcept = default;

  fd file_;
  mapped_pages room_;
};

// Maps what another process sealed. refused when it could still be written or shortened, too_large
// above `size_max`, unsupported when the descriptor is something else.
result<bytes> map_sealed(const fd& file, std::size_t size_max);

}  // namespace zc::io
