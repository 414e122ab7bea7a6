#include "zc/io/mapping.h"

#include <cerrno>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "zc/base/check.h"
#include "zc/io/address.h"
#include "zc/mem/owner.h"

namespace zc::io {
namespace {

std::unexpected<error> failed() noexcept {
  return std::unexpected(os_error(errno));
}

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

class mapping final : public owner {
 public:
  mapping(mapped_pages&& pages, backing from) noexcept
      : owner(&unmap, (pages.span().size() + page_size() - 1) / page_size() * page_size(),
              {.from = from, .writable = false, .header = 0, .slack = 0}),
        pages_(std::move(pages)) {}

 private:
  static void unmap(owner* self) noexcept { delete static_cast<mapping*>(self); }

  mapped_pages pages_;
};

int advice_of(access_pattern pattern) noexcept {
  switch (pattern) {
    case access_pattern::sequential:
      return MADV_SEQUENTIAL;
    case access_pattern::random:
      return MADV_RANDOM;
    case access_pattern::soon:
      return MADV_WILLNEED;
    case access_pattern::normal:
      break;
  }
  return MADV_NORMAL;
}

// Requires: count > 0 and the range is inside of the file.
result<bytes> map_pages(int file, std::uint64_t offset, std::size_t count, backing from,
                        access_pattern pattern) {
  const auto into_page = static_cast<std::size_t>(offset % page_size());
  if (count > PTRDIFF_MAX - 2 * page_size())
    return fail(errc::too_large, "larger than any address space");
  const std::size_t length = into_page + count;
  // Shared or private is the same for pages that are only read; shared says what is meant.
  void* const pages =
      ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file, static_cast<off_t>(offset - into_page));
  if (pages == MAP_FAILED) return failed();
  mapped_pages mapped(pages, length);
  auto* const claim = new (std::nothrow) mapping(std::move(mapped), from);
  if (claim == nullptr) return fail(errc::exhausted, "no memory for the mapping's claim");
  // Advice only: a kernel that does not follow it is none the worse.
  if (pattern != access_pattern::normal) (void)::madvise(pages, length, advice_of(pattern));
  return bytes::adopt(*claim, {static_cast<const std::byte*>(pages) + into_page, count});
}

result<std::uint64_t> size_of_regular(int file) {
  struct stat about{};
  if (::fstat(file, &about) != 0) return failed();
  if (!S_ISREG(about.st_mode)) return fail(errc::unsupported, "only regular files are mapped");
  return static_cast<std::uint64_t>(about.st_size);
}

}  // namespace

result<bytes> map_file(const fd& file, const map_range& what) {
  const auto size = size_of_regular(file.get());
  if (!size) return std::unexpected(size.error());
  if (what.offset > *size) return fail(errc::truncated, "the range begins behind the file's end");
  const std::uint64_t there = *size - what.offset;
  const std::uint64_t count = what.count == UINT64_MAX ? there : what.count;
  if (count > there) return fail(errc::truncated, "the range ends behind the file's end");
  if (count == 0) return bytes();
  return map_pages(file.get(), what.offset, count, backing::mapped_file, what.pattern);
}

result<bytes> map_file(const std::string& path, const map_range& what) {
  // Without waiting: opening a pipe would wait for its writer.
  const fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return failed();
  return map_file(file, what);
}

result<shared_memory> shared_memory::create(std::size_t size, const char* name) {
  shared_memory made;
  made.file_.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!made.file_) return failed();
  if (size == 0) return made;
  if (size > PTRDIFF_MAX) return fail(errc::too_large, "larger than any address space");
  if (::ftruncate(made.file_.get(), static_cast<off_t>(size)) != 0) return failed();
  void* const pages =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, made.file_.get(), 0);
  if (pages == MAP_FAILED) return failed();
  made.room_ = mapped_pages(pages, size);
  return made;
}

result<sealed_memory> shared_memory::seal(std::size_t used) && {
  ZC_REQUIRES(used <= size(), "shared_memory::seal requires used <= size()");
  // The kernel refuses to seal while pages are mapped for writing anywhere.
  room_ = {};
  sealed_memory done;
  done.file = std::move(file_);
  if (::ftruncate(done.file.get(), static_cast<off_t>(used)) != 0) return failed();
  constexpr int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(done.file.get(), F_ADD_SEALS, seals) != 0) return failed();
  auto content = map_sealed(done.file, used);
  if (!content) return std::unexpected(content.error());
  done.content = *std::move(content);
  return done;
}

result<bytes> map_sealed(const fd& file, std::size_t size_max) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0) {
    if (errno != EINVAL) return failed();
    return fail(errc::unsupported, "the descriptor is no shared memory");
  }
  constexpr int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
  if ((seals & needed) != needed)
    return fail(errc::refused, "shared memory that others may still write or shorten");
  const auto size = size_of_regular(file.get());
  if (!size) return std::unexpected(size.error());
  if (*size > size_max) return fail(errc::too_large, "shared memory above the limit");
  if (*size == 0) return bytes();
  return map_pages(file.get(), 0, *size, backing::shared_memory, access_pattern::normal);
}

}  // namespace zc::io
