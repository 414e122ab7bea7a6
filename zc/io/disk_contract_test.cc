// What zc/shard/disk.h promises, held against the real disk and the simulated one. One body, so
// that the twin is proved to behave as the real one does; what only a simulation can do (run out of
// space, fail, crash) is zc/testing/sim/disk_test.cc.

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/file_disk.h"
#include "zc/shard/disk.h"
#include "zc/testing/seed.h"
#include "zc/testing/sim/disk.h"

namespace zc::io {
namespace {

enum class medium { real, simulated };

bytes_chain chain_of(std::initializer_list<std::string> parts) {
  bytes_chain made;
  for (std::string part : parts) made.append(bytes::from_string(std::move(part)));
  return made;
}

class DiskContractTest : public ::testing::TestWithParam<medium> {
 protected:
  DiskContractTest() {
    if (GetParam() == medium::simulated) {
      disk_ = &simulated_;
      root_ = "/root";
      EXPECT_TRUE(disk_->make_directories(root_));
    } else {
      std::string pattern = (std::filesystem::temp_directory_path() / "zc_disk_XXXXXX").string();
      root_ = ::mkdtemp(pattern.data());
    }
  }
  ~DiskContractTest() override {
    if (disk_ != &simulated_) std::filesystem::remove_all(root_);
  }
  std::string path(const char* name) const { return root_ + "/" + name; }
  std::unique_ptr<disk_file> open(const char* name, bool truncate = false) {
    file_options how;
    how.readable = true;
    how.truncate = truncate;
    auto made = disk_->open(path(name), how);
    EXPECT_TRUE(made) << made.error().reason;
    return made ? std::move(*made) : nullptr;
  }
  std::string content(const char* name) {
    file_options how;
    how.readable = true;
    how.writable = how.create = false;
    const auto file = disk_->open(path(name), how);
    return file ? read_all(**file, 1 << 24).value_or("(unreadable)") : "(none)";
  }

