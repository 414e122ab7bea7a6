// What must hold of the clients and servers of zc/net, HTTP/1.1 and gRPC over HTTP/2, on a network
// that cuts, stalls, breaks and swallows: every request ends exactly once and in time; what was
// answered is the answer to that request; what certainly was not processed was not; when nothing
// breaks everything is answered; after trouble has passed requests succeed again; and when all is
// over no memory and no connection is left.
//
// Method: a client's shard and one or two servers' shards; the service answers at once, late,
// never, with refusals or not at all, as the body of the request asks for.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "zc/net/client.h"
#include "zc/net/server.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {
namespace {

using zc::net::outcome;

const zc::endpoint place = *zc::endpoint::parse("127.0.0.1:4317");

std::string text_of(const zc::bytes_chain& chain) {
  const zc::bytes flat = chain.flatten_copy();
  return std::string(flat.text());
}

// Does what the first letter of the body says.
class moody_service final : public zc::net::service {
 public:
  moody_service(zc::shard& on, sim_random random) : on_(on), random_(random) {}
  ~moody_service() { late_.clear(); }

  std::optional<zc::grpc::status> admit(zc::net::request_head&) override { return std::nullopt; }
  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override {
    const std::string text = text_of(body);
    served[std::atoi(text.c_str() + 1)] += 1;
    switch (text[0]) {
      case 'a':  // at once
        return answer(*request, std::move(body));
      case 'l':  // late
        late_.push_back(std::make_unique<late>(*this, std::move(request), std::move(body)));
        on_.arm(*late_.back(), random_.between(nanoseconds(0), seconds(3)));
        return;
      case 'r': {  // refused
        zc::grpc::status why{zc::grpc::code::unavailable, 503, "not now", seconds(1), false};
        return request->refuse(why);
      }
      case 'd':  // dropped: INTERNAL
        return;
      default:  // never
        late_.push_back(std::make_unique<late>(*this, std::move(request), std::move(body)));
        return;
    }
  }
  void forget() { late_.clear(); }

  std::map<int, int> served;

 private:
  struct late final : zc::timer {
    late(moody_service& m, std::unique_ptr<zc::net::exchange> r, zc::bytes_chain b)
        : of(m), request(std::move(r)), body(std::move(b)) {}
    void on_timer() override {
      answer(*request, std::move(body));
      request.reset();
    }
    moody_service& of;
    std::unique_ptr<zc::net::exchange> request;
    zc::bytes_chain body;
  };
  static void answer(zc::net::exchange& to, zc::bytes_chain&& body) {
    zc::net::reply r;
    r.content_type = "application/x-protobuf";
    r.body = std::move(body);
    to.answer(std::move(r));
  }

  zc::shard& on_;
  sim_random random_;
  std::vector<std::unique_ptr<late>> late_;  // as many as there were requests
};

enum class weather : unsigned char { calm, slow, rough };

struct stage {
  explicit stage(std::uint64_t seed) : stage(seed, sim_random(seed).fork(9)) {}
  stage(std::uint64_t seed, sim_random r)
      : stage(seed, r, static_cast<weather>(r.below(3)), r.chance(0.5)) {}
  stage(std::uint64_t seed, sim_random r, weather w, bool over_grpc)
      : random(r.fork(1)),
        how(w),
        grpc(over_grpc),
        limits(64_MiB),
        world(seed, timing(random)),
        client_shard(world.add_shard(limits)),
        server_shard(world.add_shard(limits)),
        answers(server_shard, random.fork(1)) {
    if (how == weather::slow) world.network().set(network_profile::slow(random));
    if (how == weather::rough) world.network().set(network_profile::rough(random));
    listen();
    zc::net::client_options o;
    o.to = place;
    o.connections_max = grpc ? random.between(std::size_t{1}, std::size_t{3})
                             : random.between(std::size_t{1}, std::size_t{8});
    o.requests_max = random.between(std::size_t{1}, std::size_t{50});
    o.backoff_max = seconds(5);
    o.connect_timeout = seconds(5);
    client =
        grpc ? zc::net::client::grpc(client_shard, o) : zc::net::client::http1(client_shard, o);
  }
  ~stage() { close(); }

