#include "zc/testing/sim/network.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "zc/base/check.h"

namespace zc::testing {

struct sim_link;

namespace {

constexpr std::size_t slices_max = 1024;
constexpr int reads_max = 4;
constexpr int last_reads_max = 64;
constexpr int accepts_max = 64;
constexpr nanoseconds accept_retry = std::chrono::milliseconds(100);
constexpr std::uint16_t first_port = 32768;  // of those that are given out

error failure(int number) noexcept {
  const char* phrase = ::strerrordesc_np(number);
  error made{errc::system, phrase != nullptr ? phrase : "unknown system error", 0, number};
  if (number == ECONNREFUSED) made.code = errc::refused;
  if (number == ETIMEDOUT) made.code = errc::timed_out;
  if (number == ECONNRESET || number == EPIPE) made.code = errc::closed;
  return made;
}

bool any_host(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

bool same_place(const endpoint& a, const endpoint& b) {
  if (!a.unix_path.empty() || !b.unix_path.empty()) return a.unix_path == b.unix_path;
  return a.port == b.port && (a.host == b.host || any_host(a.host) || any_host(b.host));
}

result<endpoint> resolved(const endpoint& what) {
  endpoint at = what;
  if (!at.unix_path.empty()) return at;
  if (at.host == "localhost") at.host = "127.0.0.1";
  if (at.host.find_first_not_of("0123456789abcdefABCDEF.:") != std::string::npos) {
    return fail(errc::system, "unknown name");
  }
  return at;
}

result<void> known(const socket_options& how) {
  for (const char* name : {"", "cubic", "reno", "bbr"}) {
    if (how.congestion == name) return {};
  }
  return fail_os(ENOENT, "unknown congestion control");
}

class pollee;
class sock;
class door;
class poller_impl;

}  // namespace

// What all pollers of a network share. Kept by them, and by what is scheduled.
struct sim_network::core {
  core(sim_clock& t, sim_schedule& e, sim_random r, sim_trace& tr)
      : time(t), events(e), random(r), trace(tr) {}

  struct bomb {
    endpoint at;
    towards side;
    std::size_t bytes;
  };

  sim_clock& time;
  sim_schedule& events;
  sim_random random;
  sim_trace& trace;
  network_profile how;
  statistics counts;
  std::vector<door*> doors;  // by the order of listening
  std::map<std::uint64_t, sim_link*> links;
  std::vector<endpoint> cuts;
  std::vector<bomb> bombs;
  std::uint64_t next_link = 1;
  std::uint16_t next_port = first_port;

  bool is_cut(const endpoint& at) const {
    return std::ranges::any_of(cuts, [&](const endpoint& c) { return same_place(c, at); });
  }
  // Round robin: a port that was in use a moment ago is nobody's.
  std::uint16_t port() noexcept {
    const std::uint16_t given = next_port;
    next_port = next_port == UINT16_MAX ? first_port : static_cast<std::uint16_t>(next_port + 1);
    return given;
  }
};

using core = sim_network::core;

namespace {

// One direction. `data` holds, from `head` on, what has arrived, then what flies, then what has not
// left yet.
struct pipe {
  struct segment {
    time_point due;
    std::size_t size;  // 0: the end, or a reset
    int reset;         // the error number the receiver learns
  };

  std::vector<std::byte> data;
  std::size_t head = 0;
  std::size_t arrived = 0;
  std::size_t flying = 0;
  std::size_t unsent = 0;
  std::size_t send_max = 0;
  std::size_t receive_max = 0;
  double bytes_per_second = 0;
  nanoseconds latency{0};
  time_point line_free{};
  time_point last_arrival{};
  std::deque<segment> flight;
  std::uint64_t delivered = 0;
  std::uint64_t break_at = UINT64_MAX;
  bool fin_wanted = false;
  bool fin_sent = false;
  bool fin_arrived = false;
  bool dead = false;  // nothing leaves any more

