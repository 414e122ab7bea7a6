// zc/testing/sim/disk.h - a disk in memory that is slow, full, broken and crashes as the seed says.
//
// What it keeps apart is what programs get wrong: the content everybody reads, and what is on the
// medium. sync() carries the one to the other, block by block (512 bytes). crash() throws away what
// programs see and goes on with the medium, to which any of the unsynced blocks may have come - in
// any order, whole, halfway (torn) or not at all - and any length between the two. Names are a
// journal: of those not synced a crash keeps a beginning. A sync() that fails leaves the blocks
// clean and unwritten, as Linux does: a later sync() does not write them.
//
// Ownership  Files may outlive a crash; they are dead then (EIO).
// Threads    One.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "zc/shard/clock.h"
#include "zc/shard/disk.h"
#include "zc/testing/sim/random.h"
#include "zc/testing/sim/trace.h"

namespace zc::testing {

struct disk_profile {
  nanoseconds write_time = std::chrono::microseconds(20);
  nanoseconds sync_time = std::chrono::milliseconds(2);
  double bytes_per_second = 1e9;
  std::size_t capacity = SIZE_MAX;  // of all contents; beyond: ENOSPC
  double cut_append = 0;            // a part of it goes
  double fail_append = 0;           // EIO
  double fail_sync = 0;
  double fail_read = 0;
  double fail_truncate = 0;
  double fail_name = 0;  // open with create, rename, remove, sync_directory

  static disk_profile rough(sim_random& r);  // any mix of them
};

class sim_disk final : public disk {
 public:
  static constexpr std::size_t block = 512;

  sim_disk(sim_random random, sim_trace& trace);
  ~sim_disk() override;

  void set(const disk_profile& how) noexcept { how_ = how; }
  const disk_profile& profile() const noexcept { return how_; }
  void crash();

  result<std::unique_ptr<disk_file>> open(const std::string& path,
                                          const file_options& how) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> remove(const std::string& path) override;
  bool exists(const std::string& path) const override;
  result<std::vector<std::string>> list(const std::string& directory) const override;
  result<void> make_directories(const std::string& path) override;
  result<void> sync_directory(const std::string& directory) override;

  // What the calls since the last question would have taken.
  nanoseconds take_busy() noexcept;
  std::size_t used() const noexcept;  // bytes of all contents

 private:
  struct inode;
  class file;
  struct name_change {
    std::string from, to;         // from empty: made; to empty: removed
    std::shared_ptr<inode> what;  // made
  };
  using names = std::map<std::string, std::shared_ptr<inode>>;

  static void apply(names& to, const name_change& change);
  result<void> change_name(name_change change);
  result<void> trouble(double probability, int number) const;

  mutable sim_random random_;
  sim_trace& trace_;
  disk_profile how_;
  names seen_;
  names kept_;
  std::vector<name_change> journal_;  // between the two
  std::vector<std::string> directories_;
  nanoseconds busy_{0};
  std::uint64_t era_ = 0;  // crashes so far
};

}  // namespace zc::testing
