// What must hold of the whole gateway - listeners, receivers, pipelines, sending queues, OTLP
// exporters, as gate/app wires them - between clients and backends that refuse, throttle, stall,
// reset, answer late, twice or never, and networks that break:
//
//   nothing lost in silence   what a client was told is accepted is at every backend, or counted as
//                             failed; with endless retries and backends that heal, it is there
//   nothing made up           what was refused by a full queue was not delivered
//   no duplicates             but where a retry cannot be told from the first try
//   patience                  a backend that refused is left alone for the back-off and its own
//   hint bounds                    memory within the quota, queues within their account, always
//   an end                    every request of a client ends; stop() ends within its grace; then no
//                             memory, no place in a queue and no connection is held
//
// Method: gateway shards, a client's and a backends' shard in one world. Every record carries the
// number of its request; backends look into what they take. What the run is like - settings, moods,
// weather, accidents - is drawn from the seed.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gate/app/shard_graph.h"
#include "gate/otlp/response.h"
#include "gate/pipeline/engine/kit_for_tests.h"
#include "tests/sim/seeds.h"
#include "zc/net/client.h"
#include "zc/net/server.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using zc::nanoseconds;
using zc::time_point;
using zc::net::outcome;
using zc::testing::network_profile;
using zc::testing::sim_random;
using zc::testing::sim_world;

// Blocks for what is being sent are granted beyond the limit (urgency::draining): scratch memory
// per shard, and one compressed body per request under way.
constexpr std::size_t overdraft_max = 8_MiB;

struct item {
  int request;
  int number;
};

// "@@000123:7." in every record's name: the seventh record of request 123.
std::string tag_of(int request) {
  const std::string digits = std::to_string(request);
  return "@@" + std::string(6 - digits.size(), '0') + digits + ":";
}

std::vector<item> items_in(std::string_view text) {
  std::vector<item> found;
  for (std::size_t at = 0; (at = text.find("@@", at)) != std::string_view::npos; ++at) {
    if (text.size() - at < 11 || text[at + 8] != ':') continue;
    std::size_t end = at + 9;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') end += 1;
    if (end == at + 9 || end == text.size() || text[end] != '.') continue;  // the resource's name
    found.push_back({std::atoi(std::string(text.substr(at + 2, 6)).c_str()),
                     std::atoi(std::string(text.substr(at + 9, end - at - 9)).c_str())});
  }
  return found;
}

// How a backend is, per request.
struct mood {
  double refuse = 0;     // retryable, with a hint now and then
  double throttle = 0;   // RESOURCE_EXHAUSTED with RetryInfo, 429 with Retry-After
  double permanent = 0;  // INVALID_ARGUMENT
  double drop = 0;       // INTERNAL: not to be retried
  double late = 0;       // taken, answered within late_max
  double silent = 0;     // not taken, never answered
  double deaf = 0;       // taken, never answered
  double partial = 0;    // taken, some rejected
  double lie = 0;        // not taken, and answered as if it were
  nanoseconds late_max = seconds(2);

  static mood draw(sim_random& r) {
    mood m;
    const auto some = [&](double most) { return r.chance(0.4) ? r.unit() * most : 0; };
    m.refuse = some(0.6);
    m.throttle = some(0.4);
    m.permanent = r.chance(0.2) ? r.unit() * 0.3 : 0;
    m.drop = r.chance(0.2) ? r.unit() * 0.3 : 0;
    m.late = some(0.5);
    m.silent = some(0.2);
    m.deaf = r.chance(0.2) ? r.unit() * 0.2 : 0;
    m.partial = some(0.2);
    m.late_max = r.between(milliseconds(10), seconds(8));
    return m;
  }
  // A second delivery may follow though nothing broke.
  bool doubles() const { return deaf > 0 || late > 0; }
};

class backend final : public zc::net::service {
 public:
  backend(zc::shard& on, sim_world& world, sim_random random, const zc::endpoint& at)
      : on_(on), world_(world), random_(random), at_(at) {
    open();
  }
  ~backend() { close(); }