  std::size_t space() const noexcept {
    const std::size_t held = flying + unsent;
    return dead || fin_wanted || held >= send_max ? 0 : send_max - held;
  }
  void put(std::span<const io_slice> from, std::size_t n) {
    if (head > 0 && head >= data.size() / 2) {
      data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(head));
      head = 0;
    }
    unsent += n;
    for (const io_slice& s : from) {
      const std::size_t part = std::min(n, s.size);
      const auto* first = static_cast<const std::byte*>(s.data);
      data.insert(data.end(), first, first + part);
      n -= part;
      if (n == 0) break;
    }
  }
  void take(std::span<std::byte> to) {
    if (!to.empty()) std::memcpy(to.data(), data.data() + head, to.size());
    head += to.size();
    arrived -= to.size();
  }
  // Drops what has not arrived, but for the first `keep` segments.
  void lose_flight(std::size_t keep) {
    while (flight.size() > keep) {
      flying -= flight.back().size;
      flight.pop_back();
    }
    unsent = 0;
    fin_wanted = true;
    data.resize(head + arrived + flying);
  }
};

}  // namespace

// A connection: two ends, two directions. way[0] leads from the client (end 0) to the server.
struct sim_link : std::enable_shared_from_this<sim_link> {
  sim_link(std::shared_ptr<core> in, std::uint64_t number, const endpoint& to, const endpoint& from)
      : net(std::move(in)), id(number), server(to), client(from), random(net->random.fork(id)) {
    net->links.emplace(id, this);
  }
  ~sim_link() { net->links.erase(id); }

  void draw() {
    const network_profile& how = net->how;
    for (pipe& p : way) {
      p.latency = random.between(how.latency_min, how.latency_max);
      p.bytes_per_second =
          how.bytes_per_second_min *
          std::pow(how.bytes_per_second_max / how.bytes_per_second_min, random.unit());
      p.send_max = random.scaled(how.send_buffer_min, how.send_buffer_max);
      p.receive_max = random.scaled(how.receive_buffer_min, how.receive_buffer_max);
      p.last_arrival = net->time.now();
      p.line_free = net->time.now();
    }
  }

  void fly(unsigned from, std::size_t size, int reset) {
    pipe& p = way[from];
    const time_point now = net->time.now();
    const auto sending = nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(size) / p.bytes_per_second * 1e9));
    p.line_free = std::max(p.line_free, now) + sending;
    nanoseconds late = random.between(nanoseconds(0), net->how.jitter_max);
    if (random.chance(net->how.stall)) late += random.between(nanoseconds(0), net->how.stall_max);
    const time_point due = std::max(p.last_arrival, p.line_free + p.latency + late);
    p.last_arrival = due;
    p.flight.push_back({due, size, reset});
    net->events.at(due, [self = shared_from_this(), from] { self->deliver(from); });
  }

  // Sends what the window allows. A vanished link takes and never delivers.
  void pump(unsigned from) {
    pipe& p = way[from];
    while (!p.dead && p.unsent > 0 && p.arrived + p.flying < p.receive_max) {
      const std::size_t window = p.receive_max - p.arrived - p.flying;
      const std::size_t most = std::min({p.unsent, window, net->how.segment_max});
      const std::size_t size =
          random.chance(net->how.cut_receive) ? random.between(std::size_t{1}, most) : most;
      p.unsent -= size;
      p.flying += size;
      fly(from, size, 0);
      if (random.chance(net->how.vanish)) vanish();
      if (random.chance(net->how.reset)) {
        break_now(random.chance(0.2) ? ETIMEDOUT : ECONNRESET);
        return;
      }
    }
    if (p.unsent == 0 && p.fin_wanted && !p.fin_sent && !p.dead) {
      p.fin_sent = true;
      fly(from, 0, 0);
    }
  }

  void deliver(unsigned from);
  void arrive(unsigned from, const pipe::segment& s);
  void notify(unsigned side);
  void told(unsigned side, int number);

  // A reset on its way to `side`, behind what flies there already.
  void send_reset(unsigned side, int number) {
    pipe& p = way[1 - side];
    if (p.dead) return;
    p.lose_flight(p.flight.size());
    p.dead = true;
    fly(1 - side, 0, number);
  }
  // Both ends learn of it, each in its own time; of what flies a part never arrives, or all.
  void break_now(int number, bool at_once = false) {
    net->counts.resets += 1;
    net->trace.note("break", {id});
    for (unsigned side : {0U, 1U}) {
      pipe& p = way[1 - side];
      if (p.dead) continue;
      p.lose_flight(at_once ? 0 : random.between(std::size_t{0}, p.flight.size()));
      send_reset(side, number);
    }
  }
  void vanish() {
    if (std::exchange(vanished, true)) return;
    net->counts.vanished += 1;
    net->trace.note("vanish", {id});
    give_up_later();
  }
  // The kernel's patience with a silent peer.
  void give_up_later() {
    if (std::exchange(giving_up, true)) return;
    const nanoseconds wait = random.between(net->how.give_up_min, net->how.give_up_max);
    net->events.after(wait, [held = weak_from_this()] {
      const auto self = held.lock();
      if (self == nullptr) return;
      self->giving_up = false;
      if (!self->silent()) return;
      self->vanished = true;
      self->told(0, ETIMEDOUT);
      self->told(1, ETIMEDOUT);
    });
  }
  bool silent() const { return vanished || held_up; }
  void hold_up() {
    held_up = true;
    give_up_later();
  }
  void go_on() {
    held_up = false;
    for (unsigned from : {0U, 1U}) {
      pipe& p = way[from];
      // Retransmission takes its time.
      const nanoseconds later = random.between(nanoseconds(0), std::chrono::seconds(1));
      net->events.after(later, [self = shared_from_this(), from] { self->deliver(from); });
      p.last_arrival = std::max(p.last_arrival, net->time.now() + later);
    }
  }

  std::shared_ptr<core> net;
  const std::uint64_t id;
  const endpoint server;
  const endpoint client;
  sim_random random;
  std::array<pipe, 2> way;
  std::array<sock*, 2> end{};  // null: closed, or not made yet
  bool vanished = false;
  bool held_up = false;  // by script
  bool giving_up = false;
};

