// What must hold of the simulated disk: what was synced survives every crash, whatever was not may
// be lost in any way that real disks lose it, and every kind of trouble can be asked for. That it
// otherwise behaves as the real one is zc/io/disk_contract_test.cc.

#include "zc/testing/sim/disk.h"

#include <array>
#include <cerrno>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace zc::testing {
namespace {

struct bench {
  explicit bench(std::uint64_t seed) : disk(sim_random(seed), trace) {}
  std::unique_ptr<disk_file> open(const std::string& path) {
    file_options how;
    how.readable = true;
    return std::move(*disk.open(path, how));
  }
  static result<void> put(disk_file& to, const std::string& text) {
    return append_all(to, bytes_chain(bytes::copy_of(text)));
  }
  std::string content(const std::string& path) {
    return disk.exists(path) ? *read_all(*open(path), 1 << 24) : "(none)";
  }
  sim_clock time;
  sim_trace trace{time};
  sim_disk disk;
};

TEST(SimDiskTest, SyncedContentUnderASyncedNameSurvivesEveryCrash) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    bench b(seed);
    auto file = b.open("a");
    ASSERT_TRUE(bench::put(*file, std::string(5000, 'x')));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(b.disk.sync_directory("."));
    ASSERT_TRUE(bench::put(*file, std::string(3000, 'y')));
    b.disk.crash();
    const std::string left = b.content("a");
    ASSERT_GE(left.size(), 5000u);
    EXPECT_EQ(left.substr(0, 5000), std::string(5000, 'x'));
    for (const char c : left.substr(5000)) ASSERT_TRUE(c == 'y' || c == '\0');
  }
}

TEST(SimDiskTest, WithoutASyncEverythingIsPossible) {
  std::set<std::string> kinds;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    bench b(seed);
    auto file = b.open("a");
    ASSERT_TRUE(bench::put(*file, std::string(4 * sim_disk::block, 'y')));
    if (seed % 2 == 0) {
      ASSERT_TRUE(b.disk.sync_directory("."));
    }
    b.disk.crash();
    const std::string left = b.content("a");
    if (left == "(none)") {
      kinds.insert("no name");
    } else if (left.empty()) {
      kinds.insert("empty");
    } else if (left == std::string(4 * sim_disk::block, 'y')) {
      kinds.insert("whole");
    } else if (left.find('y') == std::string::npos) {
      kinds.insert("zeros");
    } else if (left[0] == '\0' && left.find('y') != std::string::npos) {
      kinds.insert("a later block without an earlier one");
    } else if (left.find('\0') != std::string::npos && left.find('\0') % sim_disk::block != 0) {
      kinds.insert("torn");
    }
  }
  EXPECT_EQ(kinds.size(), 6u);
}

TEST(SimDiskTest, ASyncOfTheContentIsNoSyncOfTheName) {
  int lost = 0, kept = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    bench b(seed);
    auto file = b.open("a");
    ASSERT_TRUE(bench::put(*file, "x"));
    ASSERT_TRUE(file->sync());
    b.disk.crash();
    (b.disk.exists("a") ? kept : lost) += 1;
    if (b.disk.exists("a")) {
      EXPECT_EQ(b.content("a"), "x");
    }
  }
  EXPECT_GT(lost, 0);
  EXPECT_GT(kept, 0);
}

TEST(SimDiskTest, AfterASyncThatFailedALaterOneSavesOnlyWhatCameLater) {
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    bench b(seed);
    auto file = b.open("a");
    ASSERT_TRUE(b.disk.sync_directory("."));
    ASSERT_TRUE(bench::put(*file, std::string(sim_disk::block, 'x')));
    disk_profile broken;
    broken.fail_sync = 1;
    b.disk.set(broken);
    ASSERT_FALSE(file->sync());
    b.disk.set({});
    ASSERT_TRUE(bench::put(*file, std::string(sim_disk::block, 'y')));
    ASSERT_TRUE(file->sync());
    b.disk.crash();
    const std::string left = b.content("a");
    EXPECT_EQ(left.substr(sim_disk::block), std::string(sim_disk::block, 'y'));
    lost += left[0] == 'x' ? 0 : 1;
  }
  EXPECT_GT(lost, 5);
}

TEST(SimDiskTest, FilesOfBeforeACrashAreDead) {
  bench b(1);
  auto file = b.open("a");
  b.disk.crash();
  EXPECT_EQ(bench::put(*file, "x").error().os, EIO);
  EXPECT_EQ(file->sync().error().os, EIO);
}

TEST(SimDiskTest, AFullDiskTakesWhatFitsThenSaysSo) {
  bench b(1);
  disk_profile how;
  how.capacity = 10;
  b.disk.set(how);
  auto file = b.open("a");
  const std::string text(16, 'x');
  const std::array<io_slice, 1> slices{{{text.data(), text.size()}}};
  EXPECT_EQ(file->append(slices).value_or(0), 10u);
  EXPECT_EQ(file->append(slices).error().os, ENOSPC);
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(file->append(slices).value_or(0), 6u);
}

TEST(SimDiskTest, TroubleComesAsOftenAsAskedAndWorkTakesTime) {
  bench b(1);
  disk_profile how;
  how.cut_append = how.fail_read = how.fail_name = 1;
  b.disk.set(how);
  EXPECT_FALSE(b.disk.open("a", {}));
  how.fail_name = 0;
  b.disk.set(how);
  auto file = b.open("a");
  const std::string text(1000, 'x');
  const std::array<io_slice, 1> slices{{{text.data(), text.size()}}};
  int cut = 0;
  for (int i = 0; i < 20; ++i) cut += *file->append(slices) < 1000 ? 1 : 0;
  EXPECT_GT(cut, 10);
  std::array<std::byte, 8> room;
  EXPECT_EQ(file->read(0, room).error().os, EIO);
  ASSERT_TRUE(file->sync());
  EXPECT_GE(b.disk.take_busy(), how.sync_time);
  EXPECT_EQ(b.disk.take_busy(), nanoseconds(0));
}

}  // namespace
}  // namespace zc::testing
