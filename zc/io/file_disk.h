// zc/io/file_disk.h - the real disk: zc/shard/disk.h on the operating system's files.
//
// Threads  Any: it has no state.
// Cost     One system call per call.
#pragma once

#include "zc/shard/disk.h"

namespace zc::io {

class file_disk final : public disk {
 public:
  static file_disk& instance() noexcept;

  result<std::unique_ptr<disk_file>> open(const std::string& path,
                                          const file_options& how) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> remove(const std::string& path) override;
  bool exists(const std::string& path) const override;
  result<std::vector<std::string>> list(const std::string& directory) const override;
  result<void> make_directories(const std::string& path) override;
  result<void> sync_directory(const std::string& directory) override;
};

}  // namespace zc::io
