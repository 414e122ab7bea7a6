// What must hold of published memory: another process sees what is written after it mapped it, and
// can neither write it nor take it away; a reader refuses what could be taken away from it; makers
// are found by name, readers are not.
//
// Method: a second process by fork, which finds the memory as a stranger would, through /proc.

#include "zc/io/published_memory.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "zc/io/mapping.h"

namespace zc::io {
namespace {

constexpr std::size_t size = 3 * 4096;

// Tests of this program may run side by side.
std::string name_of(const char* test) {
  return std::string("zc-") + test + "-" + std::to_string(::getpid());
}

published_memory published(const std::string& name) {
  auto memory = shared_memory::create(size, name.c_str());
  EXPECT_TRUE(memory);
  auto made = (*std::move(memory)).publish();
  EXPECT_TRUE(made);
  return *std::move(made);
}

std::atomic_ref<std::uint64_t> word(std::span<std::byte> room, std::size_t at) {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(room.data() + at));
}

std::uint64_t word(std::span<const std::byte> room, std::size_t at) {
  return word(std::span(const_cast<std::byte*>(room.data()), room.size()), at).load();
}

// In the child: what it returns is its exit status, 0 when all is well.
template <class Body>
int in_another_process(Body body) {
  const pid_t child = ::fork();
  EXPECT_GE(child, 0);
  if (child == 0) ::_exit(body());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(PublishedMemoryTest, AnotherProcessSeesWhatIsWrittenWhileItLooks) {
  const std::string name = name_of("seen");
  int to_parent[2];
  ASSERT_EQ(::pipe2(to_parent, O_CLOEXEC), 0);
  const fd from_child(to_parent[0]);
  fd to(to_parent[1]);
  const pid_t maker = ::getpid();
  const pid_t child = ::fork();  // before the memory exists: nothing is inherited
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::vector<publisher> found;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto late = [&] { return std::chrono::steady_clock::now() > until; };
    while (found.empty() && !late()) found = find_published(name);
    if (found.size() != 1 || found[0].process != maker) ::_exit(1);
    // It may be found before it is sealed.
    auto view = map_published(found[0].path, size);
    while (!view && view.error().code == errc::refused && !late()) {
      view = map_published(found[0].path, size);
    }
    if (!view || view->changing().size() != size) ::_exit(2);
    if (::write(to.get(), "m", 1) != 1) ::_exit(3);
    while (word(view->changing(), size - 8) != 2 && !late()) std::this_thread::yield();
    ::_exit(word(view->changing(), 0) == 1 ? 0 : 4);
  }
  to.reset();
  published_memory memory = published(name);
  char mapped = 0;
  EXPECT_EQ(::read(from_child.get(), &mapped, 1), 1);
  word(memory.room(), 0).store(1);
  word(memory.room(), size - 8).store(2);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(PublishedMemoryTest, NobodyElseCanWriteItOrTakeItAway) {
  published_memory memory = published(name_of("ours"));
  const std::string path = "/proc/self/fd/" + std::to_string(memory.file().get());
  const fd again(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(again) << "the file's own permissions stop nobody of the same user";
  for (const int file : {again.get(), memory.file().get()}) {
    EXPECT_EQ(::pwrite(file, "x", 1, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(file, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(file, 2 * size), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), -1);
    EXPECT_EQ(errno, EPERM);
  }
  const auto view = map_published(path, size);
  ASSERT_TRUE(view);
  auto* const pages = const_cast<std::byte*>(view->changing().data());
  EXPECT_EQ(::mprotect(pages, size, PROT_READ | PROT_WRITE), -1);
  EXPECT_EQ(errno, EACCES);
  word(memory.room(), 8).store(7);
  EXPECT_EQ(word(view->changing(), 8), 7U) << "we go on";
}

TEST(PublishedMemoryTest, AChildDoesNotInheritThePages) {
  published_memory memory = published(name_of("child"));
  const auto mapped = [&] { return ::msync(memory.room().data(), size, MS_ASYNC) == 0; };
  EXPECT_TRUE(mapped());
  EXPECT_EQ(in_another_process([&] { return mapped() ? 1 : 0; }), 0);
}

TEST(PublishedMemoryTest, TheReadersPagesOutliveTheMaker) {
  std::string path;
  result<published_view> view = fail(errc::closed, "not yet");
  {
    published_memory memory = published(name_of("gone"));
    path = "/proc/self/fd/" + std::to_string(memory.file().get());
    view = map_published(path, size);
    ASSERT_TRUE(view);
    word(memory.room(), 0).store(42);
    EXPECT_TRUE(view->is_at(path));
    published_memory moved = std::move(memory);
    word(moved.room(), 8).store(43);
    EXPECT_TRUE(memory.room().empty());
  }
  EXPECT_FALSE(view->is_at(path));
  EXPECT_EQ(word(view->changing(), 0), 42U);
  EXPECT_EQ(word(view->changing(), 8), 43U);
  published_memory other = published(name_of("gone"));
  EXPECT_FALSE(view->is_at("/proc/self/fd/" + std::to_string(other.file().get())));
  const published_view moved = *std::move(view);
  EXPECT_TRUE(view->changing().empty());
  EXPECT_EQ(word(moved.changing(), 0), 42U);
}

TEST(PublishedMemoryTest, WhatCouldBeTakenAwayIsRefused) {
  const fd open(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(open.get(), size), 0);
  EXPECT_EQ(map_published(open, size).error().code, errc::refused);
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  EXPECT_EQ(map_published(open, size).error().code, errc::refused) << "could still be shortened";
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_EQ(map_published(open, size - 1).error().code, errc::too_large);
  EXPECT_EQ(map_published(open, size)->changing().size(), size);

  const fd writable(::memfd_create("writable", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(writable.get(), size), 0);
  ASSERT_EQ(::fcntl(writable.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  EXPECT_EQ(map_published(writable, size).error().code, errc::refused) << "anybody writes it";

  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const fd one(pair[0]);
  const fd two(pair[1]);
  EXPECT_EQ(map_published(one, size).error().code, errc::unsupported);
  EXPECT_EQ(map_published("/proc/self/stat", size).error().code, errc::unsupported);
  EXPECT_EQ(map_published(fd(), size).error().os, EBADF);
  EXPECT_EQ(map_published("/proc/self/fd/1000000", size).error().os, ENOENT);
}

TEST(PublishedMemoryTest, MemoryThatIsSealedForGoodIsReadAsWell) {
  auto memory = shared_memory::create(size);
  ASSERT_TRUE(memory);
  word(memory->room(), 0).store(9);
  const auto sealed = (*std::move(memory)).seal(size);
  ASSERT_TRUE(sealed);
  const auto view = map_published(sealed->file, size);
  ASSERT_TRUE(view);
  EXPECT_EQ(word(view->changing(), 0), 9U);
}

TEST(PublishedMemoryTest, MakersAreFoundByNameAndReadersAreNot) {
  const std::string name = name_of("found");
  EXPECT_TRUE(find_published(name).empty());
  {
    const published_memory memory = published(name);
    const std::string path = "/proc/self/fd/" + std::to_string(memory.file().get());
    EXPECT_TRUE(find_published(name.substr(0, name.size() - 1)).empty());
    EXPECT_TRUE(find_published(name + "1").empty());
    const int reader = in_another_process([&] {
      // It holds the same descriptor as its parent, by fork, and one for reading only.
      const fd reading(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      ::close(memory.file().get());
      const auto found = find_published(name);
      return reading && found.size() == 1 && found[0].process == ::getppid() ? 0 : 1;
    });
    EXPECT_EQ(reader, 0);
    const auto found = find_published(name);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].process, ::getpid());
    const auto view = map_published(found[0].path, size);
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->is_at(path));
  }
  EXPECT_TRUE(find_published(name).empty());
}

TEST(PublishedMemoryDeathTest, NothingAtAllCannotBePublished) {
  auto none = shared_memory::create(0);
  ASSERT_TRUE(none);
  EXPECT_DEATH((void)std::move(*none).publish(), "publish requires memory");
}

}  // namespace
}  // namespace zc::io