namespace {

// What a poller reports on.
class pollee : public std::enable_shared_from_this<pollee> {
 public:
  pollee() = default;
  pollee(const pollee&) = delete;
  pollee& operator=(const pollee&) = delete;
  virtual ~pollee() = default;

 protected:
  friend class poller_impl;
  virtual bool wants_turn() const = 0;  // level-triggered
  virtual std::size_t take_turn() = 0;  // how many callbacks were made
  virtual void home_is_gone() = 0;

  void look();  // into the poller's list, if there is something to do
  void enlist(poller_impl& home);
  void leave() noexcept;

  poller_impl* home_ = nullptr;

 private:
  std::size_t place_ = 0;  // in the poller's list of all
  bool queued_ = false;
};

class poller_impl final : public sim_poller {
 public:
  poller_impl(std::shared_ptr<core> in, sim_network::driver by)
      : net_(std::move(in)), by_(by), random_(net_->random.fork(net_->random.next())) {}
  ~poller_impl() override {
    ZC_REQUIRES(!polling_, "a poller must not be destroyed from inside its poll()");
    while (!all_.empty()) {
      pollee* last = all_.back();
      last->leave();
      last->home_is_gone();
    }
  }

  result<std::unique_ptr<acceptor>> listen(const endpoint& at, const socket_options& how,
                                           acceptor_events& events) override;
  result<std::unique_ptr<stream>> connect(const endpoint& to, const socket_options& how,
                                          stream_events& events) override;
  void start(stream& accepted, stream_events& events) override;
  std::size_t poll(nanoseconds longest) override;
  void wake() noexcept override {
    woken_.store(true);
    if (call_) call_();
  }
  const char* name() const noexcept override { return "sim"; }

  bool ready() const noexcept override { return woken_.load() || !ready_.empty(); }
  nanoseconds asked() const noexcept override { return asked_; }
  void on_ready(std::move_only_function<void()> call) override { call_ = std::move(call); }

  const std::shared_ptr<core>& net() const noexcept { return net_; }
  void queue(std::shared_ptr<pollee> who) {
    ready_.push_back(std::move(who));
    if (!polling_ && call_) call_();
  }

 private:
  friend class pollee;
  std::size_t run_ready();

