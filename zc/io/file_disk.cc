#include "zc/io/file_disk.h"

#include <utility>

#include "zc/base/check.h"
#include "zc/io/file.h"

namespace zc::io {
namespace {

class real_file final : public disk_file {
 public:
  real_file(append_file file, const file_options& how) : file_(std::move(file)), how_(how) {}

  result<std::size_t> append(std::span<const io_slice> slices) override {
    ZC_REQUIRES(how_.writable, "disk_file::append requires a writable file");
    return file_.append_some(slices);
  }
  result<std::size_t> read(std::uint64_t offset, std::span<std::byte> room) const override {
    ZC_REQUIRES(how_.readable, "disk_file::read requires a readable file");
    return file_.read_some(offset, room);
  }
  result<void> truncate(std::uint64_t size) override { return file_.truncate(size); }
  result<void> sync() override { return file_.sync(); }
  std::uint64_t size() const noexcept override { return file_.size(); }
  bool regular() const noexcept override { return file_.regular(); }

 private:
  append_file file_;
  const file_options how_;
};

}  // namespace

file_disk& file_disk::instance() noexcept {
  static file_disk one;
  return one;
}

result<std::unique_ptr<disk_file>> file_disk::open(const std::string& path,
                                                   const file_options& how) {
  append_file::options o;
  o.truncate = how.truncate;
  o.mode = how.mode;
  o.readable = how.readable;
  o.writable = how.writable;
  o.create = how.create;
  auto opened = append_file::open(path, o);
  if (!opened) return std::unexpected(opened.error());
  return std::make_unique<real_file>(std::move(*opened), how);
}

result<void> file_disk::rename(const std::string& from, const std::string& to) {
  return rename_file(from, to);
}

result<void> file_disk::remove(const std::string& path) {
  return remove_file(path);
}

bool file_disk::exists(const std::string& path) const {
  return path_exists(path);
}

result<std::vector<std::string>> file_disk::list(const std::string& directory) const {
  return list_directory(directory);
}

result<void> file_disk::make_directories(const std::string& path) {
  return io::make_directories(path);
}

result<void> file_disk::sync_directory(const std::string& directory) {
  return io::sync_directory(directory);
}

}  // namespace zc::io
