#include "zc/io/published_memory.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "zc/base/check.h"
#include "zc/io/address.h"
#include "zc/io/mapping.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010  // Linux 5.1
#endif

namespace zc::io {
namespace {

std::unexpected<error> failed() noexcept {
  return std::unexpected(os_error(errno));
}

std::optional<int> number_of(std::string_view text) noexcept {
  int value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What the link in /proc says, and whether the descriptor may write: the link's own permissions.
bool holds(const std::filesystem::directory_entry& link, const std::string& target) {
  std::error_code gone;  // processes end, and close what they had, while one looks
  if (std::filesystem::read_symlink(link.path(), gone) != target || gone) return false;
  const auto about = link.symlink_status(gone);
  return !gone && (about.permissions() & std::filesystem::perms::owner_write) !=
                      std::filesystem::perms::none;
}

}  // namespace

result<published_memory> shared_memory::publish() && {
  ZC_REQUIRES(size() > 0, "shared_memory::publish requires memory");
  // Before the seal: from then on nobody is to write but this process.
  if (::madvise(room().data(), size(), MADV_DONTFORK) != 0) return failed();
  constexpr int seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(file_.get(), F_ADD_SEALS, seals) != 0) return failed();
  return published_memory(std::move(file_), std::move(room_));
}

bool published_view::is_at(const std::string& path) const noexcept {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == node_;
}

result<published_view> map_published(const fd& file, std::size_t size_max) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0) {
    if (errno != EINVAL) return failed();
    return fail(errc::unsupported, "the descriptor is no shared memory");
  }
  if ((seals & F_SEAL_SHRINK) == 0) {
    return fail(errc::refused, "shared memory that others may still shorten");
  }
  if ((seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)) == 0) {
    return fail(errc::refused, "shared memory that others may still write");
  }
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return failed();
  const auto size = static_cast<std::uint64_t>(about.st_size);
  if (size > size_max) return fail(errc::too_large, "shared memory above the limit");
  published_view seen;
  seen.device_ = about.st_dev;
  seen.node_ = about.st_ino;
  if (size == 0) return seen;
  void* const pages = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (pages == MAP_FAILED) return failed();
  seen.pages_ = mapped_pages(pages, size);
  return seen;
}

result<published_view> map_published(const std::string& path, std::size_t size_max) {
  // Without waiting: opening a pipe would wait for its writer. Read-only, and closed when this
  // returns: whoever looks for makers does not take us for one.
  const fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return failed();
  return map_published(file, size_max);
}

std::vector<publisher> find_published(std::string_view name) {
  namespace fs = std::filesystem;
  const std::string target = "/memfd:" + std::string(name) + " (deleted)";
  std::vector<publisher> all;
  std::error_code gone;
  for (fs::directory_iterator at("/proc", gone), end; !gone && at != end; at.increment(gone)) {
    const auto process = number_of(at->path().filename().native());
    if (!process) continue;
    std::error_code closed;  // another user's, or over
    for (fs::directory_iterator link(at->path() / "fd", closed); !closed && link != end;
         link.increment(closed)) {
      if (!holds(*link, target)) continue;
      all.push_back({*process, link->path().native()});
      break;
    }
  }
  std::ranges::sort(all, {}, &publisher::process);
  return all;
}

}  // namespace zc::io
