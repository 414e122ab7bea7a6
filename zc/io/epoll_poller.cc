#include "zc/io/epoll_poller.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/io/address.h"
#include "zc/io/fd.h"

namespace zc::io {
namespace {

static_assert(sizeof(io_slice) == sizeof(iovec));
static_assert(offsetof(io_slice, data) == offsetof(iovec, iov_base));
static_assert(offsetof(io_slice, size) == offsetof(iovec, iov_len));

constexpr std::size_t events_max = 256;   // per system call
constexpr int reads_max = 4;              // per readiness: more brings nothing, fewer cost a fifth
constexpr int last_reads_max = 64;        // after a send has failed: what a receive buffer holds
constexpr int accepts_max = 64;           // per readiness: others want their turn
constexpr std::size_t slices_max = 1024;  // IOV_MAX
constexpr nanoseconds accept_retry = std::chrono::milliseconds(100);

// A peer that vanished is noticed after 30 s + 5 * 10 s without a sign of life.
constexpr int keep_idle_s = 30;
constexpr int keep_interval_s = 10;
constexpr int keep_probes = 5;

time_point monotonic_now() noexcept {
  return std::chrono::steady_clock::now();
}

bool set_option(int socket, int level, int option, int value) noexcept {
  return ::setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

// Set on listeners too: accepted sockets inherit all of it, which saves the calls per connection.
result<void> prepare_tcp(int socket, const socket_options& how) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, keep_idle_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, keep_interval_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, keep_probes);
  if (!how.congestion.empty() &&
      ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, how.congestion.data(),
                   static_cast<socklen_t>(how.congestion.size())) != 0) {
    return fail_os(errno, "unknown congestion control");
  }
  return {};
}

int take_socket_error(int socket) noexcept {
  int number = 0;
  socklen_t size = sizeof(number);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size) != 0) return errno;
  return number;
}

class epoll_poller;

// What epoll reports on. Outlives the handle its user holds for as long as a batch of events may
// name it.
class source {
 public:
  source() noexcept = default;
  source(const source&) = delete;
  source& operator=(const source&) = delete;
  virtual ~source() = default;

 protected:
  virtual void on_ready(std::uint32_t events) = 0;
  virtual void on_due() = 0;  // what schedule() promised

  // Tells epoll what is wanted. Cheap when it knows already.
  bool watch(std::uint32_t wanted) noexcept;
  void unwatch() noexcept;
  void schedule(
      bool later = false) noexcept;  // on_due() in the next poll(), or when descriptors may be free
  void abandon() noexcept;           // the user let go; may delete this

  bool alive() const noexcept { return !dead_ && home_ != nullptr; }

  fd socket_;
  epoll_poller* home_ = nullptr;  // null when the poller is gone

 private:
  friend class epoll_poller;
  source* next_ = nullptr;  // all sources of a poller
  source* previous_ = nullptr;
  std::uint32_t wanted_ = 0;
  bool watched_ = false;
  bool scheduled_ = false;
  bool dead_ = false;
};

class epoll_poller final : public poller {
 public:
  static std::unique_ptr<epoll_poller> make();
  ~epoll_poller() override;

  result<std::unique_ptr<acceptor>> listen(const endpoint& at, const socket_options& how,
                                           acceptor_events& events) override;
  result<std::unique_ptr<stream>> connect(const endpoint& to, const socket_options& how,
                                          stream_events& events) override;
  void start(stream& accepted, stream_events& events) override;
  std::size_t poll(nanoseconds longest) override;
  void wake() noexcept override;
  const char* name() const noexcept override { return "epoll"; }

  // For sources.
  int epoll() const noexcept { return epoll_.get(); }
  void enlist(source& s) noexcept;
  void remove(source& s) noexcept;
  void schedule(source& s, bool later);

 private:
  epoll_poller() = default;
  std::size_t run_due();
  nanoseconds until_due(nanoseconds longest) const noexcept;
  int wait(nanoseconds longest);
  void bury() noexcept;

