// What must hold of the gRPC client: every request has exactly one outcome, which says what is
// known; bodies go out without a copy and arrive unchanged; requests wait their turn, and end with
// their client and their server.
//
// Method: our own server for what is right. Peers that misbehave are grpc_call_test.cc and
// grpc_connection_test.cc.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/net/grpc_client_for_tests.h"
#include "zc/wire/grpc/framing.h"

namespace zc::net {
namespace {

using GrpcClientTest = grpc_client_fixture;

TEST_F(GrpcClientTest, ARequestIsAnsweredWithTheMessage) {
  how.fields = {{"tenant", "blue"}};
  how.user_agent = "tester/1";
  server_how.keep_metadata = true;
  start();
  outcome& o = ask(random_bytes(3'600, 1));
  EXPECT_EQ(o.what, kind::answered);
  EXPECT_EQ(o.grpc, grpc::code::ok);
  EXPECT_EQ(o.http_status, 200);
  EXPECT_EQ(o.body, bytes_chain(random_bytes(3'600, 1)));
  EXPECT_TRUE(client_->connected());
  EXPECT_EQ(client_->pending(), 0u);
  const request_head& h = service.last_head;
  EXPECT_EQ(h.path, "/test.Service/Call");
  ASSERT_TRUE(h.timeout);
  EXPECT_GT(*h.timeout, 10s);
  EXPECT_LE(*h.timeout, 20s);
  EXPECT_EQ(h.metadata.back(), (std::pair<std::string, std::string>{"tenant", "blue"}));
}

TEST_F(GrpcClientTest, AnEmptyMessageIsAMessage) {
  start();
  outcome& o = ask({}, 0s);
  EXPECT_EQ(o.grpc, grpc::code::ok);
  EXPECT_TRUE(o.body.empty());
  EXPECT_EQ(service.served, 1);
  EXPECT_FALSE(service.last_head.timeout);
}

TEST_F(GrpcClientTest, TheCodingTravelsWithTheMessage) {
  start();
  send(random_bytes(100, 1), 20s, coding::zstd);
  until([&] { return came == 1; });
  EXPECT_EQ(service.last_head.body_coding, coding::zstd);
  EXPECT_EQ(outcomes[0]->grpc, grpc::code::ok);
}

TEST_F(GrpcClientTest, ThousandsOfSmallRequestsAreAllAnsweredWithTheirOwnBytes) {
  start();
  constexpr std::size_t total = 5'000;
  std::size_t sent = 0;
  until([&] {
    while (sent < total && client_->pending() < client_->capacity()) {
      send(random_bytes(1 + sent % 4'000, static_cast<unsigned>(sent)));
      sent += 1;
    }
    return came == total;
  });
  for (std::size_t i = 0; i < total; ++i) {
    ASSERT_EQ(outcomes[i]->grpc, grpc::code::ok) << outcomes[i]->message;
    ASSERT_EQ(outcomes[i]->body, bytes_chain(random_bytes(1 + i % 4'000, static_cast<unsigned>(i))))
        << i;
  }
  EXPECT_EQ(server_->statistics().accepted, 1u);
}

TEST_F(GrpcClientTest, LargeMessagesArriveUnchangedAndNothingIsCopied) {
  start();
  ask(bytes::from_static("warm"));
  std::vector<bytes> bodies;
  for (unsigned i = 0; i < 24; ++i) bodies.push_back(random_bytes(1_MiB + i * 1'000, i));
  const ledger::totals before = ledger::read();
  for (const bytes& b : bodies) send(b);
  until([&] { return came == 25; });
  const ledger::totals after = ledger::read();
  std::size_t sum = 0;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(outcomes[i + 1]->body, bytes_chain(bodies[i])) << i;
    sum += bodies[i].size();
  }
  EXPECT_EQ(after.copied() - before.copied(), 0u);
  EXPECT_EQ(after.forwarded - before.forwarded, sum);
  EXPECT_EQ(after.received - before.received, sum + bodies.size() * grpc::prefix_bytes);
}

TEST_F(GrpcClientTest, ABodyOfManyPiecesIsSentByReference) {
  start();
  ask(bytes::from_static("warm"));
  const bytes source = random_bytes(200'000, 7);
  bytes_chain scattered;
  std::string expected;
  for (std::size_t i = 0; i < 1'000; ++i) {
    const bytes piece = source.slice((i * 7'919) % 199'000, 100 + i % 300);
    expected += piece.text();
    scattered.append(piece);
  }
  const std::uint64_t copied = ledger::read().copied();
  outcome& o = ask(scattered);
  EXPECT_EQ(text_of(o.body), expected);
  EXPECT_EQ(scattered.size(), expected.size());  // the caller's own is as it was
  EXPECT_EQ(ledger::read().copied(), copied);
}

TEST_F(GrpcClientTest, RefusalsBringTheirCodeMessageAndDelay) {
  grpc::status busy;
  busy.grpc = grpc::code::unavailable;
  busy.http = 503;
  busy.message = "b\xc3\xbcsy % now";
  busy.retry_after = 1'250ms;
  service.refuse = [&busy](request_head&) { return std::optional(busy); };
  start();
  outcome& o = ask(random_bytes(5'000, 1));
  EXPECT_EQ(o.what, kind::answered);
  EXPECT_EQ(o.grpc, grpc::code::unavailable);
  EXPECT_EQ(o.message, busy.message);
  EXPECT_EQ(o.retry_after, 1'250ms);
  busy.retry_after.reset();
  EXPECT_FALSE(ask(random_bytes(10, 1)).retry_after);
}

TEST_F(GrpcClientTest, AnEarlyRefusalStopsALargeUpload) {
  server_how.message_bytes_max = 1_MiB;
  start();
  outcome& o = ask(random_bytes(60'000'000, 1));
  EXPECT_EQ(o.grpc, grpc::code::resource_exhausted);
  EXPECT_FALSE(o.retry_after);
  EXPECT_LT(server_->statistics().bytes_received, 50'000'000u);
  service.hold = false;
  EXPECT_EQ(ask(random_bytes(500'000, 2)).grpc, grpc::code::ok);
  EXPECT_EQ(server_->statistics().accepted, 1u);
}

TEST_F(GrpcClientTest, ATimeoutEndsTheRequestHereAndThere) {
  service.hold = true;
  start();
  outcome& o = ask(random_bytes(10, 1), 50ms);
  EXPECT_EQ(o.what, kind::timed_out);
  until([&] { return service.held.at(0).first->client_gone(); });
  service.answer_held();
  service.hold = false;
  EXPECT_EQ(ask(random_bytes(10, 1)).grpc, grpc::code::ok);
}

TEST_F(GrpcClientTest, RequestsBeyondTheLimitWaitTheirTurn) {
  how.requests_max = 8;
  how.connections_max = 4;
  server_how.streams_max = 2;
  service.hold = true;
  start();
  for (unsigned i = 0; i < 32; ++i) send(random_bytes(10, i));
  EXPECT_EQ(client_->pending(), 32u);
  until([&] { return service.held.size() >= 8; });
  for (int i = 0; i < 50; ++i) on.run_turn(1ms);
  EXPECT_LE(server_->statistics().accepted, 4u);
  until([&] {
    service.answer_held();
    return came == 32;
  });
  // Before the server's SETTINGS a client may use more streams than it will be allowed: those are
  // refused, safely.
  for (auto& o : outcomes) {
    EXPECT_TRUE(o->what == kind::refused_stream || o->grpc == grpc::code::ok ||
                o->what == kind::disconnected)
        << o->message;
  }
}

TEST_F(GrpcClientTest, DestroyingTheClientCancelsWhatIsUnderWay) {
  service.hold = true;
  how.requests_max = 10;
  start();
  for (unsigned i = 0; i < 10; ++i) send(random_bytes(2'000'000, i));
  until([&] { return service.admitted > 0; });
  client_.reset();
  EXPECT_EQ(came, 10u);
  for (auto& o : outcomes) EXPECT_EQ(o->what, kind::cancelled);
  until([&] { return server_->statistics().open == 0; });
}

TEST_F(GrpcClientTest, AnOutcomeMayDestroyTheClient) {
  start();
  bool done = false;
  client_->send({"/a/b", {}, coding::identity, random_bytes(10, 1), 0s}, [&](outcome&& o) {
    EXPECT_EQ(o.grpc, grpc::code::ok);
    client_.reset();
    done = true;
  });
  int others = 0;
  for (int i = 0; i < 5; ++i) {
    client_->send({"/a/b", {}, coding::identity, random_bytes(10, 1), 0s},
                  [&](outcome&&) { others += 1; });
  }
  until([&] { return done; });
  EXPECT_EQ(others, 5);
}

TEST_F(GrpcClientTest, AnOutcomeMaySendTheNextRequest) {
  start();
  int rounds = 0;
  std::function<void()> next = [&] {
    client_->send({"/a/b", {}, coding::identity, random_bytes(10, 1), 0s}, [&](outcome&& o) {
      EXPECT_EQ(o.grpc, grpc::code::ok);
      if (++rounds < 500) next();
    });
  };
  next();
  until([&] { return rounds == 500; });
}

TEST_F(GrpcClientTest, WhereNobodyListensRequestsEndAsUnreachableAndLaterOnesTryAgain) {
  listen();
  server_.reset();
  client_ = client::grpc(on, how);
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::unreachable);
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::unreachable);  // at once, while backing off
  server_how.at = how.to;
  listen();
  until([&] { return ask(random_bytes(10, 1)).what == kind::answered; });
}

TEST_F(GrpcClientTest, ADrainUnderLoadLosesNothing) {
  start();
  ask(random_bytes(10, 0));
  service.hold = true;
  for (unsigned i = 0; i < 200; ++i) send(random_bytes(20'000, i));
  until([&] { return service.held.size() == 200; });
  server_->drain();
  for (int i = 0; i < 20; ++i) on.run_turn(1ms);
  service.answer_held();
  until([&] { return came == 201 && server_->drained(); });
  for (auto& o : outcomes) EXPECT_EQ(o->grpc, grpc::code::ok);
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::unreachable);
}

TEST_F(GrpcClientTest, ADrainWhileRequestsKeepComingLosesNoneThatWasTaken) {
  start();
  std::size_t sent = 0;
  const auto push = [&] {
    while (client_->pending() < 64 && sent < 3'000) {
      send(random_bytes(3'000, static_cast<unsigned>(sent)));
      sent += 1;
    }
  };
  until([&] {
    push();
    return came > 500;
  });
  server_->drain();
  until([&] {
    push();
    return came == 3'000 && server_->drained();
  });
  std::size_t ok = 0;
  for (auto& o : outcomes) {
    if (o->what == kind::answered) {
      EXPECT_EQ(o->grpc, grpc::code::ok);
      ok += 1;
    } else {
      EXPECT_TRUE(o->what == kind::unreachable || o->what == kind::refused_stream) << o->message;
    }
  }
  EXPECT_EQ(ok, static_cast<std::size_t>(
                    service.served));  // none was processed whose client does not know it
}

class TightMemory : public grpc_client_fixture {
 public:
  TightMemory() : grpc_client_fixture(8_MiB) { server_how.admission_wait = 50ms; }
};

TEST_F(TightMemory, AFullQuotaIsRefusedWithADelayAndRecovers) {
  service.hold = true;
  start();
  for (unsigned i = 0; i < 300; ++i) send(random_bytes(100'000, i));
  until([&] { return came > 0 && came + service.held.size() == 300; });
  EXPECT_LE(limits.used(), limits.limit() + 2_MiB);  // what is drained may overdraw by little
  EXPECT_GT(service.held.size(), 10u);
  for (auto& o : outcomes) {
    if (!o) continue;
    EXPECT_EQ(o->grpc, grpc::code::unavailable) << o->message;
    EXPECT_TRUE(o->retry_after);
  }
  EXPECT_GT(server_->statistics().refused_memory, 0u);
  service.answer_held();
  until([&] { return came == 300; });
  service.hold = false;
  for (auto& o : outcomes) o->body.clear();
  until([&] {
    outcome& o = ask(random_bytes(1'000, 1));
    o.body.clear();
    return o.grpc == grpc::code::ok;
  });
  for (unsigned i = 0; i < 20; ++i) {
    outcome& o = ask(random_bytes(100'000, i));
    EXPECT_EQ(o.grpc, grpc::code::ok) << o.message;
    o.body.clear();
  }
}

}  // namespace
}  // namespace zc::net