  testing::sim_clock time_;
  testing::sim_trace trace_{time_};
  testing::sim_disk simulated_{testing::sim_random(1), trace_};
  disk* disk_ = &file_disk::instance();
  std::string root_;
};

INSTANTIATE_TEST_SUITE_P(, DiskContractTest, ::testing::Values(medium::real, medium::simulated),
                         [](const auto& of) { return of.param == medium::real ? "files" : "sim"; });

TEST_P(DiskContractTest, WhatIsAppendedIsReadBackAndStaysBehindWhatWasThere) {
  {
    auto file = open("a");
    EXPECT_EQ(file->size(), 0u);
    EXPECT_TRUE(file->regular());
    ASSERT_TRUE(append_all(*file, chain_of({"one ", "two "})));
    EXPECT_EQ(file->size(), 8u);
  }
  auto file = open("a");
  EXPECT_EQ(file->size(), 8u);
  const std::string three = "three";
  const std::array<io_slice, 2> slices{{{three.data(), 2}, {three.data() + 2, 3}}};
  EXPECT_EQ(file->append_and_sync(slices).value_or(0), 5u);
  EXPECT_EQ(content("a"), "one two three");
}

TEST_P(DiskContractTest, ReadsTakeAnyOffsetAndEndWithNothing) {
  auto file = open("a");
  ASSERT_TRUE(append_all(*file, chain_of({"0123456789"})));
  std::array<std::byte, 4> room;
  ASSERT_EQ(file->read(3, room).value_or(0), 4u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(room.data()), 4), "3456");
  EXPECT_EQ(file->read(8, room).value_or(9), 2u);
  EXPECT_EQ(file->read(10, room).value_or(9), 0u);
  EXPECT_EQ(file->read(1 << 30, room).value_or(9), 0u);
  EXPECT_EQ(read_all(*file, 9).error().code, errc::too_large);
}

TEST_P(DiskContractTest, TruncatingCutsAndAppendingGoesOnThere) {
  auto file = open("a");
  ASSERT_TRUE(append_all(*file, chain_of({std::string(5000, 'x'), "tail"})));
  ASSERT_TRUE(file->truncate(3));
  EXPECT_EQ(file->size(), 3u);
  ASSERT_TRUE(append_all(*file, chain_of({"y"})));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(content("a"), "xxxy");
  EXPECT_EQ(open("a", true)->size(), 0u);
  EXPECT_EQ(content("a"), "");
}

TEST_P(DiskContractTest, NamesAreMadeMovedListedAndRemoved) {
  ASSERT_TRUE(append_all(*open("b"), chain_of({"b"})));
  ASSERT_TRUE(append_all(*open("c"), chain_of({"c"})));
  EXPECT_EQ(*disk_->list(root_), (std::vector<std::string>{"b", "c"}));
  ASSERT_TRUE(disk_->rename(path("c"), path("b"))) << "replaces";
  EXPECT_EQ(*disk_->list(root_), (std::vector<std::string>{"b"}));
  EXPECT_EQ(content("b"), "c");
  EXPECT_TRUE(disk_->exists(path("b")));
  EXPECT_FALSE(disk_->exists(path("c")));
  EXPECT_EQ(disk_->rename(path("c"), path("d")).error().os, ENOENT);
  ASSERT_TRUE(disk_->remove(path("b")));
  ASSERT_TRUE(disk_->remove(path("b"))) << "none there is no error";
  EXPECT_TRUE(disk_->list(root_)->empty());
  EXPECT_TRUE(disk_->sync_directory(root_));
}

TEST_P(DiskContractTest, AFileThatWasMovedOrRemovedIsStillTheSameFile) {
  auto file = open("a");
  ASSERT_TRUE(disk_->rename(path("a"), path("b")));
  ASSERT_TRUE(append_all(*file, chain_of({"moved"})));
  EXPECT_EQ(content("b"), "moved");
  ASSERT_TRUE(disk_->remove(path("b")));
  ASSERT_TRUE(append_all(*file, chain_of({" on"})));
  EXPECT_EQ(read_all(*file, 100).value_or(""), "moved on");
  EXPECT_EQ(content("b"), "(none)");
}

TEST_P(DiskContractTest, DirectoriesAreMadeWithTheirParentsAndMissingOnesAreErrors) {
  EXPECT_EQ(disk_->open(path("x/y/file"), {}).error().os, ENOENT);
  EXPECT_EQ(disk_->list(path("x")).error().os, ENOENT);
  ASSERT_TRUE(disk_->make_directories(path("x/y")));
  ASSERT_TRUE(disk_->make_directories(path("x/y"))) << "already there is fine";
  ASSERT_TRUE(disk_->open(path("x/y/file"), {}));
  EXPECT_EQ(disk_->make_directories(path("x/y/file/z")).error().os, ENOTDIR);
  EXPECT_EQ(*disk_->list(path("x/y")), (std::vector<std::string>{"file"}));
}

TEST_P(DiskContractTest, WithoutCreateAMissingFileIsAnError) {
  file_options how;
  how.create = false;
  EXPECT_EQ(disk_->open(path("none"), how).error().os, ENOENT);
}

TEST_P(DiskContractTest, RandomAppendsAndCutsAgreeWithAString) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  std::string model;
  auto file = open("a");
  for (int i = 0; i < 300; ++i) {
    if (random() % 4 == 0) {
      model.resize(random() % (model.size() + 1));
      ASSERT_TRUE(file->truncate(model.size()));
    } else {
      const std::string part(random() % 3000, static_cast<char>('a' + random() % 26));
      model += part;
      ASSERT_TRUE(append_all(*file, chain_of({part, ""})));
    }
    if (random() % 20 == 0) {
      ASSERT_TRUE(file->sync());
    }
    if (random() % 20 == 0) file = open("a");
    ASSERT_EQ(file->size(), model.size());
  }
  EXPECT_TRUE(content("a") == model);
}

TEST_P(DiskContractTest, ADirectoryIsFoundInEveryKindOfPath) {
  EXPECT_EQ(directory_of("a/b"), "a");
  EXPECT_EQ(directory_of("/b"), "/");
  EXPECT_EQ(directory_of("b"), ".");
  EXPECT_EQ(directory_of("/a/b/c"), "/a/b");
}

}  // namespace
}  // namespace zc::io