  std::shared_ptr<core> net_;
  const sim_network::driver by_;
  sim_random random_;
  std::vector<pollee*> all_;
  std::vector<std::shared_ptr<pollee>> ready_;  // each once
  std::move_only_function<void()> call_;
  nanoseconds asked_{0};
  std::atomic<bool> woken_{false};
  bool polling_ = false;
};

void pollee::enlist(poller_impl& home) {
  home_ = &home;
  place_ = home.all_.size();
  home.all_.push_back(this);
}

void pollee::leave() noexcept {
  if (home_ == nullptr) return;
  home_->all_[place_] = home_->all_.back();
  home_->all_[place_]->place_ = place_;
  home_->all_.pop_back();
  home_ = nullptr;
}

void pollee::look() {
  if (home_ == nullptr || queued_ || !wants_turn()) return;
  queued_ = true;
  home_->queue(shared_from_this());
}

std::size_t poller_impl::run_ready() {
  std::vector<std::shared_ptr<pollee>> batch;
  batch.swap(ready_);
  std::size_t handled = 0;
  while (!batch.empty()) {
    std::swap(batch[random_.below(batch.size())], batch.back());
    const std::shared_ptr<pollee> who = std::move(batch.back());
    batch.pop_back();
    who->queued_ = false;
    if (who->home_ != this) continue;
    if (random_.chance(net_->how.late_report)) {
      who->look();
      continue;
    }
    if (!who->wants_turn()) continue;
    handled += who->take_turn() > 0 ? 1 : 0;
    who->look();
  }
  return handled;
}

std::size_t poller_impl::poll(nanoseconds longest) {
  ZC_REQUIRES(!polling_, "poll() must not be called from inside a callback");
  polling_ = true;
  asked_ = std::max(longest, nanoseconds(0));
  const time_point until = net_->time.now() + std::min<nanoseconds>(asked_, std::chrono::hours(1));
  std::size_t handled = 0;
  for (;;) {
    handled += woken_.exchange(false) ? 1 : 0;
    handled += run_ready();
    if (handled > 0 || by_ == sim_network::driver::world) break;
    if (!ready_.empty()) continue;  // put off: its turn comes
    if (net_->events.next() > until) {
      net_->time.set(until);
      break;
    }
    net_->events.run_next();
  }
  polling_ = false;
  return handled;
}

// ------------------------------------------------------------------------------------------------
// streams

class sock final : public pollee {
 public:
  sock(std::shared_ptr<sim_link> on, unsigned side) : on_(std::move(on)), side_(side) {
    on_->end[side_] = this;
  }

  void begin(poller_impl& home, stream_events& events) {  // connecting
    enlist(home);
    events_ = &events;
    connecting_ = true;
  }
  void adopt(poller_impl& home) { enlist(home); }  // accepted
  void start(stream_events& events) {
    ZC_REQUIRES(events_ == nullptr, "start() must be called once");
    events_ = &events;
    look();
  }
  void connected(int number) {  // how connecting ended
    if (closed_ || connect_known_) return;
    connect_known_ = true;
    connect_error_ = number;
    look();
  }
  void broken(int number) {
    if (broken_ == 0) broken_ = number;
    look();
  }
  void fail_later(int number) {
    if (failed_) return;
    failed_ = true;
    pending_ = {};
    due_ = number;
    look();
  }
  void nudge() { look(); }

  result<std::size_t> send(std::span<const io_slice> slices);
  void shutdown_send() {
    if (closed_ || failed_ || home_ == nullptr) return;
    shut_wanted_ = true;
    maybe_shut_down();
  }
  void resume_read() {
    paused_ = false;
    look();
  }
  void pause_read() { paused_ = true; }
  void abort_on_close() { abort_ = true; }
  std::string peer() const { return (side_ == 0 ? on_->server : on_->client).text(); }
  std::size_t unsent() const { return out().flying + out().unsent; }
  void close();

 private:
  bool wants_turn() const override;
  std::size_t take_turn() override;
  void home_is_gone() override { close(); }

  pipe& out() const { return on_->way[side_]; }
  pipe& in() const { return on_->way[1 - side_]; }
  core& net() const { return *on_->net; }
  bool alive() const { return !closed_ && home_ != nullptr; }
  bool reading() const { return !paused_ && !read_ended_ && events_ != nullptr; }

  void finish_connect();
  void read_some();
  bool read_once();
  std::span<std::byte> room_for_read();
  void read_last_words();
  std::size_t put(std::span<const io_slice> slices);
  void write_pending();
  void fail_now(int number);
  void maybe_shut_down();

  std::shared_ptr<sim_link> on_;
  const unsigned side_;
  stream_events* events_ = nullptr;
  std::span<const io_slice> pending_;
  std::size_t calls_ = 0;  // callbacks of this turn
  int connect_error_ = 0;
  int broken_ = 0;  // what the network told
  int due_ = 0;     // a failure to be told in the next poll()
  bool connecting_ = false;
  bool connect_known_ = false;
  bool paused_ = false;
  bool read_ended_ = false;
  bool failed_ = false;
  bool abort_ = false;
  bool shut_wanted_ = false;
  bool shut_ = false;
  bool closed_ = false;
};

class sim_stream final : public stream {
 public:
  explicit sim_stream(std::shared_ptr<sock> state) : state_(std::move(state)) {}
  ~sim_stream() override { state_->close(); }
  sock& state() noexcept { return *state_; }

  result<std::size_t> send(std::span<const io_slice> slices) override {
    return state_->send(slices);
  }
  void shutdown_send() override { state_->shutdown_send(); }
  void resume_read() override { state_->resume_read(); }
  void pause_read() override { state_->pause_read(); }
  void abort_on_close() override { state_->abort_on_close(); }
  std::string peer() const override { return state_->peer(); }
  std::size_t unsent() const override { return state_->unsent(); }

