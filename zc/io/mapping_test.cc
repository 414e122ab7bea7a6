// What must hold of mappings: the pages are the payload, nothing is read into memory of ours, the
// last handle unmaps, and what cannot be mapped is a value.

#include "zc/io/mapping.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/io/file.h"
#include "zc/mem/builder.h"

namespace zc::io {
namespace {

class MappingTest : public ::testing::Test {
 protected:
  MappingTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zc_map_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/file";
  }
  ~MappingTest() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  std::string directory_;
  std::string path_;
};

std::string numbered(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ' ';
  text.resize(size);
  return text;
}

bool is_mapped(const std::string& name) {
  return read_file("/proc/self/maps", 1 << 24).value_or("").find(name) != std::string::npos;
}

TEST_F(MappingTest, AFilesPagesAreThePayloadUntilTheLastHandleGoes) {
  const std::string text = numbered(100'000);
  write(text);
  const auto before = ledger::read();
  bytes part;
  {
    const auto whole = map_file(path_);
    ASSERT_TRUE(whole);
    EXPECT_EQ(*whole, text);
    EXPECT_EQ(whole->from(), backing::mapped_file);
    EXPECT_GE(whole->retained_size(), text.size());
    part = whole->slice(50'000, 7);
  }
  EXPECT_TRUE(is_mapped(path_));
  std::filesystem::remove(path_);
  EXPECT_EQ(part, text.substr(50'000, 7));
  part.clear();
  EXPECT_FALSE(is_mapped(path_));
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST_F(MappingTest, RangesBeginAndEndAnywhere) {
  const std::string text = numbered(20'000);
  write(text);
  for (const std::uint64_t offset : {0, 1, 4095, 4096, 4097, 19'999}) {
    for (const std::uint64_t count : {1, 100, 4096, 10'000}) {
      const auto got = map_file(path_, {.offset = offset, .count = count});
      if (count > text.size() - offset) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::truncated);
      } else {
        ASSERT_TRUE(got);
        EXPECT_EQ(*got, text.substr(offset, count));
      }
    }
    for (const auto pattern :
         {access_pattern::sequential, access_pattern::random, access_pattern::soon})
      EXPECT_EQ(*map_file(path_, {.offset = offset, .pattern = pattern}), text.substr(offset));
  }
}

TEST_F(MappingTest, HostileRangesAreValues) {
  write("0123456789");
  EXPECT_EQ(map_file(path_, {.offset = 11}).error().code, errc::truncated);
  EXPECT_EQ(map_file(path_, {.offset = UINT64_MAX}).error().code, errc::truncated);
  EXPECT_EQ(map_file(path_, {.offset = 5, .count = UINT64_MAX - 1}).error().code, errc::truncated);
  EXPECT_TRUE(map_file(path_, {.offset = 10})->empty());
  EXPECT_TRUE(map_file(path_, {.offset = 3, .count = 0})->empty());
}

TEST_F(MappingTest, AnEmptyFileIsEmptyBytesThatPinNothing) {
  write("");
  const auto none = map_file(path_);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(none->retained_size(), 0u);
}

TEST_F(MappingTest, WhatIsNoRegularFileIsAValue) {
  EXPECT_EQ(map_file(directory_).error().code, errc::unsupported);
  const auto missing = map_file(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().os, ENOENT);
  const std::string pipe = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(map_file(pipe).error().code, errc::unsupported) << "and does not wait for a writer";
  EXPECT_EQ(map_file("/dev/null").error().code, errc::unsupported);
  EXPECT_EQ(map_file(fd()).error().os, EBADF);
}

TEST_F(MappingTest, MappedPagesAreNeverOursToWrite) {
  write("read only");
  auto mapped = map_file(path_);
  ASSERT_TRUE(mapped);
  EXPECT_FALSE((*std::move(mapped)).try_unfreeze());
}

// The way a descriptor travels between processes that are not related.
void send_descriptor(int over, int file) {
  char byte = 'f';
  iovec one{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &one;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &file, sizeof file);
  ASSERT_EQ(::sendmsg(over, &message, 0), 1);
}

fd receive_descriptor(int over) {
  char byte = 0;
  iovec one{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &one;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(over, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == nullptr) return fd();
  int file = -1;
  std::memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
  return fd(file);
}

TEST(SharedMemoryTest, AnotherProcessReadsThePagesThatWereWrittenHere) {
  const std::string text = numbered(50'000);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const fd ours(pair[0]);
  const fd theirs(pair[1]);
  const pid_t reader = ::fork();  // before the memory exists: nothing is inherited
  ASSERT_GE(reader, 0);
  if (reader == 0) {
    const fd file = receive_descriptor(theirs.get());
    const auto content = map_sealed(file, text.size());
    ::_exit(content && *content == text ? 0 : 1);
  }
  const auto before = ledger::read();
  auto memory = shared_memory::create(text.size() + 1000);
  ASSERT_TRUE(memory);
  std::memcpy(memory->room().data(), text.data(), text.size());
  const auto sealed = std::move(*memory).seal(text.size());
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->content, text);
  EXPECT_EQ(sealed->content.from(), backing::shared_memory);
  send_descriptor(ours.get(), sealed->file.get());
  int status = 0;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(SharedMemoryTest, SealedPagesStayAsTheyAre) {
  auto memory = shared_memory::create(4096);
  ASSERT_TRUE(memory);
  memory->room()[0] = std::byte{'x'};
  auto sealed = std::move(*memory).seal(4096);
  ASSERT_TRUE(sealed);
  const int file = sealed->file.get();
  EXPECT_EQ(::write(file, "y", 1), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(file, 1), -1);
  EXPECT_EQ(::ftruncate(file, 8192), -1);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, file, 0), MAP_FAILED);
  EXPECT_EQ(sealed->content[0], std::byte{'x'});
  const auto again = map_sealed(sealed->file, 4096);
  ASSERT_TRUE(again);
  EXPECT_NE(again->data(), sealed->content.data()) << "a second view of the same pages";
  EXPECT_EQ(*again, sealed->content);
  EXPECT_FALSE(std::move(sealed->content).try_unfreeze());
}

TEST(SharedMemoryTest, WhatAPeerCouldStillChangeIsRefused) {
  const fd open(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(open.get(), 4096), 0);
  EXPECT_EQ(map_sealed(open, 4096).error().code, errc::refused);
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_EQ(map_sealed(open, 4096).error().code, errc::refused) << "could still be shortened";
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_EQ(map_sealed(open, 4095).error().code, errc::too_large);
  EXPECT_EQ(map_sealed(open, 4096)->size(), 4096u);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const fd one(pair[0]);
  const fd two(pair[1]);
  EXPECT_EQ(map_sealed(one, 4096).error().code, errc::unsupported);
  EXPECT_EQ(map_sealed(fd(), 4096).error().os, EBADF);
}

TEST(SharedMemoryTest, NothingAtAllCanBeSharedToo) {
  auto none = shared_memory::create(0);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->room().empty());
  EXPECT_TRUE((*std::move(none)).seal(0)->content.empty());
  auto unused = shared_memory::create(4096);
  ASSERT_TRUE(unused);
  EXPECT_TRUE((*std::move(unused)).seal(0)->content.empty());
  EXPECT_FALSE(shared_memory::create(SIZE_MAX));
}

TEST(SharedMemoryDeathTest, SealingMoreThanThereIsAborts) {
  auto memory = shared_memory::create(10);
  ASSERT_TRUE(memory);
  EXPECT_DEATH((void)std::move(*memory).seal(11), "seal requires used <= size");
}

}  // namespace
}  // namespace zc::io
