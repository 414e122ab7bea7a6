#include "zc/io/system.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <vector>

#include "zc/base/units.h"
#include "zc/io/address.h"
#include "zc/io/file.h"

namespace zc::io {
namespace {

constexpr std::size_t proc_file_bytes_max =
    1_MiB;  // /proc/stat of a machine with thousands of cores

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  return text;
}

std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
  text = trimmed(text);
  std::uint64_t n = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (status != std::errc() || end == text.data()) return std::nullopt;
  return n;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  const auto text = read_file(path, proc_file_bytes_max);
  return text ? number_of(*text) : std::nullopt;
}

// Where this process is in a hierarchy: "" for version 2, or the name of a version 1 controller.
std::optional<std::string> cgroup_path(const std::string& root, std::string_view controller) {
  const auto text = read_file(root + "/proc/self/cgroup", proc_file_bytes_max);
  if (!text) return std::nullopt;
  for (const std::string_view line : split(*text, '\n')) {
    const std::size_t first = line.find(':');
    if (first == line.npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const bool mine =
        controller.empty() ? names.empty() : std::ranges::count(split(names, ','), controller) > 0;
    if (mine) return std::string(trimmed(line.substr(second + 1)));
  }
  return std::nullopt;
}

// Calls visit(directory) for the group and all its parents, up to the top of the mount. Inside a
// container the path may name what is not mounted there; what does not exist is just not readable.
template <class Visit>
void for_each_group(const std::string& mount, std::string path, const Visit& visit) {
  while (path.size() > 1 && path.front() == '/') {
    visit(mount + path);
    path.resize(path.rfind('/'));
  }
  visit(mount);
}

std::uint64_t machine_memory(const std::string& root) {
  if (const auto text = read_file(root + "/proc/meminfo", proc_file_bytes_max)) {
    for (const std::string_view line : split(*text, '\n')) {
      if (!line.starts_with("MemTotal:")) continue;
      if (const auto kib = number_of(line.substr(9))) return *kib * 1_KiB;
    }
  }
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : 0;
}

std::uint64_t statm_field(std::size_t index) {
  const auto text = read_file("/proc/self/statm", proc_file_bytes_max);
  if (!text) return 0;
  const auto fields = split(*text, ' ');
  if (fields.size() <= index) return 0;
  return number_of(fields[index]).value_or(0) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

open_files limits_of(const rlimit& r) noexcept {
  return {r.rlim_cur, r.rlim_max};
}

}  // namespace

memory_bound memory_limit(const std::string& root) {
  memory_bound least{machine_memory(root), memory_source::machine};
  const auto consider = [&](const std::string& file, memory_source from) {
    const auto bytes = number_in(file);  // "max" is no number
    if (bytes && *bytes > 0 && (least.bytes == 0 || *bytes < least.bytes)) least = {*bytes, from};
  };
  if (const auto path = cgroup_path(root, "")) {
    for_each_group(root + "/sys/fs/cgroup", *path, [&](const std::string& group) {
      consider(group + "/memory.max", memory_source::cgroup_v2);
    });
  }
  if (const auto path = cgroup_path(root, "memory")) {
    for_each_group(root + "/sys/fs/cgroup/memory", *path, [&](const std::string& group) {
      consider(group + "/memory.limit_in_bytes", memory_source::cgroup_v1);
    });
  }
  return least;
}

double cpu_limit(const std::string& root) {
  double least = 0;
  const auto consider = [&](std::optional<std::uint64_t> quota,
                            std::optional<std::uint64_t> period) {
    if (!quota || !period || *quota == 0 || *period == 0) return;  // -1 and "max" are no numbers
    const double cores = static_cast<double>(*quota) / static_cast<double>(*period);
    if (least <= 0 || cores < least) least = cores;
  };
  if (const auto path = cgroup_path(root, "")) {
    for_each_group(root + "/sys/fs/cgroup", *path, [&](const std::string& group) {
      const auto text = read_file(group + "/cpu.max", proc_file_bytes_max);
      if (!text) return;
      const auto fields = split(*text, ' ');
      if (fields.size() == 2) consider(number_of(fields[0]), number_of(fields[1]));
    });
  }
  if (const auto path = cgroup_path(root, "cpu")) {
    for_each_group(root + "/sys/fs/cgroup/cpu", *path, [&](const std::string& group) {
      consider(number_in(group + "/cpu.cfs_quota_us"), number_in(group + "/cpu.cfs_period_us"));
    });
  }
  return least;
}

std::uint64_t resident_memory() {
  return statm_field(1);
}
std::uint64_t virtual_memory() {
  return statm_field(0);
}

std::chrono::nanoseconds cpu_time() noexcept {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return {};
  const auto span = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return span(used.ru_utime) + span(used.ru_stime);
}

std::chrono::system_clock::time_point process_start_time() {
  const auto text = read_file("/proc/self/stat", proc_file_bytes_max);
  if (!text) return {};
  // The second field is the program's name in parentheses and may hold anything: count behind it.
  const std::size_t end = text->rfind(')');
  if (end == text->npos) return {};
  const auto fields = split(std::string_view(*text).substr(end + 1), ' ');
  constexpr std::size_t start_index = 22 - 3;  // field 22; the first one here is field 3
  if (fields.size() <= start_index) return {};
  const std::uint64_t ticks = number_of(fields[start_index]).value_or(0);
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::chrono::nanoseconds since_boot(ticks * (1'000'000'000 / per_second));
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  const std::chrono::nanoseconds uptime =
      std::chrono::seconds(up.tv_sec) + std::chrono::nanoseconds(up.tv_nsec);
  return std::chrono::system_clock::now() - (uptime - since_boot);
}

open_files open_files_limit() noexcept {
  rlimit r{};
  if (::getrlimit(RLIMIT_NOFILE, &r) != 0) return {};
  return limits_of(r);
}

result<open_files> raise_open_files_limit() noexcept {
  rlimit r{};
  if (::getrlimit(RLIMIT_NOFILE, &r) != 0) return std::unexpected(os_error(errno));
  r.rlim_cur = r.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &r) != 0) return std::unexpected(os_error(errno));
  return limits_of(r);
}

std::string hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

int process_id() noexcept {
  return ::getpid();
}

bool is_terminal(int descriptor) noexcept {
  return ::isatty(descriptor) == 1;
}

}  // namespace zc::io
