// What must hold of the poller on sockets beyond what every poller promises
// (poller_contract_test.cc): other threads wake it, other processes' connections are shared out,
// and shards on it serve.

#include "zc/io/epoll_poller.h"

#include <atomic>

#include "zc/io/epoll_for_tests.h"
#include "zc/shard/shard.h"

namespace zc::io {
namespace {

using namespace for_tests;
using EpollPollerTest = sockets;

TEST(EpollPollerShardsTest, TwoShardsListenOnOnePortAndBothServe) {
  auto first = make_epoll_poller();
  auto second = make_epoll_poller();
  listener a, b;
  a.poll = first.get();
  b.poll = second.get();
  a.refuse = b.refuse = true;
  a.io = std::move(*first->listen(*endpoint::parse("127.0.0.1:0"), {}, a));
  auto also = second->listen(a.io->local(), {}, b);
  ASSERT_TRUE(also) << also.error().reason;
  b.io = std::move(*also);
  std::vector<fd> peers;
  for (int i = 0; i < 64; ++i) {
    const auto to = resolve(a.io->local(), purpose::connecting)->front();
    peers.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(peers.back().get(), to.get(), to.size()), 0);
  }
  for (int i = 0; i < 1000 && a.accepted + b.accepted < 64; ++i) {
    first->poll(milliseconds(1));
    second->poll(milliseconds(1));
  }
  EXPECT_EQ(a.accepted + b.accepted, 64);
  EXPECT_GT(a.accepted, 0);
  EXPECT_GT(b.accepted, 0);
  socket_options alone;
  alone.reuse_port = false;
  EXPECT_FALSE(second->listen(a.io->local(), alone, b));
}

TEST(EpollPollerWakeTest, AnotherThreadEndsAWaitAgainAndAgain) {
  auto poll = make_epoll_poller();
  for (int i = 0; i < 100; ++i) {
    std::jthread waker([&] { poll->wake(); });
    EXPECT_EQ(poll->poll(seconds(30)), 1u);
  }
}

// A turn is to end while what it received is in the cache; the rest of what epoll reported is not
// lost, and may be destroyed meanwhile.
TEST_F(EpollPollerTest, APollEndsWhenMuchWasReceivedAndTheNextGoesOn) {
  constexpr std::size_t each = 20'000;
  constexpr std::size_t peers_count = 40;
  listen();
  std::vector<fd> peers;
  const std::string payload(each, 'x');
  for (std::size_t i = 0; i < peers_count; ++i) peers.push_back(raw());
  for (int i = 0; i < 1000 && server_.parties.size() < peers_count; ++i) {
    poll_->poll(milliseconds(1));
  }
  ASSERT_EQ(server_.parties.size(), peers_count);
  for (const fd& peer : peers) {
    ASSERT_EQ(::send(peer.get(), payload.data(), payload.size(), 0), static_cast<ssize_t>(each));
  }
  const auto received = [&] {
    std::size_t sum = 0;
    for (const auto& p : server_.parties) sum += p->received.size();
    return sum;
  };
  poll_->poll(seconds(5));
  EXPECT_GE(received(), 256u * 1024);
  EXPECT_LT(received(), 256u * 1024 + each);
  // Two that epoll has reported and nobody has read yet.
  std::size_t destroyed = 0;
  for (const auto& p : server_.parties) {
    if (p->received.size() > 0 || destroyed == 2) continue;
    p->io.reset();
    destroyed += 1;
  }
  ASSERT_EQ(destroyed, 2u);
  for (int i = 0; i < 3; ++i) poll_->poll(nanoseconds(0));
  EXPECT_EQ(received(), (peers_count - 2) * each);
  poll_->poll(nanoseconds(0));
  EXPECT_EQ(received(), (peers_count - 2) * each);
}

TEST_F(EpollPollerTest, APollThatIsAskedToEndLeavesTheRestForTheNext) {
  server_.prepare = [&](party& p) {
    p.room_size = 10;
    p.on_data = [&] { poll_->end_poll_soon(); };
  };
  listen();
  const fd first = raw();
  const fd second = raw();
  for (int i = 0; i < 1000 && server_.parties.size() < 2; ++i) poll_->poll(milliseconds(1));
  ASSERT_EQ(server_.parties.size(), 2u);
  const std::string payload(20, 'x');  // two reads of each connection
  for (const fd* peer : {&first, &second}) {
    ASSERT_EQ(::send(peer->get(), payload.data(), payload.size(), 0), 20);
  }
  const auto received = [&] {
    return server_.parties[0]->received.size() + server_.parties[1]->received.size();
  };
  for (std::size_t reads = 1; reads <= 4; ++reads) {
    poll_->poll(seconds(5));
    EXPECT_EQ(received(), reads * 10);
  }
}

TEST(EpollPollerLoopTest, AShardEchoesWithItsReceiveSlab) {
  struct echo final : stream_events, acceptor_events {
    explicit echo(shard& s) : worker(s) {}
    std::span<std::byte> receive_room() override { return worker.receive_room(); }
    void on_received(std::size_t n) override {
      waiting.append(worker.received(n));
      flush();
    }
    void on_end() override {
      ended = true;
      flush();
    }
    void on_sent(std::size_t n) override {
      busy = false;
      waiting.consume(n);
      flush();
    }
    void on_failed(const error& why) override { ADD_FAILURE() << why.reason; }
    void on_accepted(std::unique_ptr<stream> connection) override {
      io = std::move(connection);
      worker.io().start(*io, *this);
    }
    void flush() {
      while (!busy && !waiting.empty()) {
        const std::size_t count = waiting.gather(0, slices);
        const auto went = io->send(std::span(slices).first(count));
        if (!went) return;
        busy = *went == 0;
        waiting.consume(*went);
      }
      if (ended && waiting.empty()) io->shutdown_send();
    }
    shard& worker;
    std::unique_ptr<stream> io;
    std::unique_ptr<acceptor> door;
    bytes_chain waiting;
    std::array<io_slice, 64> slices;
    bool busy = false, ended = false;
  };
  std::atomic<int> port{0};
  std::atomic<shard*> worker{nullptr};
  std::jthread server([&] {
    steady_clock time;
    quota limits(64_MiB);
    shard mine({}, make_epoll_poller(), limits, time);
    echo e(mine);
    e.door = std::move(*mine.io().listen(*endpoint::parse("127.0.0.1:0"), {}, e));
    worker = &mine;
    port = e.door->local().port;
    port.notify_one();
    mine.run();
    EXPECT_LE(limits.peak(), 64_MiB);
  });
  port.wait(0);
  const auto to =
      resolve({"127.0.0.1", static_cast<std::uint16_t>(port.load()), ""}, purpose::connecting);
  fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(socket.get(), to->front().get(), to->front().size()), 0);
  std::string text(8 << 20, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761U >> 13);
  std::jthread writer([&] {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = ::send(socket.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      at += static_cast<std::size_t>(n);
    }
    ::shutdown(socket.get(), SHUT_WR);
  });
  std::string back;
  std::vector<char> part(1 << 16);
  for (ssize_t n; (n = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;) {
    back.append(part.data(), static_cast<std::size_t>(n));
  }
  EXPECT_TRUE(back == text);
  worker.load()->request_stop();
}

}  // namespace
}  // namespace zc::io