 private:
  std::shared_ptr<sock> state_;
};

std::size_t sock::put(std::span<const io_slice> slices) {
  std::size_t total = 0;
  for (const io_slice& s : slices) total += s.size;
  std::size_t n = std::min(total, out().space());
  if (n > 1 && on_->random.chance(net().how.cut_send)) {
    n = on_->random.scaled(1, n);
  }
  if (n < total) net().counts.sends_cut += 1;
  out().put(slices, n);
  net().trace.note("send", {on_->id, side_, n});
  on_->pump(side_);
  return n;
}

result<std::size_t> sock::send(std::span<const io_slice> slices) {
  ZC_REQUIRES(pending_.empty(), "send() must not be called while a send is pending");
  ZC_REQUIRES(!slices.empty() && slices.size() <= slices_max, "send() takes 1 to 1024 slices");
  if (failed_ || !alive()) return fail(errc::closed, "connection is closed");
  if (shut_) return fail(errc::closed, "sending was shut down");
  if (!connecting_) {
    if (broken_ != 0) {
      const error why = failure(broken_);
      fail_later(broken_);
      return std::unexpected(why);
    }
    if (out().space() > 0 && !on_->random.chance(net().how.refuse_send)) return put(slices);
  }
  net().counts.sends_cut += 1;
  pending_ = slices;
  look();
  return 0;
}

void sock::write_pending() {
  if (broken_ != 0) {
    fail_later(broken_);
    return;
  }
  const std::size_t n = put(std::exchange(pending_, {}));
  calls_ += 1;
  events_->on_sent(n);
  if (alive()) maybe_shut_down();
}

void sock::maybe_shut_down() {
  if (!shut_wanted_ || shut_ || connecting_ || failed_ || !pending_.empty()) return;
  shut_ = true;
  net().trace.note("shut", {on_->id, side_});
  out().fin_wanted = true;
  on_->pump(side_);
}

void sock::close() {
  if (std::exchange(closed_, true)) return;
  events_ = nullptr;
  pending_ = {};
  leave();
  on_->end[side_] = nullptr;
  net().trace.note("close", {on_->id, side_, abort_ ? 1U : 0U});
  if (connecting_ || broken_ != 0) {
    if (connecting_) on_->send_reset(1 - side_, ECONNRESET);
    return;
  }
  // Bytes that nobody will read: the peer learns at once that they were in vain.
  if (abort_ || in().arrived > 0) return on_->send_reset(1 - side_, ECONNRESET);
  out().fin_wanted = true;
  on_->pump(side_);
}

bool sock::wants_turn() const {
  if (closed_ || events_ == nullptr) return false;
  if (due_ != 0) return true;
  if (failed_) return false;
  if (connecting_) return connect_known_;
  if (reading() && (in().arrived > 0 || in().fin_arrived)) return true;
  if (broken_ != 0) return true;
  return !pending_.empty() && out().space() > 0;
}

void sock::fail_now(int number) {
  failed_ = true;
  pending_ = {};
  net().trace.note("failed", {on_->id, side_, static_cast<std::uint64_t>(number)});
  calls_ += 1;
  events_->on_failed(failure(number));
}

void sock::finish_connect() {
  if (connect_error_ != 0) return fail_now(connect_error_);
  connecting_ = false;
  net().trace.note("connected", {on_->id});
  calls_ += 1;
  events_->on_connected();
}

// Empty: the user has no room, or has done something that ends reading.
std::span<std::byte> sock::room_for_read() {
  calls_ += 1;
  const std::span<std::byte> room = events_->receive_room();
  if (!alive() || failed_ || paused_) return {};
  if (room.empty()) paused_ = true;
  return room;
}

bool sock::read_once() {
  if (in().arrived == 0) {
    // Some pollers ask for room before they know that there is nothing but the end.
    if (in().fin_arrived && on_->random.chance(0.5) && room_for_read().empty()) return false;
    if (in().fin_arrived) {
      read_ended_ = true;
      net().trace.note("end", {on_->id, side_});
      calls_ += 1;
      events_->on_end();
    } else if (broken_ != 0) {
      fail_now(broken_);
    }
    return false;
  }
  const std::span<std::byte> room = room_for_read();
  if (room.empty()) return false;
  std::size_t n = std::min(room.size(), in().arrived);
  if (n > 1 && on_->random.chance(net().how.cut_receive)) {
    n = on_->random.scaled(1, n);
    net().counts.receives_cut += 1;
  }
  in().take(room.first(n));
  net().trace.note("received", {on_->id, side_, n});
  net().trace.content(room.first(n));
  net().counts.bytes += n;
  on_->pump(1 - side_);  // the window has opened
  calls_ += 1;
  events_->on_received(n);
  return alive() && !failed_ && !paused_ && (n == room.size() || in().fin_arrived);
}

void sock::read_some() {
  for (int reads = 0; reads < reads_max; ++reads) {
    if (!read_once()) return;
  }
}

// Sending has failed, but what the peer said before it went may have arrived.
void sock::read_last_words() {
  for (int reads = 0; reads < last_reads_max; ++reads) {
    if (!alive() || !reading() || connecting_ || in().arrived == 0) return;
    calls_ += 1;
    const std::span<std::byte> room = events_->receive_room();
    if (!alive() || paused_ || room.empty()) return;
    const std::size_t n = std::min(room.size(), in().arrived);
    in().take(room.first(n));
    net().trace.note("received", {on_->id, side_, n});
    net().trace.content(room.first(n));
    calls_ += 1;
    events_->on_received(n);
  }
}

std::size_t sock::take_turn() {
  const std::shared_ptr<pollee> kept = shared_from_this();
  calls_ = 0;
  if (due_ != 0) {
    const int number = std::exchange(due_, 0);
    read_last_words();
    if (alive()) fail_now(number);
    return calls_;
  }
  if (connecting_) {
    finish_connect();
  } else {
    if (reading()) read_some();
    if (alive() && !failed_ && !reading() && broken_ != 0 && pending_.empty()) fail_now(broken_);
    if (alive() && !failed_ && !pending_.empty() && (broken_ != 0 || out().space() > 0)) {
      write_pending();
    }
  }
  if (alive() && !failed_) maybe_shut_down();
  return calls_;
}

// ------------------------------------------------------------------------------------------------
// acceptors

class door final : public pollee {
 public:
  door(const endpoint& at, const socket_options& how, acceptor_events& events)
      : at_(at), how_(how), events_(events) {}