  void open() {
    zc::net::server_options options;
    options.at = at_;
    auto made = zc::net::server::listen(on_, options, *this);
    ASSERT_TRUE(made) << made.error().reason;
    server_ = std::move(*made);
  }
  void close() {
    kept_.clear();
    server_.reset();
  }
  const zc::endpoint& at() const noexcept { return at_; }

  std::optional<zc::grpc::status> admit(zc::net::request_head&) override { return std::nullopt; }

  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override {
    auto plain = coder_.inflate(body, request->head().body_coding, 64_MiB, on_.memory());
    ASSERT_TRUE(plain) << "a body that does not inflate: " << plain.error().reason;
    const zc::bytes flat = plain->flatten_copy();
    const std::vector<item> items = items_in(flat.text());
    EXPECT_FALSE(items.empty()) << flat.size() << " bytes of " << body.size() << ": "
                                << std::string(flat.text().substr(0, 200));
    look_at_patience(items);
    double dice = random_.unit();
    const auto falls = [&](double p) { return (dice -= p) < 0; };
    if (falls(how.refuse)) return refuse(*request, items, zc::grpc::code::unavailable, 503, 0.3);
    if (falls(how.throttle)) {
      return refuse(*request, items, zc::grpc::code::resource_exhausted, 429, 1);
    }
    if (falls(how.permanent)) {
      forgotten += items.size();
      return request->refuse({zc::grpc::code::invalid_argument, 400, "no", {}, false});
    }
    if (falls(how.drop)) {
      forgotten += items.size();
      return;
    }
    if (falls(how.silent)) return keep(std::move(request));
    if (falls(how.lie)) return answer(*request, false);
    for (const item& i : items) taken[i.request][i.number] += 1;
    taken_items += items.size();
    if (falls(how.deaf)) return keep(std::move(request));
    if (falls(how.late)) return answer_later(std::move(request));
    answer(*request, falls(how.partial));
  }

  void feel(const mood& m) {
    how = m;
    may_double = may_double || m.doubles();
  }
  mood how;
  bool may_double = false;                  // whatever its mood is now
  std::map<int, std::map<int, int>> taken;  // request, record: how often
  std::uint64_t taken_items = 0;
  std::uint64_t forgotten = 0;  // items refused for good
  nanoseconds least_delay{0};   // the gateway's back-off is at least that
  const std::map<int, int>* sends = nullptr;
  bool judging = true;  // patience is looked at

 private:
  struct held final : zc::timer {
    explicit held(std::unique_ptr<zc::net::exchange> r) : request(std::move(r)) {}
    void on_timer() override {
      answer(*request, false);
      request.reset();
    }
    std::unique_ptr<zc::net::exchange> request;
  };

  static void answer(zc::net::exchange& to, bool partial) {
    zc::net::reply r;
    r.content_type = "application/x-protobuf";
    if (partial) {
      otlp::partial_success p;
      p.rejected = 1;
      p.message = "one was odd";
      r.body = zc::bytes::from_string(otlp::encode_response(p));
    }
    to.answer(std::move(r));
  }
  void keep(std::unique_ptr<zc::net::exchange> request) {
    kept_.push_back(std::make_unique<held>(std::move(request)));
  }
  void answer_later(std::unique_ptr<zc::net::exchange> request) {
    keep(std::move(request));
    on_.arm(*kept_.back(), random_.between(nanoseconds(0), how.late_max));
  }
  void refuse(zc::net::exchange& to, const std::vector<item>& items, zc::grpc::code code, int http,
              double hinted) {
    std::optional<nanoseconds> hint;
    if (random_.chance(hinted)) {
      // Whole seconds: Retry-After has no others.
      hint =
          seconds(1) * static_cast<std::int64_t>(random_.between(std::size_t{1}, std::size_t{9}));
    }
    const time_point until = world_.now() + std::max(least_delay, hint.value_or(nanoseconds(0)));
    for (const item& i : items) not_before_[i.request] = until;
    to.refuse({code, http, "not now", hint, false});
  }
  // Who was asked to wait does. What a client sent twice is two requests, which know nothing of
  // each other.
  void look_at_patience(const std::vector<item>& items) {
    for (const item& i : items) {
      const auto at = not_before_.find(i.request);
      if (at == not_before_.end() || !judging) continue;
      const auto sent = sends->find(i.request);
      if (sent == sends->end() || sent->second != 1) continue;
      EXPECT_GE(world_.now() + milliseconds(1), at->second)
          << "request " << i.request << " hurried";
    }
  }

