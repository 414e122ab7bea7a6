#include "tests/sim/gateway_run.h"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice::sim {
namespace {

using zc::net::outcome;

// Blocks for what is being sent are granted beyond the limit (urgency::draining): scratch memory
// per shard, and one compressed body per request under way.
constexpr std::size_t overdraft_max = 8_MiB;

gateway_plan adjusted(gateway_plan p, const std::function<void(gateway_plan&)>& adjust) {
  if (adjust) adjust(p);
  return p;
}

}  // namespace

gateway_run::gateway_run(std::uint64_t seed, const std::function<void(gateway_plan&)>& adjust)
    : p_(adjusted(gateway_plan(seed), adjust)),
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

std::uint64_t gateway_run::count(const std::function<std::uint64_t(const metrics&)>& of) const {
  std::uint64_t sum = 0;
  for (const auto& g : graphs_) sum += of(g->counts());
  return sum;
}

std::uint64_t gateway_run::send_failed(const std::string& id) const {
  return count([&](const metrics& m) {
    std::uint64_t n = 0;
    for (const exporter_metrics& e : m.exporters()) {
      if (e.id == id) n += e.of[otlp::signal::logs].send_failed.read();
    }
    return n;
  });
}

std::uint64_t gateway_run::dropped() const {
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

void gateway_run::make_backends() {
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

void gateway_run::make_gateway(std::uint64_t seed) {
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

void gateway_run::make_clients() {
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

void gateway_run::send(int number) {
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

void gateway_run::ended(int number, bool grpc, outcome&& o) {
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

void gateway_run::have_an_accident() {
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

void gateway_run::load() {
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
void gateway_run::let_it_heal() {
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

void gateway_run::stop() {
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

std::uint64_t gateway_run::missing(std::size_t e) {
  std::uint64_t sum = 0;
  for (const auto& [number, a] : all_) {
    if (a.accepted) sum += static_cast<std::uint64_t>(a.items) - backends_[e]->taken[number].size();
  }
  return sum;
}

std::uint64_t gateway_run::lost_in_silence(std::size_t e) {
  const std::uint64_t gone = missing(e);
  return gone - std::min(gone, send_failed(settings_.exporters[e].id) + dropped());
}

void gateway_run::let_backends_lie() {
  for (auto& b : backends_) b->how.lie = 0.05;
}

void gateway_run::let_backends_refuse() {
  mood closed;
  closed.refuse = 1;
  for (auto& b : backends_) b->feel(closed);
}

void gateway_run::check() {
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

void gateway_run::tear_down() {
  for (auto& c : clients_) c.reset();
  graphs_.clear();
  backends_.clear();
}

std::uint64_t gateway_run::finish() {
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

}  // namespace sluice::sim