  fd epoll_;
  fd wake_;
  source* first_ = nullptr;
  // At most one entry per source in the three together; null where the source has gone.
  std::vector<source*> due_;
  std::vector<source*> running_;
  std::vector<source*> later_;      // due at retry_
  std::vector<source*> graveyard_;  // destroyed during poll(): this batch may still name them
  time_point retry_ = time_point::max();
  bool polling_ = false;
  bool fine_timeouts_ = true;  // the kernel has epoll_pwait2
  std::array<epoll_event, events_max> events_;
};

bool source::watch(std::uint32_t wanted) noexcept {
  if (watched_ && wanted == wanted_) return true;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = this;
  const int how = watched_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(home_->epoll(), how, socket_.get(), &event) != 0) return false;
  watched_ = true;
  wanted_ = wanted;
  return true;
}

void source::unwatch() noexcept {
  if (!watched_) return;
  watched_ = false;
  wanted_ = 0;
  // Not left to close(): a forked child may hold the same open file, and epoll would go on
  // reporting it.
  epoll_event unused{};
  ::epoll_ctl(home_->epoll(), EPOLL_CTL_DEL, socket_.get(), &unused);
}

void source::schedule(bool later) noexcept {
  if (std::exchange(scheduled_, true)) return;
  home_->schedule(*this, later);
}

void source::abandon() noexcept {
  dead_ = true;
  if (home_ == nullptr) {
    delete this;
    return;
  }
  unwatch();
  socket_.reset();
  home_->remove(*this);  // deletes, now or when the batch is done
}

// ----------------------------------------------------------------------------------------------
// streams

class connection final : public source {
 public:
  explicit connection(epoll_poller& home) { home.enlist(*this); }

  void adopt(fd socket, const address& peer) noexcept {  // accepted
    socket_ = std::move(socket);
    peer_ = peer;
  }
  result<void> connect(std::vector<address> places, const socket_options& how,
                       stream_events& events);
  void start(stream_events& events);

  result<std::size_t> send(std::span<const io_slice> slices);
  void shutdown_send();
  void resume_read();
  void pause_read();
  void abort_on_close() noexcept { abort_ = true; }
  std::string peer() const { return peer_.text(); }
  std::size_t unsent() const noexcept;
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void on_due() override;

  result<void> try_connect();
  void finish_connect();
  void read_some(std::uint32_t events);
  bool read_once(std::uint32_t events);  // returns whether to go on
  void write_pending();
  void look_for_error();
  void read_last_words();
  void settle(std::uint32_t events);
  void fail_now(const error& why);
  void fail_later(const error& why);
  void maybe_shut_down();

  bool reading() const noexcept { return !paused_ && !read_ended_ && events_ != nullptr; }
  std::uint32_t wanted() const noexcept;

  stream_events* events_ = nullptr;
  std::span<const io_slice> pending_;  // what a send() that returned 0 left with us
  address peer_;
  bool connecting_ = false;
  bool paused_ = false;
  bool read_ended_ = false;
  bool failed_ = false;
  bool abort_ = false;
  bool shut_wanted_ = false;
  bool shut_ = false;
  bool in_callback_ = false;  // settle() follows; changes of interest can wait for it
  error why_failed_;          // when fail_later() was called
  std::vector<address> places_;
  std::size_t next_place_ = 0;
  socket_options how_;
};

class epoll_stream final : public stream {
 public:
  explicit epoll_stream(epoll_poller& home) : state_(*new connection(home)) {}
  ~epoll_stream() override { state_.close(); }
  connection& state() noexcept { return state_; }

  result<std::size_t> send(std::span<const io_slice> slices) override {
    return state_.send(slices);
  }
  void shutdown_send() override { state_.shutdown_send(); }
  void resume_read() override { state_.resume_read(); }
  void pause_read() override { state_.pause_read(); }
  void abort_on_close() override { state_.abort_on_close(); }
  std::string peer() const override { return state_.peer(); }
  std::size_t unsent() const override { return state_.unsent(); }

 private:
  connection& state_;
};

result<void> connection::connect(std::vector<address> places, const socket_options& how,
                                 stream_events& events) {
  events_ = &events;
  places_ = std::move(places);
  how_ = how;
  return try_connect();
}

