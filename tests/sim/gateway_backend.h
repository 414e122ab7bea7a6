// tests/sim/gateway_backend.h - a backend with moods, for the scenarios of the whole gateway: it
// refuses, throttles, stalls, answers late, twice, in part or never, and keeps books of what it
// took.
//
// Every record carries the number of its request and its own, so that the books can be compared
// with those of the clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/app/shard_graph.h"
#include "tests/sim/seeds.h"
#include "zc/net/server.h"
#include "zc/wire/coding/coder.h"

namespace sluice::sim {

struct item {
  int request;
  int number;
};

// What the records of a request are named for: "@@000123:7." is the seventh of request 123.
std::string tag_of(int request);
std::vector<item> items_in(std::string_view text);

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

  static mood draw(sim_random& r);
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

  void open();
  void close();
  const zc::endpoint& at() const noexcept { return at_; }

  std::optional<zc::grpc::status> admit(zc::net::request_head&) override { return std::nullopt; }

  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override;

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

  static void answer(zc::net::exchange& to, bool partial);
  void keep(std::unique_ptr<zc::net::exchange> request);
  void answer_later(std::unique_ptr<zc::net::exchange> request);
  void refuse(zc::net::exchange& to, const std::vector<item>& items, zc::grpc::code code, int http,
              double hinted);
  // Who was asked to wait does. What a client sent twice is two requests, which know nothing of
  // each other.
  void look_at_patience(const std::vector<item>& items);

  zc::shard& on_;
  sim_world& world_;
  sim_random random_;
  const zc::endpoint at_;
  zc::coder coder_;
  std::unique_ptr<zc::net::server> server_;
  std::deque<std::unique_ptr<held>> kept_;  // as many as the gateway sends
  std::map<int, time_point> not_before_;    // by request
};

}  // namespace sluice::sim
