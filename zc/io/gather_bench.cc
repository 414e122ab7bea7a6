// A8, vectored I/O: a message of one 64-byte header and a body of 360 KB goes to a thread that
// drains the other end. Gathered: one sendmsg for up to 1024 pieces, as epoll_poller makes it.
// Ordinary: the pieces joined into one block and one send; and one send for each piece. Arguments:
// 0 is loopback TCP, 1 a Unix socket pair; then the number of pieces of the body. "system_calls"
// are per message; "CPU" is the sender's alone.
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/io/fd.h"
#include "zc/mem/chain.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr std::size_t header_bytes = 64;
constexpr std::size_t body_bytes = 360'000;
constexpr std::size_t messages = 64;  // sent in turn: more than the caches near the core hold

bytes_chain message(std::size_t pieces) {
  bytes_chain all(bytes::copy_of(std::string(header_bytes, 'h')));
  const std::string piece(body_bytes / pieces, 'b');
  for (std::size_t i = 0; i < pieces; ++i) all.append(bytes::copy_of(piece));
  return all;
}

// Two connected blocking sockets; a thread reads what comes out at the far end.
class drained_pair {
 public:
  explicit drained_pair(bool local) {
    local ? make_local() : make_tcp();
    drain_ = std::jthread([from = far_.get()] {
      std::vector<char> room(1_MiB);
      while (::recv(from, room.data(), room.size(), 0) > 0) {
      }
    });
  }
  ~drained_pair() { ::shutdown(near_.get(), SHUT_WR); }
  int socket() const { return near_.get(); }

 private:
  void make_local() {
    int ends[2];
    ZC_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    near_ = io::fd(ends[0]);
    far_ = io::fd(ends[1]);
  }
  void make_tcp() {
    const io::fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const place = reinterpret_cast<sockaddr*>(&at);
    ZC_CHECK(::bind(listener.get(), place, size) == 0);
    ZC_CHECK(::listen(listener.get(), 1) == 0);
    ZC_CHECK(::getsockname(listener.get(), place, &size) == 0);
    near_ = io::fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ZC_CHECK(::connect(near_.get(), place, size) == 0);
    far_ = io::fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int on = 1;
    ::setsockopt(near_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  io::fd near_;
  io::fd far_;
  std::jthread drain_;  // last: ends before the sockets close
};

struct sender {
  // Writes all of it; a blocking socket may still take less at a time.
  void all(const void* data, std::size_t size) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t went = ::send(to, at, size, MSG_NOSIGNAL);
      ZC_CHECK(went > 0);
      calls += 1;
      at += went;
      size -= static_cast<std::size_t>(went);
    }
  }
  void gathered(const bytes_chain& what) {
    static std::array<io_slice, 1024> list;
    for (std::size_t sent = 0; sent < what.size();) {
      const std::size_t used = what.gather(sent, list);
      msghdr out{};
      out.msg_iov = reinterpret_cast<iovec*>(list.data());
      out.msg_iovlen = used;
      const ssize_t went = ::sendmsg(to, &out, MSG_NOSIGNAL);
      ZC_CHECK(went > 0);
      calls += 1;
      sent += static_cast<std::size_t>(went);
    }
  }
  int to;
  std::uint64_t calls = 0;
};

template <class Send>
void measure(benchmark::State& state, Send send) {
  std::vector<bytes_chain> traffic;
  for (std::size_t i = 0; i < messages; ++i) {
    traffic.push_back(message(static_cast<std::size_t>(state.range(1))));
  }
  const drained_pair ends(state.range(0) == 1);
  sender by{ends.socket()};
  std::size_t i = 0;
  for (auto _ : state) send(by, traffic[i++ % messages]);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(traffic[0].size()));
  state.counters["system_calls"] =
      benchmark::Counter(static_cast<double>(by.calls), benchmark::Counter::kAvgIterations);
}

void gathered(benchmark::State& state) {
  measure(state, [](sender& by, const bytes_chain& what) { by.gathered(what); });
}

void joined(benchmark::State& state) {
  measure(state, [](sender& by, const bytes_chain& what) {
    std::string whole;
    whole.reserve(what.size());
    for (const bytes& piece : what) whole.append(piece.text());
    by.all(whole.data(), whole.size());
  });
}

void piece_by_piece(benchmark::State& state) {
  measure(state, [](sender& by, const bytes_chain& what) {
    for (const bytes& piece : what) by.all(piece.data(), piece.size());
  });
}

void sockets(benchmark::internal::Benchmark* of) {
  of->ArgsProduct({{0, 1}, {23, 1'000}})->UseRealTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK(gathered)->Apply(sockets);
BENCHMARK(joined)->Apply(sockets);
BENCHMARK(piece_by_piece)->Apply(sockets);

}  // namespace

BENCHMARK_MAIN();