// Goes through the addresses until one can be waited for. An error is returned only for options
// that no address will ever take.
result<void> connection::try_connect() {
  int last = EADDRNOTAVAIL;
  connecting_ = true;
  while (next_place_ < places_.size()) {
    peer_ = places_[next_place_++];
    unwatch();
    socket_.reset(::socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_) {
      last = errno;
      continue;
    }
    if (peer_.inet()) {
      if (auto ready = prepare_tcp(socket_.get(), how_); !ready) return ready;
    }
    const int status = ::connect(socket_.get(), peer_.get(), peer_.size());
    // Interrupted, it goes on all the same.
    if (status == 0 || errno == EINPROGRESS || errno == EINTR) {
      if (watch(EPOLLOUT)) return {};
    }
    last = errno;
  }
  fail_later(os_error(last));
  return {};
}

void connection::finish_connect() {
  const int number = take_socket_error(socket_.get());
  if (number != 0) {
    if (next_place_ == places_.size()) {
      fail_now(os_error(number));
      return;
    }
    if (const auto again = try_connect(); !again) fail_now(again.error());
    return;
  }
  connecting_ = false;
  places_ = {};
  events_->on_connected();
}

void connection::start(stream_events& events) {
  ZC_CHECK(events_ == nullptr);
  events_ = &events;
  if (home_ != nullptr && !watch(wanted())) fail_later(os_error(errno));
}

std::uint32_t connection::wanted() const noexcept {
  if (connecting_) return EPOLLOUT;
  std::uint32_t wanted = 0;
  if (reading()) wanted |= EPOLLIN | EPOLLRDHUP;
  if (!pending_.empty()) wanted |= EPOLLOUT;
  return wanted;
}

result<std::size_t> connection::send(std::span<const io_slice> slices) {
  ZC_CHECK(pending_.empty() && !slices.empty() && slices.size() <= slices_max);
  if (failed_ || !alive()) return fail(errc::closed, "connection is closed");
  if (shut_) return fail(errc::closed, "sending was shut down");
  if (!connecting_) {
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<io_slice*>(slices.data()));
    message.msg_iovlen = slices.size();
    ssize_t sent;
    do {
      sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      const error why = os_error(errno);
      fail_later(why);
      return std::unexpected(why);
    }
  }
  pending_ = slices;
  if (!in_callback_) settle(0);
  return 0;
}

void connection::write_pending() {
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<io_slice*>(pending_.data()));
  message.msg_iovlen = pending_.size();
  ssize_t sent;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent > 0) {
    pending_ = {};
    events_->on_sent(static_cast<std::size_t>(sent));
    if (alive()) maybe_shut_down();
  } else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    fail_later(os_error(errno));  // what was not read yet comes first
  }
}

void connection::shutdown_send() {
  if (failed_ || !alive()) return;
  shut_wanted_ = true;
  maybe_shut_down();
}

void connection::maybe_shut_down() {
  if (!shut_wanted_ || shut_ || connecting_ || failed_ || !pending_.empty()) return;
  shut_ = true;
  ::shutdown(socket_.get(), SHUT_WR);  // an error here shows up in the next read
}

void connection::resume_read() {
  paused_ = false;
  if (!in_callback_) settle(0);
}

void connection::pause_read() {
  paused_ = true;
  if (!in_callback_) settle(0);
}

std::size_t connection::unsent() const noexcept {
  int count = 0;
  if (!socket_ || ::ioctl(socket_.get(), SIOCOUTQ, &count) != 0 || count < 0) return 0;
  return static_cast<std::size_t>(count);
}

void connection::close() noexcept {
  if (abort_ && socket_ && peer_.inet()) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  events_ = nullptr;
  pending_ = {};
  abandon();
}

void connection::fail_now(const error& why) {
  failed_ = true;
  pending_ = {};
  unwatch();
  events_->on_failed(why);
}

void connection::fail_later(const error& why) {
  if (failed_) return;
  failed_ = true;
  pending_ = {};
  unwatch();
  why_failed_ = why;
  schedule();
}

void connection::on_due() {
  in_callback_ = true;
  read_last_words();
  if (alive()) events_->on_failed(why_failed_);
  in_callback_ = false;
}

