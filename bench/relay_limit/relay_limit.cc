// bench/relay_limit - what the kernel alone costs: bytes in at one socket, the same bytes out at N
// others.
//
//     client --> relay_limit --> backend 1   (its answers go back to the client)
//                           \--> backend 2   (its answers are read and dropped)
//
//     relay_limit --listen 14317 --backend 127.0.0.1:4317 [--backend ...] [--congestion cubic]
//     [--chunk 262144]
//
// No parsing, no queue: recv() of up to 256 KiB, then send() of the same bytes to every backend. No
// gateway on sockets that reads a request before it sends it on can be cheaper, so the CPU time per
// byte of this program is the limit that others are measured against. One thread, epoll,
// TCP_NODELAY. What a send does not take is kept, and the side it came from is not read until it
// has gone.
//
// On SIGTERM or SIGINT it prints one line of JSON: CPU seconds and bytes.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t backends_max = 3;

struct settings {
  std::uint16_t port = 0;
  std::vector<sockaddr_in> backends;  // 1 .. backends_max
  std::string congestion = "cubic";
  std::size_t chunk = 256 * 1024;
};

struct totals {
  std::uint64_t connections = 0;
  std::uint64_t from_clients = 0;
  std::uint64_t to_backends = 0;
  std::uint64_t to_clients = 0;
  std::uint64_t dropped = 0;  // answers of backends but the first
  std::uint64_t partial = 0;  // sends that took less than was there
};

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "relay_limit: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

[[noreturn]] void usage() {
  std::fprintf(
      stderr,
      "usage: relay_limit --listen PORT --backend HOST:PORT (1 to 3 times) [--congestion NAME] "
      "[--chunk BYTES]\n");
  std::exit(2);
}

sockaddr_in resolve(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) usage();
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = text.substr(0, colon);
  const int failed = getaddrinfo(host.c_str(), text.substr(colon + 1).c_str(), &hints, &found);
  if (failed != 0) {
    std::fprintf(stderr, "relay_limit: %s: %s\n", text.c_str(), gai_strerror(failed));
    std::exit(1);
  }
  sockaddr_in at{};
  std::memcpy(&at, found->ai_addr, sizeof at);
  freeaddrinfo(found);
  return at;
}

settings parse(int argc, char** argv) {
  settings s;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) usage();
    const std::string value = argv[i + 1];
    if (name == "--listen") {
      s.port = static_cast<std::uint16_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (name == "--backend") {
      s.backends.push_back(resolve(value));
    } else if (name == "--congestion") {
      s.congestion = value;
    } else if (name == "--chunk") {
      s.chunk = std::strtoul(value.c_str(), nullptr, 10);
    } else {
      usage();
    }
  }
  if (s.port == 0 || s.backends.empty() || s.backends.size() > backends_max || s.chunk == 0)
    usage();
  return s;
}

void tune(int fd, const settings& s) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (s.congestion.empty()) return;
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, s.congestion.data(),
                 static_cast<socklen_t>(s.congestion.size())) != 0) {
    die("congestion control");
  }
}

class relay;

// One socket, and the bytes it has not taken yet.
struct side {
  relay* of = nullptr;
  int fd = -1;
  std::uint32_t interest = 0;
  std::vector<char> waiting;
  std::size_t waiting_from = 0;
  bool input_ended = false;
  bool end_after = false;  // shut the sending side down when nothing waits
  bool output_ended = false;

  bool has_waiting() const { return waiting_from < waiting.size(); }
};

// A client and its backends: sides_[0] is the client, sides_[1] the backend whose answers count.
class relay {
 public:
  relay(int epoll, int client, const settings& s, totals& sum) : epoll_(epoll), sum_(sum) {
    sides_.resize(1 + s.backends.size());
    adopt(sides_[0], client, s);
    for (std::size_t i = 0; i < s.backends.size() && good_; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto* at = reinterpret_cast<const sockaddr*>(&s.backends[i]);
      // Blocking: the benchmark's backends are up, and connecting is not what is measured.
      good_ = fd >= 0 && connect(fd, at, sizeof s.backends[i]) == 0;
      adopt(sides_[i + 1], fd, s);
    }
    refresh();
  }
  ~relay() {
    for (const side& s : sides_) {
      if (s.fd >= 0) close(s.fd);
    }
  }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  bool over() const {
    if (!good_) return true;
    return sides_[0].output_ended && sides_[0].input_ended;
  }