  static sim_world::options timing(sim_random& r) {
    sim_world::options o;
    o.stall = r.chance(0.3) ? r.unit() * 0.01 : 0;
    return o;
  }
  void listen() {
    zc::net::server_options o;
    o.at = place;
    o.idle_timeout = seconds(60);
    auto made = zc::net::server::listen(server_shard, o, answers);
    ASSERT_TRUE(made) << made.error().reason;
    server = std::move(*made);
  }
  void close() {
    client.reset();
    answers.forget();
    server.reset();
  }

  struct asked {
    std::string body;
    nanoseconds timeout{};
    time_point at;
    int answers = 0;
    int http_status = 0;
    zc::grpc::code code{};
    std::string message;
    outcome::kind what{};
    bool ok = false;
  };
  // What it does: see moody_service.
  void send(char what, nanoseconds timeout) { send(what, timeout, random.scaled(0, 100'000)); }
  void send(char what, nanoseconds timeout, std::size_t size) {
    const int id = static_cast<int>(all.size());
    asked& a = all.emplace_back();
    a.body = what + std::to_string(id) + ":";
    a.body.append(size, static_cast<char>('a' + id % 26));
    a.timeout = timeout;
    a.at = world.now();
    open += 1;
    zc::net::client_request r;
    r.path = grpc ? "/a.Service/Call" : "/v1/logs";
    r.content_type = "application/x-protobuf";
    for (std::size_t at = 0; at < a.body.size();) {
      const std::size_t part = random.between(std::size_t{1}, a.body.size() - at);
      r.body.append(zc::bytes::copy_of(std::string_view(a.body).substr(at, part)));
      at += part;
    }
    r.timeout = timeout;
    client->send(std::move(r), [this, id](outcome&& o) { ended(id, std::move(o)); });
  }
  void ended(int id, outcome&& o) {
    asked& a = all[static_cast<std::size_t>(id)];
    open -= 1;
    a.answers += 1;
    EXPECT_EQ(a.answers, 1) << "request " << id << " ended twice";
    a.what = o.what;
    a.http_status = o.http_status;
    a.code = o.grpc;
    a.message = o.message;
    a.ok = o.what == outcome::kind::answered &&
           (grpc ? o.grpc == zc::grpc::code::ok : o.http_status == 200);
    if (a.timeout > nanoseconds(0)) {
      EXPECT_LE(world.now() - a.at, a.timeout + milliseconds(200)) << "request " << id;
    }
    if (!a.ok) return;
    EXPECT_EQ(text_of(o.body), a.body) << "an answer to something else";
    EXPECT_TRUE(a.body[0] == 'a' || a.body[0] == 'l');
  }

  sim_random random;
  const weather how;
  const bool grpc;
  zc::quota limits;
  sim_world world;
  zc::shard& client_shard;
  zc::shard& server_shard;
  moody_service answers;
  std::unique_ptr<zc::net::server> server;
  std::unique_ptr<zc::net::client> client;
  std::deque<asked> all;
  int open = 0;
};

void load(stage& s) {
  const std::size_t requests = s.random.between(std::size_t{3}, std::size_t{40});
  const bool breaks = s.how == weather::rough;
  for (std::size_t i = 0; i < requests; ++i) {
    if (s.client->pending() >= s.client->capacity()) {
      ASSERT_TRUE(s.world.run_until([&] { return s.client->pending() < s.client->capacity(); },
                                    std::chrono::minutes(2)));
    }
    // Those that are never answered need a time-out; the others only when the network may break.
    const char what = "aaaalrdn"[s.random.below(8)];
    const bool patient = what != 'n' && !breaks;
    s.send(what, patient ? nanoseconds(0) : s.random.between(milliseconds(100), seconds(20)));
    if (s.random.chance(0.5)) s.world.run_for(s.random.between(nanoseconds(0), seconds(1)));
    if (!breaks) continue;
    if (s.random.chance(0.05)) s.world.network().break_all(place);
    if (s.random.chance(0.03)) {
      s.world.network().cut(place);
      s.world.later(s.random.between(nanoseconds(0), seconds(30)),
                    [&s] { s.world.network().heal(place); });
    }
    if (s.random.chance(0.03)) {  // the server goes and comes back
      s.answers.forget();
      s.server.reset();
      s.world.run_for(s.random.between(nanoseconds(0), seconds(10)));
      s.listen();
    }
  }
  EXPECT_TRUE(s.world.run_until([&] { return s.open == 0; }, std::chrono::minutes(10)))
      << s.open << " requests never ended";
}

void check(stage& s) {
  for (std::size_t i = 0; i < s.all.size(); ++i) {
    const stage::asked& a = s.all[i];
    EXPECT_EQ(a.answers, 1);
    const int served = s.answers.served[static_cast<int>(i)];
    EXPECT_LE(served, s.how == weather::rough && !s.grpc ? 2 : 1) << "request " << i;
    if (a.what == outcome::kind::unreachable || a.what == outcome::kind::refused_stream) {
      EXPECT_EQ(served, 0) << "request " << i << " was said not to have been processed";
    }
    if (a.ok) {
      EXPECT_GE(served, 1);
    }
    if (s.how == weather::rough) continue;
    const bool wants_answer = a.body[0] == 'a' || a.body[0] == 'l';
    EXPECT_EQ(a.ok, wants_answer) << "request " << i << " of kind " << a.body[0] << " ended as "
                                  << static_cast<int>(a.what) << ", " << a.http_status << " "
                                  << name_of(a.code) << ": " << a.message;
  }
}

std::uint64_t live(std::uint64_t seed) {
  stage s(seed);
  load(s);
  check(s);
  // Trouble passes: requests succeed again, after the longest pause between attempts at most.
  s.world.network().set({});
  s.world.network().heal(place);
  s.world.run_for(seconds(30));
  const std::size_t before = s.all.size();
  for (int i = 0; i < 3; ++i) {
    s.send('a', seconds(30));
    // A connection that vanished unnoticed costs its requests their time-out, then a new one is
    // made.
    EXPECT_TRUE(s.world.run_until([&] { return s.open == 0; }, std::chrono::minutes(10)));
  }
  EXPECT_TRUE(std::any_of(s.all.begin() + static_cast<std::ptrdiff_t>(before), s.all.end(),
                          [](const auto& a) { return a.ok; }))
      << "nothing succeeds though all trouble has passed";
  s.client.reset();
  s.answers.forget();
  s.server->drain();
  EXPECT_TRUE(s.world.run_until([&] { return s.server->drained(); }, std::chrono::minutes(10)));
  s.close();
  EXPECT_EQ(s.world.network().links(), 0u);
  EXPECT_FALSE(s.world.stuck());
  const std::uint64_t hash = s.world.trace().hash();
  s.world.remove_shard(s.client_shard);
  s.world.remove_shard(s.server_shard);
  EXPECT_EQ(s.limits.used(), 0u) << "memory that did not come home";
  return hash;
}

TEST(SimNetTest, RequestsEndOnceInTimeAndAsTheyWereAnswered) {
  over_seeds(1000, live);
}

// What the seeds above have found, on its own.

TEST(SimNetTest, ARequestThatMayHaveBeenSeenIsNotCalledUnreachable) {
  stage s(1, sim_random(1), weather::calm, false);
  s.send('a', nanoseconds(0), 10);
  ASSERT_TRUE(s.world.run_until([&] { return s.open == 0; }, seconds(10)));
  s.world.run_for(seconds(1));
  s.send('n', nanoseconds(0), 10);  // on a connection that was idle: it would be sent again
  ASSERT_TRUE(s.world.run_until([&] { return s.answers.served[1] == 1; }, seconds(10)));
  s.server.reset();  // and nobody listens any more
  ASSERT_TRUE(s.world.run_until([&] { return s.open == 0; }, seconds(60)));
  EXPECT_EQ(s.all[1].what, outcome::kind::disconnected);
}

TEST(SimNetTest, AConnectionThatIsOnlySlowIsNotGivenUpForOneLateAnswer) {
  stage s(1, sim_random(1), weather::calm, true);
  network_profile narrow;
  narrow.latency_min = narrow.latency_max = milliseconds(50);
  narrow.send_buffer_min = narrow.send_buffer_max = 2_KiB;
  narrow.receive_buffer_min = narrow.receive_buffer_max = 4_KiB;
  s.world.network().set(narrow);
  s.send('n', seconds(3), 10);
  s.send('a', nanoseconds(0), 600'000);  // half a minute
  ASSERT_TRUE(s.world.run_until([&] { return s.open == 0; }, minutes(5)));
  EXPECT_EQ(s.all[0].what, outcome::kind::timed_out);
  EXPECT_TRUE(s.all[1].ok) << s.all[1].message;
}

}  // namespace
}  // namespace sluice::sim
