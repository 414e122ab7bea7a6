// What must hold of a listener on sockets beyond what every one promises
// (poller_contract_test.cc): Unix sockets serve as TCP does, a path is taken from the dead only,
// and a lack of descriptors does not make it spin.

#include "zc/io/epoll_acceptor.h"

#include "zc/io/epoll_for_tests.h"

namespace zc::io {
namespace {

using namespace for_tests;
using EpollAcceptorTest = sockets;

struct temporary_path {
  temporary_path() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zc_io_XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~temporary_path() { std::filesystem::remove_all(directory); }
  std::string socket() const { return directory + "/socket"; }
  std::string directory;
};

TEST_F(EpollAcceptorTest, UnixSocketsCarryTheSameTrafficAndTheListenerRemovesItsPath) {
  const temporary_path place;
  listen(("unix:" + place.socket()).c_str());
  EXPECT_EQ(server_.io->local().unix_path, place.socket());
  party& server = connected();
  client_.outgoing = random_text(4 << 20);
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
  server_.io.reset();
  EXPECT_FALSE(std::filesystem::exists(place.socket()));
}

TEST_F(EpollAcceptorTest, APausedUnixStreamWhosePeerIsGoneDoesNotSpin) {
  const temporary_path place;
  listen(("unix:" + place.socket()).c_str());
  party& server = connected();
  server.io->pause_read();
  client_.outgoing = "last words";
  client_.pump();
  client_.io.reset();
  events_within(milliseconds(50));
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_F(EpollAcceptorTest, AStalePathIsTakenOverALiveOneIsNot) {
  const temporary_path place;
  const auto at = resolve(*endpoint::parse("unix:" + place.socket()), purpose::listening)->front();
  {
    const fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(dead.get(), at.get(), at.size()), 0);
  }
  listen(("unix:" + place.socket()).c_str());
  const auto second = poll_->listen(server_.io->local(), {}, server_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().os, EADDRINUSE);
  party& server = connected();
  EXPECT_EQ(server.failures, 0);
}

TEST_F(EpollAcceptorTest, ASocketPathIsNotTakenFromAFile) {
  const temporary_path place;
  const fd file(::open(place.socket().c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_FALSE(poll_->listen(*endpoint::parse("unix:" + place.socket()), {}, server_));
  EXPECT_TRUE(std::filesystem::exists(place.socket()));
}

TEST_F(EpollAcceptorTest, WithoutDescriptorsTheAcceptorWaitsWithoutSpinningAndGoesOnLater) {
  listen();
  fd peer = raw();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const fd next(::dup(0));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next.get());  // every number below is taken, or will be
  std::vector<fd> hoard;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (int number; (number = ::dup(0)) >= 0;) hoard.emplace_back(number);
  const std::size_t events = events_within(milliseconds(350));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(server_.accepted, 0);
  EXPECT_LE(events, 10u) << "a try every 100 ms";
  EXPECT_GE(events, 2u);
  EXPECT_TRUE(until([&] { return server_.accepted == 1; }, seconds(2)));
}

}  // namespace
}  // namespace zc::io