  void handle(side& s, std::uint32_t events, std::span<char> buffer) {
    if ((events & EPOLLOUT) != 0) flush(s);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && good_) read(s, buffer);
    refresh();
  }

 private:
  void adopt(side& s, int fd, const settings& how) {
    s.of = this;
    s.fd = fd;
    if (fd < 0) return;
    tune(fd, how);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    epoll_event e{};
    e.data.ptr = &s;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) good_ = false;
  }

  bool is_client(const side& s) const { return &s == &sides_[0]; }
  bool answers(const side& s) const { return &s == &sides_[1]; }

  void read(side& s, std::span<char> buffer) {
    if (s.input_ended || !may_read(s)) return;
    const ssize_t n = recv(s.fd, buffer.data(), buffer.size(), 0);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) good_ = false;
      return;
    }
    if (n == 0) return ended(s);
    const auto bytes = buffer.first(static_cast<std::size_t>(n));
    if (is_client(s)) {
      sum_.from_clients += bytes.size();
      for (std::size_t i = 1; i < sides_.size(); ++i) {
        send_to(sides_[i], bytes);
        sum_.to_backends += bytes.size();
      }
    } else if (answers(s)) {
      send_to(sides_[0], bytes);
      sum_.to_clients += bytes.size();
    } else {
      sum_.dropped += bytes.size();
    }
  }

  void ended(side& s) {
    s.input_ended = true;
    if (is_client(s)) {
      for (std::size_t i = 1; i < sides_.size(); ++i) end_output(sides_[i]);
    } else if (answers(s)) {
      end_output(sides_[0]);
    }
  }

  void end_output(side& s) {
    s.end_after = true;
    if (s.has_waiting() || s.output_ended) return;
    shutdown(s.fd, SHUT_WR);
    s.output_ended = true;
  }

  void send_to(side& s, std::span<const char> bytes) {
    ssize_t n = send(s.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) {
        good_ = false;
        return;
      }
      n = 0;
    }
    if (static_cast<std::size_t>(n) == bytes.size()) return;
    sum_.partial += 1;
    s.waiting.assign(bytes.begin() + n,
                     bytes.end());  // empty before: its source was not read while it waited
    s.waiting_from = 0;
  }

  void flush(side& s) {
    if (!s.has_waiting()) return;
    const ssize_t n = send(s.fd, s.waiting.data() + s.waiting_from,
                           s.waiting.size() - s.waiting_from, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) good_ = false;
      return;
    }
    s.waiting_from += static_cast<std::size_t>(n);
    if (s.has_waiting()) return;
    s.waiting.clear();
    s.waiting_from = 0;
    if (s.end_after) end_output(s);
  }

  // A side is read only while nothing waits at the sides its bytes go to.
  bool may_read(const side& s) const {
    if (is_client(s)) {
      return std::none_of(sides_.begin() + 1, sides_.end(),
                          [](const side& b) { return b.has_waiting(); });
    }
    return !answers(s) || !sides_[0].has_waiting();
  }

  void refresh() {
    for (side& s : sides_) {
      if (s.fd < 0) continue;
      std::uint32_t wanted = 0;
      if (!s.input_ended && may_read(s)) wanted |= EPOLLIN;
      if (s.has_waiting()) wanted |= EPOLLOUT;
      if (wanted == s.interest) continue;
      epoll_event e{};
      e.events = wanted;
      e.data.ptr = &s;
      if (epoll_ctl(epoll_, EPOLL_CTL_MOD, s.fd, &e) != 0) good_ = false;
      s.interest = wanted;
    }
  }

  int epoll_;
  totals& sum_;
  std::vector<side> sides_;  // never resized after the constructor: epoll points into it
  bool good_ = true;
};

int listen_on(const settings& s) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(s.port);
  at.sin_addr.s_addr = htonl(INADDR_ANY);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) die("bind");
  if (listen(fd, 1024) != 0) die("listen");
  return fd;
}

int watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) die("signalfd");
  return fd;
}

void add(int epoll, int fd, side* marker) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = marker;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

void report(const totals& t) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double user = seconds(used.ru_utime);
  const double system = seconds(used.ru_stime);
  std::printf(
      "{\"cpu_seconds\":%.6f,\"user_seconds\":%.6f,\"system_seconds\":%.6f,\"connections\":%llu,"
      "\"bytes_from_clients\":%llu,\"bytes_to_backends\":%llu,\"bytes_to_clients\":%llu,"
      "\"bytes_dropped\":%llu,\"partial_sends\":%llu,\"max_rss_kib\":%ld}\n",
      user + system, user, system, static_cast<unsigned long long>(t.connections),
      static_cast<unsigned long long>(t.from_clients),
      static_cast<unsigned long long>(t.to_backends), static_cast<unsigned long long>(t.to_clients),
      static_cast<unsigned long long>(t.dropped), static_cast<unsigned long long>(t.partial),
      used.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  const settings how = parse(argc, argv);
  const int signals = watch_signals();
  const int listener = listen_on(how);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1");
  side at_listener, at_signals;  // markers: only their addresses count
  add(epoll, listener, &at_listener);
  add(epoll, signals, &at_signals);

  totals sum;
  std::vector<char> buffer(how.chunk);
  std::vector<std::unique_ptr<relay>> relays;
  std::array<epoll_event, 64> events;
  for (;;) {
    const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    if (n < 0 && errno != EINTR) die("epoll_wait");
    bool any_over = false;
    for (int i = 0; i < n; ++i) {
      auto* s = static_cast<side*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (s == &at_signals) {
        report(sum);
        return 0;
      }
      if (s == &at_listener) {
        const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        sum.connections += 1;
        relays.push_back(std::make_unique<relay>(epoll, client, how, sum));
        any_over = any_over || relays.back()->over();
        continue;
      }
      relay& r = *s->of;
      if (!r.over()) r.handle(*s, events[static_cast<std::size_t>(i)].events, buffer);
      any_over = any_over || r.over();
    }
    // Not before all events of this turn are handled: they point into relays.
    if (any_over) std::erase_if(relays, [](const auto& r) { return r->over(); });
  }
}
