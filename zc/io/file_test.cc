// What must hold of files: appends land whole at the end or not at all, and errors of the system
// are values.

#include "zc/io/file.h"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace zc::io {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zc_file_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/file";
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::string content() { return read_file(path_, 1 << 24).value_or("(unreadable)"); }

  std::string directory_;
  std::string path_;
};

bytes_chain chain_of(std::initializer_list<const char*> parts) {
  bytes_chain made;
  for (const char* part : parts) made.append(bytes::from_string(part));
  return made;
}

// While it lives no file of this process grows beyond `size`.
struct file_size_limit {
  explicit file_size_limit(rlim_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit now = before;
    now.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~file_size_limit() { ::setrlimit(RLIMIT_FSIZE, &before); }
  rlimit before{};
};

TEST_F(FileTest, AppendsAChainBehindWhatIsThere) {
  {
    auto file = append_file::open(path_, {});
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(chain_of({"one ", "two "})));
    EXPECT_EQ(file->size(), 8u);
  }
  auto file = append_file::open(path_, {});
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 8u);
  ASSERT_TRUE(file->append(chain_of({"three"})));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(content(), "one two three");
}

TEST_F(FileTest, TruncatingDropsWhatIsThere) {
  ASSERT_TRUE(append_file::open(path_, {})->append(chain_of({"old"})));
  auto file = append_file::open(path_, {.truncate = true});
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 0u);
  EXPECT_EQ(content(), "");
}

TEST_F(FileTest, ALongChainTakesManyCallsAndArrivesWhole) {
  bytes_chain many;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    many.append(bytes::from_string(std::to_string(i) + ","));
    expected += std::to_string(i) + ",";
  }
  auto file = append_file::open(path_, {});
  ASSERT_TRUE(file->append(many));
  EXPECT_EQ(content(), expected);
}

TEST_F(FileTest, WhatDoesNotFitIsTakenBackWhole) {
  auto file = append_file::open(path_, {});
  ASSERT_TRUE(file->append(chain_of({"whole"})));
  {
    const file_size_limit limit(8);
    const auto status = file->append(chain_of({"cut", "here"}));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().os, EFBIG);
  }
  EXPECT_EQ(content(), "whole");
  EXPECT_EQ(file->size(), 5u);
  ASSERT_TRUE(file->append(chain_of({" again"})));
  EXPECT_EQ(content(), "whole again");
}

TEST_F(FileTest, AFullDeviceIsAnError) {
  auto file = append_file::open("/dev/full", {});
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->regular());
  const auto status = file->append(chain_of({"x"}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os, ENOSPC);
}

TEST_F(FileTest, MissingDirectoriesAreAnErrorUntilTheyAreMade) {
  const std::string deep = directory_ + "/a/b/c";
  const auto file = append_file::open(deep + "/file", {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().os, ENOENT);
  ASSERT_TRUE(make_directories(deep));
  ASSERT_TRUE(make_directories(deep)) << "already there is fine";
  ASSERT_TRUE(make_directories(deep + "/"));
  ASSERT_TRUE(append_file::open(deep + "/file", {}));
  const auto through_file = make_directories(deep + "/file/d");
  ASSERT_FALSE(through_file);
  EXPECT_EQ(through_file.error().os, ENOTDIR);
}

TEST_F(FileTest, RenameRemoveAndListSayWhatIsThere) {
  ASSERT_TRUE(append_file::open(path_, {}));
  ASSERT_TRUE(rename_file(path_, directory_ + "/b"));
  ASSERT_TRUE(append_file::open(directory_ + "/a", {}));
  EXPECT_EQ(*list_directory(directory_), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(path_exists(directory_ + "/a"));
  ASSERT_TRUE(remove_file(directory_ + "/a"));
  ASSERT_TRUE(remove_file(directory_ + "/a"));
  EXPECT_FALSE(path_exists(directory_ + "/a"));
  EXPECT_FALSE(rename_file(directory_ + "/a", path_));
  EXPECT_FALSE(list_directory(directory_ + "/none"));
}

TEST_F(FileTest, ReadingHasABound) {
  ASSERT_TRUE(append_file::open(path_, {})->append(chain_of({"0123456789"})));
  EXPECT_EQ(*read_file(path_, 10), "0123456789");
  EXPECT_EQ(read_file(path_, 9).error().code, errc::too_large);
}

}  // namespace
}  // namespace zc::io