  void open(poller_impl& home) {
    enlist(home);
    net_ = home.net();
    net_->doors.push_back(this);
  }
  const endpoint& at() const noexcept { return at_; }
  const socket_options& how() const noexcept { return how_; }
  bool full() const noexcept { return backlog_.size() >= static_cast<std::size_t>(how_.backlog); }
  void offer(std::shared_ptr<sock> s) {
    backlog_.push_back(std::move(s));
    look();
  }
  poller_impl& home() noexcept { return *home_; }
  void pause() { paused_ = true; }
  void resume() {
    paused_ = false;
    look();
  }
  void close() {
    if (std::exchange(closed_, true)) return;
    leave();
    std::erase(net_->doors, this);
    for (const auto& s : std::exchange(backlog_, {})) {
      s->abort_on_close();
      s->close();
    }
  }

 private:
  bool wants_turn() const override {
    return !closed_ && !paused_ && !waiting_ && !backlog_.empty();
  }
  std::size_t take_turn() override {
    const std::shared_ptr<pollee> kept = shared_from_this();
    std::size_t taken = 0;
    for (int i = 0; i < accepts_max && wants_turn(); ++i) {
      if (net_->random.chance(net_->how.accept_pause)) {
        waiting_ = true;
        net_->events.after(accept_retry, [self = std::static_pointer_cast<door>(kept)] {
          self->waiting_ = false;
          self->look();
        });
        break;
      }
      auto next = std::move(backlog_.front());
      backlog_.pop_front();
      taken += 1;
      events_.on_accepted(std::make_unique<sim_stream>(std::move(next)));
    }
    return taken;
  }
  void home_is_gone() override { close(); }

  const endpoint at_;
  const socket_options how_;
  acceptor_events& events_;
  std::shared_ptr<core> net_;
  std::deque<std::shared_ptr<sock>> backlog_;  // at most how_.backlog
  bool paused_ = false;
  bool waiting_ = false;
  bool closed_ = false;
};

class sim_acceptor final : public acceptor {
 public:
  explicit sim_acceptor(std::shared_ptr<door> state) : state_(std::move(state)) {}
  ~sim_acceptor() override { state_->close(); }
  endpoint local() const override { return state_->at(); }
  void pause() override { state_->pause(); }
  void resume() override { state_->resume(); }

