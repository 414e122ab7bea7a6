#include "zc/shard/disk.h"

#include <algorithm>
#include <array>

namespace zc {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

result<void> append_all(disk_file& to, const bytes_chain& what) {
  const std::uint64_t before = to.size();
  std::array<io_slice, 64> slices;
  for (std::size_t done = 0; done < what.size();) {
    const std::size_t count = what.gather(done, slices);
    const result<std::size_t> went = to.append(std::span(slices).first(count));
    if (!went) {
      (void)to.truncate(before);
      return std::unexpected(went.error());
    }
    done += *went;
  }
  return {};
}

result<std::string> read_all(const disk_file& from, std::size_t size_max) {
  std::string all;
  std::array<std::byte, 16384> part;
  for (;;) {
    const result<std::size_t> got = from.read(all.size(), part);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return all;
    if (*got > size_max - all.size()) return fail(errc::too_large, "the file is too long");
    all.append(reinterpret_cast<const char*>(part.data()), *got);
  }
}

}  // namespace zc
