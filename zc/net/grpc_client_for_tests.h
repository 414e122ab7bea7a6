// zc/net/grpc_client_for_tests.h - the gRPC client, our own server for it to call, and a list of
// what came of each request. All on one shard over loopback, turned by hand. For tests of this
// room.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/units.h"
#include "zc/io/epoll_poller.h"
#include "zc/net/client.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"
#include "zc/shard/shard.h"

namespace zc::net {

using namespace std::chrono_literals;
using kind = outcome::kind;

inline bytes random_bytes(std::size_t n, unsigned seed) {
  return bytes::from_string(noise(n, seed));
}

class grpc_client_fixture : public ::testing::Test {
 public:
  explicit grpc_client_fixture(std::size_t quota_bytes = 1_GiB) : limits(quota_bytes) {
    server_how.at = *endpoint::parse("127.0.0.1:0");
    how.backoff_min = 20ms;
  }
  ~grpc_client_fixture() override {
    client_.reset();
    service.held.clear();
    server_.reset();
  }
  void listen() {
    auto made = server::listen(on, server_how, service);
    ASSERT_TRUE(made);
    server_ = std::move(*made);
    how.to = server_->local();
  }
  void start() {
    listen();
    client_ = client::grpc(on, how);
  }
  void until(const std::function<bool()>& done, std::chrono::milliseconds longest = 20s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) on.run_turn(1ms);
    ASSERT_TRUE(done());
  }
  // Sends; the outcome lands in outcomes[index].
  void send(bytes_chain body, nanoseconds timeout = 20s, coding c = coding::identity) {
    const std::size_t index = outcomes.size();
    outcomes.emplace_back();
    client_->send({"/test.Service/Call", {}, c, std::move(body), timeout},
                  [this, index](outcome&& o) {
                    EXPECT_FALSE(outcomes[index]);
                    outcomes[index] = std::move(o);
                    came += 1;
                  });
  }
  outcome& ask(bytes_chain body, nanoseconds timeout = 20s) {
    send(std::move(body), timeout);
    const std::size_t index = outcomes.size() - 1;
    until([&] { return outcomes[index].has_value(); });
    return *outcomes[index];
  }

  steady_clock time;
  quota limits;
  shard on{{}, io::make_epoll_poller(), limits, time};
  server_options server_how;
  client_options how;
  echo_service service;
  std::unique_ptr<server> server_;
  std::vector<std::optional<outcome>> outcomes;
  std::size_t came = 0;
  std::unique_ptr<client> client_;
};

}  // namespace zc::net