 private:
  std::shared_ptr<door> state_;
};

result<std::unique_ptr<acceptor>> poller_impl::listen(const endpoint& at, const socket_options& how,
                                                      acceptor_events& events) {
  auto place = resolved(at);
  if (!place) return std::unexpected(place.error());
  if (const auto fine = known(how); !fine) return std::unexpected(fine.error());
  if (place->unix_path.empty() && place->port == 0) place->port = net_->port();
  for (const door* d : net_->doors) {
    if (!same_place(d->at(), *place)) continue;
    if (!place->unix_path.empty() || !how.reuse_port || !d->how().reuse_port) {
      return std::unexpected(failure(EADDRINUSE));
    }
  }
  if (place->unix_path.empty() && place->host.empty()) place->host = "::";
  auto made = std::make_shared<door>(*place, how, events);
  made->open(*this);
  net_->trace.note("listen", {place->port});
  return std::make_unique<sim_acceptor>(std::move(made));
}

// A connection attempt arrives where it wants to.
void knock(const std::shared_ptr<sim_link>& on, nanoseconds tried, nanoseconds wait) {
  core& net = *on->net;
  const auto answer = [&](int number) {
    net.events.after(on->way[1].latency, [on, number] {
      if (on->end[0] != nullptr) on->end[0]->connected(number);
    });
  };
  if (on->end[0] == nullptr) return;  // nobody wants it any more
  std::vector<door*> places;
  for (door* d : net.doors) {
    if (same_place(d->at(), on->server)) places.push_back(d);
  }
  const bool cut = on->vanished || net.is_cut(on->server);
  if (!cut && (places.empty() || on->random.chance(net.how.refuse_connect))) {
    net.counts.refused += 1;
    return answer(ECONNREFUSED);
  }
  if (!cut && on->random.chance(net.how.vanish_connect)) on->vanish();
  door* to = cut || on->vanished ? nullptr : places[on->random.below(places.size())];
  if (to == nullptr || to->full()) {
    if (tried + wait > net.how.connect_give_up) {
      net.events.after(net.how.connect_give_up - tried, [on] {
        if (on->end[0] != nullptr) on->end[0]->connected(ETIMEDOUT);
      });
      return;
    }
    net.events.after(wait, [on, tried, wait] { knock(on, tried + wait, wait * 2); });
    return;
  }
  net.counts.connections += 1;
  auto made = std::make_shared<sock>(on, 1);
  made->adopt(to->home());
  to->offer(std::move(made));
  answer(0);
}

result<std::unique_ptr<stream>> poller_impl::connect(const endpoint& to, const socket_options& how,
                                                     stream_events& events) {
  const auto found = resolved(to);
  if (const auto fine = known(how); !fine) return std::unexpected(fine.error());
  endpoint place = found.value_or(to);
  endpoint from;
  if (place.unix_path.empty()) {
    from.host = place.host.find(':') != std::string::npos ? "::1" : "127.0.0.1";
    if (any_host(place.host)) place.host = from.host;
    from.port = net_->port();
  } else {
    from.unix_path = "(unnamed)";
  }
  auto on = std::make_shared<sim_link>(net_, net_->next_link++, place, from);
  on->draw();
  const auto bomb = std::ranges::find_if(
      net_->bombs, [&](const core::bomb& b) { return same_place(b.at, place); });
  if (bomb != net_->bombs.end()) {
    on->way[bomb->side == sim_network::towards::server ? 0 : 1].break_at = bomb->bytes;
    net_->bombs.erase(bomb);
  }
  auto made = std::make_shared<sock>(on, 0);
  made->begin(*this, events);
  net_->trace.note("connect", {on->id, place.port});
  const bool path_is_free =
      !place.unix_path.empty() &&
      std::ranges::none_of(net_->doors, [&](door* d) { return same_place(d->at(), place); });
  if (!found || path_is_free) {
    made->connected(found ? ENOENT : EHOSTUNREACH);
  } else {
    net_->events.after(on->way[0].latency,
                       [on] { knock(on, nanoseconds(0), std::chrono::seconds(1)); });
  }
  return std::make_unique<sim_stream>(std::move(made));
}

void poller_impl::start(stream& accepted, stream_events& events) {
  static_cast<sim_stream&>(accepted).state().start(events);
}

}  // namespace

// ------------------------------------------------------------------------------------------------
// delivery

void sim_link::notify(unsigned side) {
  if (end[side] != nullptr) end[side]->nudge();
}

void sim_link::told(unsigned side, int number) {
  way[side].dead = true;
  if (end[side] != nullptr) end[side]->broken(number);
}