// Sending has failed, but what the peer said before it went may lie in the socket: an early answer,
// most of all.
void connection::read_last_words() {
  for (int reads = 0; reads < last_reads_max; ++reads) {
    if (!alive() || !reading() || connecting_ || !socket_) return;
    const std::span<std::byte> room = events_->receive_room();
    if (!alive() || paused_ || room.empty()) return;
    ssize_t got;
    do {
      got = ::recv(socket_.get(), room.data(), room.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return;  // why it ended is known
    events_->on_received(static_cast<std::size_t>(got));
  }
}

void connection::look_for_error() {
  const int number = take_socket_error(socket_.get());
  if (number != 0) fail_now(os_error(number));
}

bool connection::read_once(std::uint32_t events) {
  const std::span<std::byte> room = events_->receive_room();
  if (!alive() || failed_ || paused_) return false;
  if (room.empty()) {
    paused_ = true;
    return false;
  }
  ssize_t got;
  do {
    got = ::recv(socket_.get(), room.data(), room.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) fail_now(os_error(errno));
    return false;
  }
  if (got == 0) {
    read_ended_ = true;
    events_->on_end();
    return false;
  }
  const auto n = static_cast<std::size_t>(got);
  events_->on_received(n);
  if (!alive() || failed_ || paused_) return false;
  // A short read has emptied the socket, unless the end is known to be there as well.
  return n == room.size() || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
}

void connection::read_some(std::uint32_t events) {
  for (int reads = 0; reads < reads_max; ++reads) {
    if (!read_once(events)) return;
  }
}

void connection::on_ready(std::uint32_t events) {
  in_callback_ = true;
  if (connecting_) {
    finish_connect();
    if (alive() && !failed_) maybe_shut_down();
    if (alive() && !failed_) settle(0);
    in_callback_ = false;
    return;
  }
  const std::uint32_t broken = events & (EPOLLERR | EPOLLHUP);
  if (reading() && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
    read_some(events);  // what came before an error is still delivered; then recv() reports it
  }
  if (alive() && !failed_ && !reading() && (events & EPOLLERR) != 0) look_for_error();
  if (alive() && !failed_ && !pending_.empty() && (events & (EPOLLOUT | broken)) != 0) {
    write_pending();
  }
  if (alive() && !failed_) maybe_shut_down();
  if (alive() && !failed_) settle(broken);
  in_callback_ = false;
}

// Brings what epoll watches in line with what is wanted. `broken` is what was reported and cannot
// be masked: with nothing left that could make progress, only not watching at all keeps it from
// being reported for ever.
void connection::settle(std::uint32_t broken) {
  if (failed_ || !alive() || events_ == nullptr) return;
  const std::uint32_t now_wanted = wanted();
  if (now_wanted == 0 && broken != 0) {
    unwatch();
    return;
  }
  if (!watch(now_wanted)) fail_later(os_error(errno));
}

// --------------------------------------------------------------------------------------------
// acceptors

class listening final : public source {
 public:
  listening(epoll_poller& home, fd socket, const endpoint& at, acceptor_events& events);

  endpoint local() const { return local_; }
  bool pause() noexcept;
  bool resume() noexcept;
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void on_due() override;
  bool accept_one();  // returns whether to go on
  void wait_a_while() noexcept;

  acceptor_events& events_;
  endpoint local_;
  dev_t device_ = 0;  // of the socket file, when there is one: only our own is removed
  ino_t inode_ = 0;
  bool paused_ = false;
  bool waiting_ = false;  // for descriptors
};

class epoll_acceptor final : public acceptor {
 public:
  explicit epoll_acceptor(listening& state) noexcept : state_(state) {}
  ~epoll_acceptor() override { state_.close(); }
  endpoint local() const override { return state_.local(); }
  void pause() override { state_.pause(); }
  void resume() override { state_.resume(); }

 private:
  listening& state_;
};

listening::listening(epoll_poller& home, fd socket, const endpoint& at, acceptor_events& events)
    : events_(events) {
  socket_ = std::move(socket);
  home.enlist(*this);
  if (at.unix_path.empty()) {
    local_ = local_address(socket_.get()).numbers();
    return;
  }
  local_.unix_path = at.unix_path;
  struct stat file{};
  if (::lstat(at.unix_path.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
}

bool listening::pause() noexcept {
  paused_ = true;
  return !alive() || watch(0);
}

bool listening::resume() noexcept {
  paused_ = false;
  return !alive() || waiting_ || watch(EPOLLIN);
}

void listening::close() noexcept {
  struct stat file{};
  if (inode_ != 0 && ::lstat(local_.unix_path.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    ::unlink(local_.unix_path.c_str());
  }
  abandon();
}

void listening::wait_a_while() noexcept {
  waiting_ = true;
  watch(0);
  schedule(true);
}

void listening::on_due() {
  waiting_ = false;
  if (!paused_ && !watch(EPOLLIN)) wait_a_while();
}

void listening::on_ready(std::uint32_t) {
  for (int i = 0; i < accepts_max; ++i) {
    if (!accept_one()) return;
  }
}

bool listening::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof(from);
  const int number = ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (number >= 0) {
    auto made = std::make_unique<epoll_stream>(*home_);
    made->state().adopt(fd(number), address(reinterpret_cast<const sockaddr*>(&from), size));
    events_.on_accepted(std::move(made));
    return alive() && !paused_;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EBADF:
    case EINVAL:
      wait_a_while();  // the connection stays in the backlog: at once would mean for ever
      return false;
    default:
      return true;  // an error of that one connection, which is gone
  }
}

// Whether nobody listens at the path any more; then it is free to be taken over.
bool remove_stale_path(const address& at, const std::string& path) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe || ::connect(probe.get(), at.get(), at.size()) == 0 || errno != ECONNREFUSED) {
    return false;
  }
  return ::unlink(path.c_str()) == 0;
}

result<fd> listen_at(const address& at, const endpoint& asked, const socket_options& how) {
  fd made(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return std::unexpected(os_error(errno));
  if (at.inet()) {
    set_option(made.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (at.family() == AF_INET6) set_option(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (how.reuse_port && !set_option(made.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
      return std::unexpected(os_error(errno));
    }
    if (const auto ready = prepare_tcp(made.get(), how); !ready) {
      return std::unexpected(ready.error());
    }
  }
  int status = ::bind(made.get(), at.get(), at.size());
  if (status != 0 && errno == EADDRINUSE && !at.inet()) {
    if (!remove_stale_path(at, asked.unix_path)) return std::unexpected(os_error(EADDRINUSE));
    status = ::bind(made.get(), at.get(), at.size());
  }
  if (status != 0 || ::listen(made.get(), how.backlog) != 0) {
    return std::unexpected(os_error(errno));
  }
  return made;
}

// ------------------------------------------------------------------------------------------- the
// poller

std::unique_ptr<epoll_poller> epoll_poller::make() {
  std::unique_ptr<epoll_poller> made(new epoll_poller);
  made->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  made->wake_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!made->epoll_ || !made->wake_) return nullptr;
  epoll_event event{};
  // Edge-triggered: every write is reported once, and nobody ever has to read the counter.
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  if (::epoll_ctl(made->epoll_.get(), EPOLL_CTL_ADD, made->wake_.get(), &event) != 0)
    return nullptr;
  return made;
}

epoll_poller::~epoll_poller() {
  ZC_CHECK(!polling_);
  for (source* s = first_; s != nullptr;) {
    source* next = s->next_;
    s->home_ = nullptr;
    s->watched_ = false;
    s->next_ = nullptr;
    s->previous_ = nullptr;
    s->socket_.reset();
    s = next;
  }
}

void epoll_poller::enlist(source& s) noexcept {
  s.home_ = this;
  s.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &s;
  first_ = &s;
}

void epoll_poller::schedule(source& s, bool later) {
  if (!later) {
    due_.push_back(&s);
    return;
  }
  if (later_.empty()) retry_ = monotonic_now() + accept_retry;
  later_.push_back(&s);
}

void epoll_poller::remove(source& s) noexcept {
  (s.previous_ != nullptr ? s.previous_->next_ : first_) = s.next_;
  if (s.next_ != nullptr) s.next_->previous_ = s.previous_;
  if (s.scheduled_) {
    std::erase(due_, &s);
    std::erase(later_, &s);
    std::ranges::replace(running_, &s, static_cast<source*>(nullptr));
  }
  if (polling_) {
    graveyard_.push_back(&s);
  } else {
    delete &s;
  }
}

void epoll_poller::bury() noexcept {
  for (const source* s : graveyard_) delete s;
  graveyard_.clear();
}

result<std::unique_ptr<acceptor>> epoll_poller::listen(const endpoint& at,
                                                       const socket_options& how,
                                                       acceptor_events& events) {
  const auto places = resolve(at, purpose::listening);
  if (!places) return std::unexpected(places.error());
  error last;
  for (const address& place : *places) {
    result<fd> socket = listen_at(place, at, how);
    if (socket) {
      auto* state = new listening(*this, std::move(*socket), at, events);
      auto made = std::make_unique<epoll_acceptor>(*state);
      if (!state->resume()) return std::unexpected(os_error(errno));
      return made;
    }
    last = socket.error();
    // Only a kind of address that this machine does not have is a reason to try the next one.
    if (last.os != EAFNOSUPPORT && last.os != EADDRNOTAVAIL) break;
  }
  return std::unexpected(last);
}

result<std::unique_ptr<stream>> epoll_poller::connect(const endpoint& to, const socket_options& how,
                                                      stream_events& events) {
  auto places = resolve(to, purpose::connecting);
  if (!places) return std::unexpected(places.error());
  auto made = std::make_unique<epoll_stream>(*this);
  if (auto begun = made->state().connect(std::move(*places), how, events); !begun) {
    return std::unexpected(begun.error());
  }
  return made;
}

void epoll_poller::start(stream& accepted, stream_events& events) {
  static_cast<epoll_stream&>(accepted).state().start(events);
}

void epoll_poller::wake() noexcept {
  const int before = errno;  // a signal handler must not change it
  const std::uint64_t one = 1;
  // Full, the counter reports all the same: nothing to do about an error.
  (void)!::write(wake_.get(), &one, sizeof(one));
  errno = before;
}

std::size_t epoll_poller::run_due() {
  if (!later_.empty() && monotonic_now() >= retry_) {
    due_.insert(due_.end(), later_.begin(), later_.end());
    later_.clear();
  }
  running_.swap(due_);
  std::size_t ran = 0;
  for (std::size_t i = 0; i < running_.size(); ++i) {  // callbacks may put nulls in
    source* s = running_[i];
    if (s == nullptr) continue;
    s->scheduled_ = false;
    running_[i] = nullptr;
    s->on_due();
    ran += 1;
  }
  running_.clear();
  return ran;
}

nanoseconds epoll_poller::until_due(nanoseconds longest) const noexcept {
  if (!due_.empty()) return nanoseconds(0);
  if (later_.empty()) return longest;
  return std::clamp<nanoseconds>(retry_ - monotonic_now(), nanoseconds(0), longest);
}

int epoll_poller::wait(nanoseconds longest) {
  longest = std::clamp<nanoseconds>(longest, nanoseconds(0), std::chrono::hours(1));
  if (fine_timeouts_) {
    timespec limit{};
    limit.tv_sec = longest.count() / 1'000'000'000;
    limit.tv_nsec = longest.count() % 1'000'000'000;
    const int n = ::epoll_pwait2(epoll_.get(), events_.data(), events_max, &limit, nullptr);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return std::max(n, 0);
    fine_timeouts_ = false;
  }
  // Rounded up: rounded down, the last part of a millisecond would be spent in a busy loop.
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
  return std::max(::epoll_wait(epoll_.get(), events_.data(), events_max, static_cast<int>(limit)),
                  0);
}

std::size_t epoll_poller::poll(nanoseconds longest) {
  ZC_CHECK(!polling_);
  polling_ = true;
  std::size_t handled = run_due();
  if (handled > 0) longest = nanoseconds(0);
  const int ready = wait(until_due(longest));
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto* s = static_cast<source*>(event.data.ptr);
    handled += 1;
    if (s != nullptr && !s->dead_) s->on_ready(event.events);
  }
  polling_ = false;
  bury();
  return handled;
}

}  // namespace

std::unique_ptr<poller> make_epoll_poller() {
  return epoll_poller::make();
}

}  // namespace zc::io
