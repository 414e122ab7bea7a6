#include "gate/rig/unruly_poller.h"

#include <algorithm>
#include <utility>

namespace sluice::rig {
namespace {

constexpr double burst_seconds = 0.1;
constexpr double burst_bytes_min =
    4'096;  // less would make every read a system call for a few bytes
constexpr auto refill_every = std::chrono::milliseconds(5);

}  // namespace

class unruly_poller::unruly_stream final : public zc::stream, public zc::stream_events {
 public:
  unruly_stream(unruly_poller& owner, std::unique_ptr<zc::stream> real)
      : owner_(owner), real_(std::move(real)), peer_(real_->peer()) {
    owner_.streams_.push_back(this);
  }
  ~unruly_stream() override { owner_.forget(*this); }

  void start(zc::stream_events& user) {
    user_ = &user;
    owner_.real_->start(*real_, *this);
  }
  const std::string& name() const noexcept { return peer_; }
  bool started() const noexcept { return user_ != nullptr; }

  // The user destroys us in here.
  void fail() {
    real_->abort_on_close();
    user_->on_failed(zc::error{zc::errc::closed, "hung up on purpose", 0, 0});
  }
  void allowed_again() {
    if (!waiting_) return;
    waiting_ = false;
    real_->resume_read();
  }

  // zc::stream
  zc::result<std::size_t> send(std::span<const zc::io_slice> slices) override {
    return real_->send(slices);
  }
  void shutdown_send() override { real_->shutdown_send(); }
  void resume_read() override {
    if (!waiting_) real_->resume_read();
  }
  void pause_read() override { real_->pause_read(); }
  void abort_on_close() override { real_->abort_on_close(); }
  std::string peer() const override { return peer_; }
  std::size_t unsent() const override { return real_->unsent(); }

  // zc::stream_events
  std::span<std::byte> receive_room() override {
    const std::size_t allowed = owner_.allowance();
    if (allowed == 0) {
      waiting_ = true;
      return {};
    }
    const std::span<std::byte> room = user_->receive_room();
    return room.first(std::min(room.size(), allowed));
  }
  void on_received(std::size_t n) override {
    owner_.spent(n);
    user_->on_received(n);
  }
  void on_end() override { user_->on_end(); }
  void on_sent(std::size_t n) override { user_->on_sent(n); }
  void on_failed(const zc::error& why) override { user_->on_failed(why); }

 private:
  unruly_poller& owner_;
  std::unique_ptr<zc::stream> real_;
  std::string peer_;
  zc::stream_events* user_ = nullptr;  // null until started
  bool waiting_ = false;               // for the rate
};

class unruly_poller::unruly_acceptor final : public zc::acceptor, public zc::acceptor_events {
 public:
  unruly_acceptor(unruly_poller& owner, zc::acceptor_events& user) noexcept
      : owner_(owner), user_(user) {}
  zc::result<void> open(const zc::endpoint& at, const zc::socket_options& how) {
    auto real = owner_.real_->listen(at, how, *this);
    if (!real) return std::unexpected(real.error());
    real_ = std::move(*real);
    return {};
  }

  zc::endpoint local() const override { return real_->local(); }
  void pause() override { real_->pause(); }
  void resume() override { real_->resume(); }
  void on_accepted(std::unique_ptr<zc::stream> connection) override {
    user_.on_accepted(std::make_unique<unruly_stream>(owner_, std::move(connection)));
  }

 private:
  unruly_poller& owner_;
  zc::acceptor_events& user_;
  std::unique_ptr<zc::acceptor> real_;
};

unruly_poller::unruly_poller(std::unique_ptr<zc::poller> real, zc::clock& time, double read_rate)
    : real_(std::move(real)), time_(time), rate_(read_rate), saved_at_(time.now()) {}

unruly_poller::~unruly_poller() = default;

void unruly_poller::hang_up(const std::string& peer) {
  doomed_.push_back(peer);
}

zc::result<std::unique_ptr<zc::acceptor>> unruly_poller::listen(const zc::endpoint& at,
                                                                const zc::socket_options& how,
                                                                zc::acceptor_events& events) {
  auto made = std::make_unique<unruly_acceptor>(*this, events);
  if (const auto opened = made->open(at, how); !opened) return std::unexpected(opened.error());
  return made;
}

zc::result<std::unique_ptr<zc::stream>> unruly_poller::connect(const zc::endpoint& to,
                                                               const zc::socket_options& how,
                                                               zc::stream_events& events) {
  return real_->connect(to, how, events);
}

void unruly_poller::start(zc::stream& accepted, zc::stream_events& events) {
  // Accepted streams come from our acceptors only.
  static_cast<unruly_stream&>(accepted).start(events);
}

std::size_t unruly_poller::allowance() {
  if (rate_ <= 0) return SIZE_MAX;
  const zc::time_point now = time_.now();
  const double most = std::max(rate_ * burst_seconds, burst_bytes_min);
  saved_ += rate_ * static_cast<double>((now - saved_at_).count()) / 1e9;
  saved_ = std::min(saved_, most);
  saved_at_ = now;
  // Small allowances wait until they are worth a read.
  const double worth = std::min(most, burst_bytes_min);
  return saved_ < worth ? 0 : static_cast<std::size_t>(saved_);
}

void unruly_poller::forget(unruly_stream& gone) noexcept {
  const auto at = std::find(streams_.begin(), streams_.end(), &gone);
  if (at == streams_.end()) return;
  *at = streams_.back();
  streams_.pop_back();
}

std::size_t unruly_poller::cut() {
  std::size_t count = 0;
  for (const std::string& peer : std::exchange(doomed_, {})) {
    const auto named = [&](unruly_stream* s) { return s->started() && s->name() == peer; };
    const auto at = std::find_if(streams_.begin(), streams_.end(), named);
    if (at == streams_.end()) continue;
    (*at)->fail();  // usually leaves streams_ changed
    count += 1;
  }
  return count;
}

void unruly_poller::wake_readers() {
  if (allowance() == 0) return;
  // By number: resuming calls nothing back, so the list stays as it is.
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i]->allowed_again();
}

std::size_t unruly_poller::poll(zc::nanoseconds longest) {
  if (!doomed_.empty()) longest = zc::nanoseconds(0);
  if (rate_ > 0 && !streams_.empty()) longest = std::min<zc::nanoseconds>(longest, refill_every);
  std::size_t events = real_->poll(longest);
  events += cut();
  if (rate_ > 0) wake_readers();
  return events;
}

}  // namespace sluice::rig