  zc::shard& on_;
  sim_world& world_;
  sim_random random_;
  const zc::endpoint at_;
  zc::coder coder_;
  std::unique_ptr<zc::net::server> server_;
  std::deque<std::unique_ptr<held>> kept_;  // as many as the gateway sends
  std::map<int, time_point> not_before_;    // by request
};

enum class weather : unsigned char { calm, slow, rough };

// All that is drawn before anything happens.
struct plan {
  explicit plan(std::uint64_t seed) : random(sim_random(seed).fork(11)) {
    sim_random& r = random;
    how = static_cast<weather>(r.below(3));
    shards = r.between(std::size_t{1}, std::size_t{2});
    requests = r.between(std::size_t{5}, std::size_t{40});
    memory = 6_MiB + r.scaled(0, 58_MiB);
    accidents = r.chance(0.5);
    heals = r.chance(0.5);
    grace = r.between(milliseconds(0), seconds(30));
    batches = r.chance(0.4);
    world.stall = r.chance(0.3) ? r.unit() * 0.01 : 0;
    for (std::size_t i = r.between(std::size_t{1}, std::size_t{2}); i > 0; --i) {
      exporters.push_back(exporter(i));
    }
  }

  exporter_settings exporter(std::size_t number) {
    sim_random& r = random;
    exporter_settings e;
    const bool grpc = r.chance(0.5);
    e.kind = grpc ? exporter_kind::otlp_grpc : exporter_kind::otlp_http;
    e.id = (grpc ? "otlp_grpc/" : "otlp_http/") + std::to_string(number);
    e.otlp.to = *zc::endpoint::parse("127.0.0.1:" + std::to_string(5000 + number));
    constexpr std::array codings{zc::coding::identity, zc::coding::gzip, zc::coding::zstd};
    e.otlp.compression = codings[r.below(codings.size())];
    e.otlp.timeout = milliseconds(r.scaled(200, 10'000));
    e.queue.enabled = r.chance(0.85);
    e.queue.num_consumers = r.between(std::size_t{1}, std::size_t{8});
    e.queue.wait_for_result = r.chance(0.2);
    e.queue.block_on_overflow = r.chance(0.3);
    e.queue.sizer = static_cast<queue_sizer>(r.below(3));
    const std::size_t most = e.queue.sizer == queue_sizer::requests ? 50
                             : e.queue.sizer == queue_sizer::items  ? 2'000
                                                                    : 2'000'000;
    e.queue.queue_size = r.scaled(e.queue.sizer == queue_sizer::requests ? 1 : most / 20, most);
    e.retry.enabled = r.chance(0.9);
    e.retry.initial_interval = milliseconds(r.scaled(50, 5'000));
    e.retry.max_interval = std::max(e.retry.initial_interval, milliseconds(r.scaled(100, 30'000)));
    e.retry.max_elapsed_time = milliseconds(r.chance(0.5) ? 0 : r.scaled(1'000, 300'000));
    return e;
  }

  sim_random random;
  weather how{};
  std::size_t shards = 1;
  std::size_t requests = 0;
  std::size_t memory = 0;
  bool accidents = false;  // backends go and come back, links are cut and broken
  bool heals = false;      // before the end everything is well again for a while
  bool batches = false;
  nanoseconds grace{};
  sim_world::options world;
  std::vector<exporter_settings> exporters;
};

class loud_log final : public log {
 public:
  bool enabled(log_level) const noexcept override { return loud_; }
  void write(log_level, std::string_view component, std::string_view message) override {
    if (!loud_) return;
    std::fprintf(stderr, "    %.*s: %.*s\n", static_cast<int>(component.size()), component.data(),
                 static_cast<int>(message.size()), message.data());
  }

 private:
  bool loud_ = std::getenv("SLUICE_SIM_TRACE") != nullptr;
};

class run {
 public:
  explicit run(std::uint64_t seed, const std::function<void(plan&)>& adjust = {})
      : p_(adjusted(plan(seed), adjust)),
        random_(p_.random.fork(1)),
        limits_(p_.memory),
        others_(256_MiB),
        world_(seed, p_.world),
        client_shard_(world_.add_shard(others_)),
        backend_shard_(world_.add_shard(others_)) {
    // A gateway's shards are numbered from 0.
    for (std::size_t i = 0; i < p_.shards; ++i) {
      zc::shard::options how;
      how.id = static_cast<unsigned>(i);
      how.pool_cached_bytes_max = 1_MiB;
      shards_.push_back(&world_.add_shard(limits_, how));
    }
    if (p_.how == weather::slow) world_.network().set(network_profile::slow(random_));
    if (p_.how == weather::rough) world_.network().set(network_profile::rough(random_));
    make_backends();
    make_gateway(seed);
    make_clients();
  }
  ~run() { tear_down(); }

  void load();
  void let_it_heal();
  void stop();
  void check();
  std::uint64_t finish();
  // Items that a client was told are accepted, that are not at the backend, and that nobody counts.
  std::uint64_t lost_in_silence(std::size_t e);
  std::uint64_t missing(std::size_t e);
  void let_backends_lie();
  void let_backends_refuse();

 private:
  struct asked {
    int items = 0;
    int sends = 0;
    bool open = false;
    bool accepted = false;
    bool refused = false;    // told so, and not sent again
    bool uncertain = false;  // at least one attempt ended without an answer
  };

  static plan adjusted(plan p, const std::function<void(plan&)>& adjust) {
    if (adjust) adjust(p);
    return p;
  }
  void make_backends();
  void make_gateway(std::uint64_t seed);
  void make_clients();
  void send(int number);
  void ended(int number, bool grpc, outcome&& o);
  void have_an_accident();
  void tear_down();
  const retry_settings& retry(std::size_t e) const { return settings_.exporters[e].retry; }
  std::uint64_t count(const std::function<std::uint64_t(const metrics&)>& of) const {
    std::uint64_t sum = 0;
    for (const auto& g : graphs_) sum += of(g->counts());
    return sum;
  }
  std::uint64_t send_failed(const std::string& id) const {
    return count([&](const metrics& m) {
      std::uint64_t n = 0;
      for (const exporter_metrics& e : m.exporters()) {
        if (e.id == id) n += e.of[otlp::signal::logs].send_failed.read();
      }
      return n;
    });
  }
  std::uint64_t dropped() const {
    std::uint64_t n = count([](const metrics& m) {
      std::uint64_t sum = 0;
      for (const processor_metrics& q : m.processors()) sum += q.dropped.read();
      return sum;
    });
    for (const auto& g : graphs_) {
      for (const undelivered& u : g->left_behind()) n += u.component == "batch" ? u.items : 0;
    }
    return n;
  }
  bool empty() const {
    return std::ranges::all_of(shared_.accounts, [](const auto& a) {
      return a.second->used() == 0 && a.second->used_bytes() == 0;
    });
  }

  plan p_;
  sim_random random_;
  zc::quota limits_;  // the gateway's
  zc::quota others_;
  sim_world world_;
  zc::shard& client_shard_;
  zc::shard& backend_shard_;
  std::vector<zc::shard*> shards_;
  std::vector<std::unique_ptr<backend>> backends_;  // one per exporter
  gateway_settings settings_;
  zc::snapshot<gateway_settings> live_{gateway_settings{}};
  loud_log log_;
  shared_parts shared_{settings_, live_, log_, 1, {}, {}, {}, {}};
  std::vector<std::unique_ptr<shard_graph>> graphs_;
  std::array<std::unique_ptr<zc::net::client>, 2> clients_;  // gRPC, HTTP
  std::map<int, asked> all_;
  std::map<int, int> sends_;
  int open_ = 0;
  bool loading_ = true;
  bool stopping_ = false;
  bool broke_ = false;  // something did, by script
};

void run::make_backends() {
  for (const exporter_settings& e : p_.exporters) {
    backends_.push_back(
        std::make_unique<backend>(backend_shard_, world_, random_.fork(e.otlp.to.port), e.otlp.to));
    backend& b = *backends_.back();
    b.feel(mood::draw(random_));
    b.sends = &sends_;
    const double least = 1 - e.retry.randomization_factor;
    b.least_delay = nanoseconds(static_cast<std::int64_t>(
        static_cast<double>(nanoseconds(e.retry.initial_interval).count()) * least));
    // Requests that are joined are not known by their number, and a refusal that does not arrive in
    // time asks for nothing.
    b.judging = !p_.batches && p_.how == weather::calm && !p_.accidents;
  }
}

void run::make_gateway(std::uint64_t seed) {
  otlp_receiver_settings r;
  r.id = "otlp";
  for (const bool grpc : {true, false}) {
    otlp_listener_settings l;
    l.at = *zc::endpoint::parse(grpc ? "127.0.0.1:4317" : "127.0.0.1:4318");
    l.grpc = grpc;
    r.listeners.push_back(l);
  }
  settings_.receivers.push_back(r);
  settings_.exporters = p_.exporters;
  pipeline_settings logs;
  logs.id = "logs";
  logs.signal = otlp::signal::logs;
  logs.receivers = {"otlp"};
  for (const exporter_settings& e : p_.exporters) logs.exporters.push_back(e.id);
  if (p_.batches) {
    batch_settings b;
    b.id = "batch";
    b.timeout = milliseconds(random_.scaled(1, 2'000));
    b.send_batch_size = random_.scaled(1, 500);
    b.send_batch_max_size = random_.chance(0.5) ? b.send_batch_size + random_.below(100) : 0;
    settings_.batch_processors.push_back(b);
    logs.processors = {"batch"};
  }
  settings_.pipelines.push_back(logs);
  live_.publish(settings_);
  shared_.shards = static_cast<unsigned>(p_.shards);
  for (const exporter_settings& e : settings_.exporters) {
    const std::size_t bytes =
        std::max<std::size_t>(limits_.soft_limit() / 4 * 3 / settings_.exporters.size(), 1_MiB);
    shared_.accounts.emplace(
        e.id, std::make_unique<queue_account>(e.queue.sizer, e.queue.queue_size, bytes));
    shared_.consumers.emplace(
        e.id, std::make_unique<consumer_budget>(e.queue.num_consumers, shared_.shards));
  }
  for (zc::shard* s : shards_) {
    graphs_.push_back(std::make_unique<shard_graph>(*s, shared_, seed + s->id()));
    const auto listening = graphs_.back()->listen();
    ASSERT_TRUE(listening) << listening.error().reason;
  }
}

void run::make_clients() {
  for (const bool grpc : {true, false}) {
    zc::net::client_options o;
    o.to = settings_.receivers[0].listeners[grpc ? 0 : 1].at;
    o.connections_max = grpc ? 1 : 8;
    o.requests_max = 100;
    o.backoff_max = seconds(5);
    o.connect_timeout = seconds(5);
    clients_[grpc ? 0 : 1] =
        grpc ? zc::net::client::grpc(client_shard_, o) : zc::net::client::http1(client_shard_, o);
  }
}

void run::send(int number) {
  const bool grpc = random_.chance(0.5);
  zc::net::client& by = *clients_[grpc ? 0 : 1];
  if (by.pending() >= by.capacity()) return;
  asked& a = all_[number];
  if (a.items == 0) a.items = static_cast<int>(random_.scaled(1, 60));
  a.sends += 1;
  sends_[number] = a.sends;
  a.open = true;
  open_ += 1;
  const std::string text = kit::request_of(otlp::signal::logs, static_cast<std::uint64_t>(a.items),
                                           tag_of(number), random_.scaled(1, 1'000));
  zc::net::client_request r;
  r.path = grpc ? otlp::grpc_path(otlp::signal::logs) : otlp::http_path(otlp::signal::logs);
  r.content_type = "application/x-protobuf";
  r.body = zc::bytes::copy_of(text);
  r.timeout = random_.between(seconds(1), seconds(40));
  by.send(std::move(r), [this, number, grpc](outcome&& o) { ended(number, grpc, std::move(o)); });
}

void run::ended(int number, bool grpc, outcome&& o) {
  asked& a = all_[number];
  EXPECT_TRUE(a.open) << "request " << number << " ended twice";
  a.open = false;
  open_ -= 1;
  const bool answered = o.what == outcome::kind::answered;
  const bool ok = answered && (grpc ? o.grpc == zc::grpc::code::ok : o.http_status / 100 == 2);
  a.accepted = a.accepted || ok;
  a.refused = answered && !ok;
  a.uncertain = a.uncertain || (!answered && o.what != outcome::kind::unreachable &&
                                o.what != outcome::kind::refused_stream);
  if (ok || !loading_ || a.sends >= 3 || random_.chance(0.4)) return;
  // A client that keeps its data tries again.
  const nanoseconds wait = o.retry_after.value_or(milliseconds(random_.scaled(10, 5'000)));
  world_.later(wait, [this, number] {
    if (loading_) send(number);
  });
}

void run::have_an_accident() {
  backend& b = *backends_[random_.below(backends_.size())];
  broke_ = true;
  const nanoseconds later = random_.between(nanoseconds(0), seconds(40));
  switch (random_.below(5)) {
    case 0:
      world_.network().break_all(b.at());
      break;
    case 1:
      world_.network().cut(b.at());
      world_.later(later, [this, at = b.at()] { world_.network().heal(at); });
      break;
    case 2:
      b.close();
      world_.later(later, [this, &b] {
        if (!stopping_ || loading_) b.open();
      });
      break;
    case 3:
      world_.network().break_after(b.at(), zc::testing::sim_network::towards::client,
                                   random_.scaled(1, 2'000));
      world_.network().break_all(b.at());
      break;
    default:
      b.feel(mood::draw(random_));
      break;
  }
}

void run::load() {
  for (std::size_t i = 0; i < p_.requests; ++i) {
    send(static_cast<int>(i));
    if (random_.chance(0.6)) {
      world_.run_for(nanoseconds(static_cast<std::int64_t>(random_.scaled(0, 1'500'000'000))));
    }
    if (p_.accidents && random_.chance(0.08)) have_an_accident();
    EXPECT_LE(limits_.used(), limits_.limit() + overdraft_max);
  }
  EXPECT_TRUE(world_.run_until([&] { return open_ == 0; }, minutes(10)))
      << open_ << " requests of clients never ended";
  loading_ = false;
  EXPECT_TRUE(world_.run_until([&] { return open_ == 0; }, minutes(10)));
}

// With everything well again queues run empty: nothing waits for ever.
void run::let_it_heal() {
  if (!p_.heals) return;
  world_.run_for(seconds(41));  // accidents are over
  world_.network().set({});
  for (auto& b : backends_) {
    b->feel({});
    world_.network().heal(b->at());
  }
  EXPECT_TRUE(world_.run_until([&] { return empty(); }, std::chrono::hours(2)))
      << "requests wait though every backend is well";
}

void run::stop() {
  const time_point begin = world_.now();
  stopping_ = true;
  for (auto& b : backends_) b->judging = false;  // last attempts are made at once
  std::size_t stopped = 0;
  for (std::size_t i = 0; i < graphs_.size(); ++i) {
    shards_[i]->post([this, i, &stopped] {
      graphs_[i]->stop(std::chrono::duration_cast<milliseconds>(p_.grace),
                       [&stopped] { stopped += 1; });
    });
  }
  EXPECT_TRUE(world_.run_until([&] { return stopped == graphs_.size(); }, minutes(10)));
  EXPECT_LE(world_.now() - begin, p_.grace + milliseconds(60) + 4 * p_.world.stall_max)
      << "stopping took longer than its grace";
}

std::uint64_t run::missing(std::size_t e) {
  std::uint64_t sum = 0;
  for (const auto& [number, a] : all_) {
    if (a.accepted) sum += static_cast<std::uint64_t>(a.items) - backends_[e]->taken[number].size();
  }
  return sum;
}

std::uint64_t run::lost_in_silence(std::size_t e) {
  const std::uint64_t gone = missing(e);
  return gone - std::min(gone, send_failed(settings_.exporters[e].id) + dropped());
}

void run::let_backends_lie() {
  for (auto& b : backends_) b->how.lie = 0.05;
}

void run::let_backends_refuse() {
  mood closed;
  closed.refuse = 1;
  for (auto& b : backends_) b->feel(closed);
}

void run::check() {
  EXPECT_LE(limits_.peak(), limits_.limit() + overdraft_max);
  EXPECT_TRUE(empty()) << "a queue is stopped and still holds something";
  const bool alone = backends_.size() == 1;
  for (std::size_t e = 0; e < backends_.size(); ++e) {
    backend& b = *backends_[e];
    const exporter_settings& how = settings_.exporters[e];
    for (const auto& [number, a] : all_) {
      const auto& got = b.taken[number];
      const bool at_the_door = alone && how.queue.enabled && !how.queue.wait_for_result &&
                               !a.uncertain && !a.accepted && a.refused;
      // Where connections of clients break, an HTTP/1.1 client may have sent it twice unasked.
      if (at_the_door && !p_.batches && p_.how != weather::rough) {
        EXPECT_TRUE(got.empty()) << "request " << number << " was refused and delivered";
      }
      int most = 0;
      for (const auto& [record, times] : got) most = std::max(most, times);
      const bool once = p_.how == weather::calm && !broke_ && !b.may_double;
      if (once && alone) {
        EXPECT_LE(most, a.sends) << "request " << number << " was delivered twice";
      }
    }
    EXPECT_EQ(lost_in_silence(e), 0u) << how.id << ": lost in silence";
    // With endless patience, and nobody who refuses for good, only the end of the gateway may cost
    // anything.
    const bool endless = how.retry.enabled && how.retry.max_elapsed_time.count() == 0;
    if (endless && b.forgotten == 0 && p_.heals && how.queue.enabled &&
        !how.queue.wait_for_result) {
      // What was joined may have become larger than the whole queue.
      EXPECT_LE(missing(e), p_.batches ? dropped() : 0)
          << how.id << ": lost though it could have been sent again";
    }
  }
}

void run::tear_down() {
  for (auto& c : clients_) c.reset();
  graphs_.clear();
  backends_.clear();
}

std::uint64_t run::finish() {
  tear_down();
  EXPECT_FALSE(world_.stuck());
  const std::uint64_t hash = world_.trace().hash();
  EXPECT_EQ(world_.network().links(), 0u);
  world_.remove_shard(client_shard_);
  world_.remove_shard(backend_shard_);
  for (zc::shard* s : shards_) world_.remove_shard(*s);
  EXPECT_EQ(limits_.used(), 0u) << "memory that did not come home";
  return hash;
}

std::uint64_t live(std::uint64_t seed) {
  run r(seed);
  r.load();
  r.let_it_heal();
  r.stop();
  r.check();
  return r.finish();
}

TEST(SimGatewayTest, WhatWasAcceptedIsDeliveredOrReportedAndEverythingEnds) {
  over_seeds(1500, live);
}

// Found by seed 3169 of the test above: what a batch processor still held when the grace was over
// was in nobody's report.
TEST(SimGatewayTest, WhatIsJoinedWhenTheGraceIsOverIsReported) {
  over_seeds(300, [](std::uint64_t seed) {
    run r(seed, [](plan& p) {
      p.batches = true;
      p.heals = false;
      p.grace = p.random.between(milliseconds(10), milliseconds(60));
      p.world.stall = 0.3;  // timers of several ticks are late together, and then come in order
      for (exporter_settings& e : p.exporters) {  // and nobody downstream has room
        e.queue.enabled = true;
        e.queue.wait_for_result = false;
        e.queue.sizer = queue_sizer::requests;
        e.queue.queue_size = 1;
      }
    });
    r.let_backends_refuse();
    r.load();
    r.stop();
    r.check();
    return r.finish();
  });
}

// The tests above can fail: a backend that forgets one request in twenty, which to the books is the
// same as a gateway that does, is found at once.
TEST(SimGatewayTest, ALossOfOneRequestInTwentyIsFoundWithinAFewSeeds) {
  const auto found = [](std::uint64_t seed) {
    run r(seed);
    r.let_backends_lie();
    r.load();
    r.let_it_heal();
    r.stop();
    return r.lost_in_silence(0) > 0;
  };
  const std::size_t seeds = seeds_until(20, found);
  EXPECT_TRUE(seeds >= 1 && seeds <= 20);
}

}  // namespace
}  // namespace sluice::sim
