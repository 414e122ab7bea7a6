// What must hold of a small gRPC request's way through this room: in the steady state it asks
// operator new for the path of its head on the server's side, and for nothing else, neither there
// nor in the client; and no payload is copied.
//
// Method: our server and our client on one shard over loopback, all allocations of the thread
// counted. The service answers at once with nothing, the request's body is shared.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/net/client.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"
#include "zc/testing/allocations.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;

struct taker final : service {
  std::optional<grpc::status> admit(request_head&) override { return std::nullopt; }
  void serve(std::unique_ptr<exchange> request, bytes_chain) override { request->answer({}); }
};

TEST(GrpcMemoryTest, ASmallRequestCostsOneAllocation) {
  if (!testing::allocations_are_counted) GTEST_SKIP() << "this build brings its own operator new";
  loop l;
  taker served;
  server_options how;
  how.at = any_port();
  auto listening = server::listen(l.on, how, served);
  ASSERT_TRUE(listening);
  client_options to;
  to.to = (*listening)->local();
  const auto client = client::grpc(l.on, to);
  const bytes body = bytes::from_string(noise(4'000));

  std::size_t came = 0;
  const auto send = [&](std::size_t n) {
    const std::size_t wanted = came + n;
    for (std::size_t sent = 0; came < wanted;) {
      for (; sent < n && client->pending() < 64; ++sent) {
        client->send({"/opentelemetry.proto.collector.logs.v1.LogsService/Export",
                      {},
                      coding::identity,
                      body,
                      5s},
                     [&came](outcome&& o) { came += o.grpc == grpc::code::ok; });
      }
      l.on.run_turn(1ms);
    }
  };
  send(2'000);  // connects, and fills the free lists
  const testing::allocated before = testing::allocations();
  const std::uint64_t copied = ledger::read().copied();
  constexpr std::size_t requests = 2'000;
  send(requests);
  const auto times = testing::allocations().times - before.times;
  RecordProperty("allocations_per_1000_requests", static_cast<int>(times * 1'000 / requests));
  // One for the path; the rest are blocks and lists that many requests share.
  EXPECT_LE(times, requests * 5 / 4) << "per request: " << static_cast<double>(times) / requests;
  EXPECT_EQ(ledger::read().copied(), copied);
}

}  // namespace
}  // namespace zc::net
