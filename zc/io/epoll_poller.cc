#include "zc/io/epoll_poller.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/io/address.h"
#include "zc/io/epoll_acceptor.h"
#include "zc/io/epoll_source.h"
#include "zc/io/epoll_stream.h"
#include "zc/io/fd.h"
#include "zc/io/name_lookup.h"

namespace zc::io {
namespace {

constexpr std::size_t events_max = 256;  // per system call
// What one poll() receives, roughly, before the turn ends and what is to be sent goes. What was
// received is still in the processor's cache then, and the kernel copies it from there.
constexpr std::size_t received_max = 256 * 1024;
constexpr nanoseconds accept_retry = std::chrono::milliseconds(100);

time_point monotonic_now() noexcept {
  return std::chrono::steady_clock::now();
}

}  // namespace

class epoll_poller final : public poller, public epoll_home {
 public:
  static std::unique_ptr<epoll_poller> make(resolver how);
  ~epoll_poller() override;

  result<std::unique_ptr<acceptor>> listen(const endpoint& at, const socket_options& how,
                                           acceptor_events& events) override;
  result<std::unique_ptr<stream>> connect(const endpoint& to, const socket_options& how,
                                          stream_events& events) override;
  void start(stream& accepted, stream_events& events) override;
  std::size_t poll(nanoseconds longest) override;
  void wake() noexcept override;
  void end_poll_soon() noexcept override { ends_soon_ = true; }
  const char* name() const noexcept override { return "epoll"; }

 private:
  int epoll() const noexcept override { return epoll_.get(); }
  void enlist(epoll_source& s) noexcept override;
  void remove(epoll_source& s) noexcept override;
  void schedule(epoll_source& s, bool later) override;
  void note_received(std::size_t n) noexcept override { received_ += n; }
  bool ends_soon() const noexcept override { return ends_soon_; }

  explicit epoll_poller(resolver how) : names_(*this, offload_pool::of_process(), std::move(how)) {}
  std::size_t run_due();
  nanoseconds until_due(nanoseconds longest) const noexcept;
  int wait(nanoseconds longest);
  std::size_t run_batch();
  void bury() noexcept;

  lookup_desk names_;
  fd epoll_;
  fd wake_;
  epoll_source* first_ = nullptr;
  // At most one entry per source in the three together; null where the source has gone.
  std::vector<epoll_source*> due_;
  std::vector<epoll_source*> running_;
  std::vector<epoll_source*> later_;      // due at retry_
  std::vector<epoll_source*> graveyard_;  // destroyed before the batch, which may name them, ended
  time_point retry_ = time_point::max();
  bool polling_ = false;
  bool fine_timeouts_ = true;  // the kernel has epoll_pwait2
  // The batch: what epoll reported, from next_ on not handled yet.
  std::array<epoll_event, events_max> events_;
  std::size_t next_ = 0;
  std::size_t ready_ = 0;
  std::size_t received_ = 0;  // in this poll()
  bool ends_soon_ = false;
};

std::unique_ptr<epoll_poller> epoll_poller::make(resolver how) {
  std::unique_ptr<epoll_poller> made(new epoll_poller(std::move(how)));
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
  for (epoll_source* s = first_; s != nullptr;) {
    epoll_source* next = s->next_;
    s->home_ = nullptr;
    s->watched_ = false;
    s->next_ = nullptr;
    s->previous_ = nullptr;
    s->socket_.reset();
    s = next;
  }
  bury();
}

void epoll_poller::enlist(epoll_source& s) noexcept {
  s.home_ = this;
  s.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &s;
  first_ = &s;
}

void epoll_poller::schedule(epoll_source& s, bool later) {
  if (!later) {
    due_.push_back(&s);
    return;
  }
  if (later_.empty()) retry_ = monotonic_now() + accept_retry;
  later_.push_back(&s);
}

void epoll_poller::remove(epoll_source& s) noexcept {
  (s.previous_ != nullptr ? s.previous_->next_ : first_) = s.next_;
  if (s.next_ != nullptr) s.next_->previous_ = s.previous_;
  if (s.scheduled_) {
    std::erase(due_, &s);
    std::erase(later_, &s);
    std::ranges::replace(running_, &s, static_cast<epoll_source*>(nullptr));
  }
  if (polling_ || next_ < ready_) {
    graveyard_.push_back(&s);
  } else {
    delete &s;
  }
}

void epoll_poller::bury() noexcept {
  for (const epoll_source* s : graveyard_) delete s;
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
      auto* state = new epoll_listening(*this, std::move(*socket), at, events);
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
  if (is_name(to)) {
    auto made = std::make_unique<epoll_stream>(*this);
    made->state().connect(to, how, events, names_);
    return made;
  }
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
    epoll_source* s = running_[i];
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

// Until enough has been received, or somebody asks for the end; the rest is handled by the next
// poll(), before anything else.
std::size_t epoll_poller::run_batch() {
  std::size_t handled = 0;
  received_ = 0;
  ends_soon_ = false;
  while (next_ < ready_ && !ends_soon_ && received_ < received_max) {
    const epoll_event& event = events_[next_++];
    auto* s = static_cast<epoll_source*>(event.data.ptr);
    handled += 1;
    if (s != nullptr && !s->dead_) s->on_ready(event.events);
  }
  return handled;
}

std::size_t epoll_poller::poll(nanoseconds longest) {
  ZC_CHECK(!polling_);
  polling_ = true;
  std::size_t handled = 0;
  if (next_ == ready_) {
    handled = run_due();
    if (handled > 0) longest = nanoseconds(0);
    ready_ = static_cast<std::size_t>(wait(until_due(longest)));
    next_ = 0;
  }
  handled += run_batch();
  handled += names_.deliver();
  polling_ = false;
  if (next_ == ready_) bury();
  return handled;
}

std::unique_ptr<poller> make_epoll_poller() {
  return make_epoll_poller_with(
      [](const endpoint& what) { return resolve(what, purpose::connecting); });
}

std::unique_ptr<poller> make_epoll_poller_with(resolver how) {
  return epoll_poller::make(std::move(how));
}

}  // namespace zc::io
