#include "zc/io/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/uio.h>
#include <utility>

#include "zc/base/check.h"
#include "zc/io/address.h"

namespace zc::io {
namespace {

constexpr std::size_t slices_max = 1024;  // IOV_MAX

std::unexpected<error> failed() noexcept {
  return std::unexpected(os_error(errno));
}

struct close_directory {
  void operator()(DIR* d) const noexcept { ::closedir(d); }
};

}  // namespace

result<append_file> append_file::open(const std::string& path, const options& how) {
  append_file made;
  // A pipe is only written to: asking for more would make this end its reader as well.
  const int access = !how.writable ? O_RDONLY : how.readable ? O_RDWR : O_WRONLY;
  const int flags =
      access | O_APPEND | O_CLOEXEC | (how.create ? O_CREAT : 0) | (how.truncate ? O_TRUNC : 0);
  made.file_.reset(::open(path.c_str(), flags, static_cast<mode_t>(how.mode)));
  if (!made.file_) return failed();
  struct stat about{};
  if (::fstat(made.file_.get(), &about) != 0) return failed();
  made.regular_ = S_ISREG(about.st_mode);
  made.size_ = made.regular_ ? static_cast<std::uint64_t>(about.st_size) : 0;
  return made;
}

result<std::size_t> append_file::append_some(std::span<const io_slice> slices) {
  ZC_CHECK(!slices.empty() && slices.size() <= slices_max);
  const auto* list = reinterpret_cast<const iovec*>(slices.data());
  ssize_t written;
  do {
    written = ::writev(file_.get(), list, static_cast<int>(slices.size()));
  } while (written < 0 && errno == EINTR);
  if (written < 0) return failed();
  if (written == 0) return fail(errc::system, "nothing was written");
  size_ += static_cast<std::uint64_t>(written);
  return static_cast<std::size_t>(written);
}

result<std::size_t> append_file::read_some(std::uint64_t offset, std::span<std::byte> room) const {
  ssize_t got;
  do {
    got = ::pread(file_.get(), room.data(), room.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return failed();
  return static_cast<std::size_t>(got);
}

result<void> append_file::append(const bytes_chain& what) {
  const std::uint64_t before = size_;
  std::array<io_slice, 64> slices;
  for (std::size_t done = 0; done < what.size();) {
    const std::size_t count = what.gather(done, slices);
    const result<std::size_t> went = append_some(std::span(slices).first(count));
    if (!went) {
      (void)truncate(before);
      return std::unexpected(went.error());
    }
    done += *went;
  }
  return {};
}

result<void> append_file::truncate(std::uint64_t size) {
  if (!regular_ || size == size_) return {};
  ZC_CHECK(size < size_);
  int status;
  do {
    status = ::ftruncate(file_.get(), static_cast<off_t>(size));
  } while (status != 0 && errno == EINTR);
  if (status != 0) return failed();
  size_ = size;
  return {};
}

result<void> append_file::sync() {
  if (regular_ && ::fdatasync(file_.get()) != 0) return failed();
  return {};
}

result<void> make_directories(const std::string& path, unsigned mode) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || ::mkdir(part.c_str(), static_cast<mode_t>(mode)) == 0) continue;
    struct stat about{};
    const int number = errno;
    // Any error counts only where there is no directory: a parent may be read-only and still serve.
    if (::stat(part.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) continue;
    return std::unexpected(os_error(number == EEXIST ? ENOTDIR : number));
  }
  return {};
}

result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed();
  return {};
}

result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed();
  return {};
}

result<void> sync_directory(const std::string& path) {
  const fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return failed();
  return {};
}

bool path_exists(const std::string& path) noexcept {
  struct stat about{};
  return ::lstat(path.c_str(), &about) == 0;
}

result<std::vector<std::string>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, close_directory> directory(::opendir(path.c_str()));
  if (!directory) return failed();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return failed();
  std::ranges::sort(names);
  return names;
}

result<std::string> read_file(const std::string& path, std::size_t size_max) {
  const fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed();
  std::string text;
  for (;;) {
    constexpr std::size_t step = 16 * 1024;
    const std::size_t size = text.size();
    text.resize(size + step);
    const ssize_t got = ::read(file.get(), text.data() + size, step);
    text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (text.size() > size_max) return fail(errc::too_large, "file is too large", size_max);
    if (got == 0) return text;
  }
}

}  // namespace zc::io
