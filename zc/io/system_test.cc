// What must hold of the system's figures: limits are read from where each kind of cgroup keeps
// them, the smallest counts, and what is measured of this process is plausible.

#include "zc/io/system.h"

#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/file.h"

namespace zc::io {
namespace {

// A made-up /proc and /sys.
struct made_up_root {
  made_up_root() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zc_root_XXXXXX").string();
    path = ::mkdtemp(pattern.data());
    put("/proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\n");
  }
  ~made_up_root() { std::filesystem::remove_all(path); }
  void put(const std::string& name, const char* text) {
    ASSERT_TRUE(make_directories(path + name.substr(0, name.rfind('/'))));
    auto file = append_file::open(path + name, {.truncate = true});
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes::from_string(text)));
  }
  std::string path;
};

TEST(SystemTest, WithoutCgroupsTheMachineIsTheLimit) {
  const made_up_root root;
  EXPECT_EQ(memory_limit(root.path).bytes, 8ULL << 30);
  EXPECT_EQ(memory_limit(root.path).from, memory_source::machine);
  EXPECT_EQ(cpu_limit(root.path), 0);
}

TEST(SystemTest, TheSmallestLimitOfAGroupAndItsParentsCounts) {
  made_up_root root;
  root.put("/proc/self/cgroup", "0::/system.slice/gate.service\n");
  root.put("/sys/fs/cgroup/system.slice/gate.service/memory.max", "max\n");
  root.put("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  root.put("/sys/fs/cgroup/system.slice/gate.service/cpu.max", "150000 100000\n");
  root.put("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(memory_limit(root.path).bytes, 1ULL << 30);
  EXPECT_EQ(memory_limit(root.path).from, memory_source::cgroup_v2);
  EXPECT_DOUBLE_EQ(cpu_limit(root.path), 1.5);
}

TEST(SystemTest, InAContainerTheMountIsTheGroup) {
  made_up_root root;
  root.put("/proc/self/cgroup", "0::/\n");
  root.put("/sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(memory_limit(root.path).bytes, 512ULL << 20);
}

TEST(SystemTest, VersionOneKeepsItsLimitsElsewhereAndItsHugeNumberIsNone) {
  made_up_root root;
  root.put("/proc/self/cgroup", "7:cpu,cpuacct:/pod/x\n4:memory:/pod/x\n0::/pod/x\n");
  root.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");  // the path is the host's
  root.put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(memory_limit(root.path).bytes, 256ULL << 20);
  EXPECT_EQ(memory_limit(root.path).from, memory_source::cgroup_v1);
  EXPECT_EQ(cpu_limit(root.path), 0);
  root.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory_limit(root.path).from, memory_source::machine);
}

TEST(SystemTest, NonsenseInThoseFilesIsNoLimit) {
  made_up_root root;
  root.put("/proc/self/cgroup", ":::\n\nx\n0::\n5:memory\n");
  root.put("/sys/fs/cgroup/memory.max", "lots\n");
  EXPECT_EQ(memory_limit(root.path).bytes, 8ULL << 30);
}

TEST(SystemTest, TheRealMachineHasMemory) {
  EXPECT_GT(memory_limit().bytes, 1ULL << 20);
}

TEST(SystemTest, ResidentMemoryGrowsWithWhatIsTouched) {
  const std::uint64_t before = resident_memory();
  EXPECT_GT(before, 100'000u);
  EXPECT_GE(virtual_memory(), before);
  std::vector<char> touched(64 << 20, 'x');
  EXPECT_GE(resident_memory(), before + (48 << 20));
  EXPECT_EQ(touched.back(), 'x');
}

TEST(SystemTest, CpuTimeGrowsWithWork) {
  const auto before = cpu_time();
  volatile unsigned sink = 0;
  while (cpu_time() - before < std::chrono::milliseconds(5)) sink = sink + 1;
  EXPECT_LT(cpu_time(), std::chrono::hours(24));
}

TEST(SystemTest, TheProcessStartedAWhileAgo) {
  const auto now = std::chrono::system_clock::now();
  EXPECT_LE(process_start_time(), now + std::chrono::seconds(1));
  EXPECT_GE(process_start_time(), now - std::chrono::hours(1));
}

TEST(SystemTest, TheLimitOfOpenFilesCanBeRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(open_files_limit().soft, 64u);
  const auto raised = raise_open_files_limit();
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->soft, before.rlim_max);
  EXPECT_EQ(open_files_limit().soft, before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(SystemTest, NamesAndTerminals) {
  EXPECT_FALSE(hostname().empty());
  EXPECT_EQ(process_id(), ::getpid());
  EXPECT_FALSE(is_terminal(-1));
}

}  // namespace
}  // namespace zc::io