void sim_link::deliver(unsigned from) {
  if (silent()) return;
  pipe& p = way[from];
  while (!p.flight.empty() && p.flight.front().due <= net->time.now()) {
    const pipe::segment s = p.flight.front();
    p.flight.pop_front();
    arrive(from, s);
    if (silent()) return;
  }
  pump(from);
}

void sim_link::arrive(unsigned from, const pipe::segment& s) {
  const unsigned to = 1 - from;
  pipe& p = way[from];
  if (s.reset != 0) {
    told(to, s.reset);
    return;
  }
  if (s.size == 0) {
    p.fin_arrived = true;
    return notify(to);
  }
  p.flying -= s.size;
  p.arrived += s.size;
  p.delivered += s.size;
  if (end[to] == nullptr) {  // closed: in vain, and the sender will learn of it
    p.head += s.size;
    p.arrived -= s.size;
    send_reset(from, ECONNRESET);
    return;
  }
  notify(to);
  notify(from);  // there is room to send
  if (p.delivered >= p.break_at) {
    p.break_at = UINT64_MAX;
    break_now(ECONNRESET, true);
  }
}

// ------------------------------------------------------------------------------------------------
// the network

sim_network::sim_network(sim_clock& time, sim_schedule& events, sim_random random, sim_trace& trace)
    : core_(std::make_shared<core>(time, events, random, trace)) {}

sim_network::~sim_network() = default;

std::unique_ptr<sim_poller> sim_network::make_poller(driver by) {
  return std::make_unique<poller_impl>(core_, by);
}

void sim_network::set(const network_profile& how) {
  core_->how = how;
}

const network_profile& sim_network::profile() const noexcept {
  return core_->how;
}

void sim_network::cut(const endpoint& at) {
  core_->cuts.push_back(at);
  for (auto& [id, l] : core_->links) {
    if (same_place(l->server, at)) l->hold_up();
  }
}

void sim_network::heal(const endpoint& at) {
  std::erase_if(core_->cuts, [&](const endpoint& c) { return same_place(c, at); });
  for (auto& [id, l] : core_->links) {
    if (l->held_up && !core_->is_cut(l->server)) l->go_on();
  }
}

void sim_network::break_all(const endpoint& at) {
  for (auto& [id, l] : core_->links) {
    if (same_place(l->server, at)) l->break_now(ECONNRESET);
  }
}

void sim_network::break_after(const endpoint& at, towards side, std::size_t bytes) {
  core_->bombs.push_back({at, side, std::max<std::size_t>(bytes, 1)});
}

const sim_network::statistics& sim_network::read() const noexcept {
  return core_->counts;
}

std::size_t sim_network::links() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(core_->links, [](const auto& l) {
    return l.second->end[0] != nullptr || l.second->end[1] != nullptr;
  }));
}

network_profile network_profile::slow(sim_random& r) {
  network_profile p;
  p.latency_max = r.between(std::chrono::microseconds(50), std::chrono::milliseconds(40));
  p.jitter_max = r.between(nanoseconds(0), std::chrono::milliseconds(5));
  p.bytes_per_second_min = r.chance(0.3) ? 1e6 : 1e8;
  p.send_buffer_min = 2_KiB + r.scaled(0, 62_KiB);
  p.send_buffer_max = p.send_buffer_min + r.scaled(1, 256_KiB);
  p.receive_buffer_min = 4_KiB + r.scaled(0, 60_KiB);
  p.receive_buffer_max = p.receive_buffer_min + r.scaled(1, 256_KiB);
  p.segment_max = r.scaled(256, 64_KiB);
  if (r.chance(0.5)) p.cut_send = r.unit() * 0.5;
  if (r.chance(0.5)) p.refuse_send = r.unit() * 0.5;
  if (r.chance(0.5)) p.cut_receive = r.unit() * 0.5;
  if (r.chance(0.5)) p.late_report = r.unit() * 0.3;
  if (r.chance(0.3)) p.stall = r.unit() * 0.05;
  return p;
}

network_profile network_profile::rough(sim_random& r) {
  network_profile p = slow(r);
  if (r.chance(0.5)) p.reset = r.unit() * 0.03;
  if (r.chance(0.4)) p.vanish = r.unit() * 0.01;
  if (r.chance(0.4)) p.refuse_connect = r.unit() * 0.5;
  if (r.chance(0.4)) p.vanish_connect = r.unit() * 0.3;
  if (r.chance(0.3)) p.accept_pause = r.unit() * 0.3;
  return p;
}

}  // namespace zc::testing
