// What must hold of a gRPC connection whose peer misbehaves: one that breaks, leaves, falls silent
// or is no gRPC server at all ends its own requests and no others, and is not called in a loop.
//
// Method: a peer that is scripted frame by frame (grpc_script_for_tests.h), and one that speaks
// something else.

#include "zc/net/grpc_connection.h"

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/net/grpc_script_for_tests.h"

namespace zc::net {
namespace {

using GrpcConnectionTest = scripted_peer;

TEST_F(GrpcConnectionTest, AConnectionThatBreaksEndsItsRequestsAndTheNextOneReconnects) {
  start_script();
  for (int i = 0; i < 5; ++i) send(random_bytes(100'000, 1));
  until([&] { return peers.size() == 1 && peers[0]->streams.size() == 5; });
  peers.clear();
  until([&] { return came == 5; });
  for (auto& o : outcomes) EXPECT_EQ(o->what, kind::disconnected);
  answer_with({ok, grpc_content, {"grpc-status", "3"}});
  EXPECT_EQ(ask(random_bytes(10, 1)).grpc, grpc::code::invalid_argument);
}

TEST_F(GrpcConnectionTest, AfterAGoawayOldStreamsEndAndNewOnesGoElsewhere) {
  start_script();
  send(random_bytes(10, 1));
  until([&] { return peers.size() == 1 && peers[0]->streams.size() == 1; });
  peers[0]->http.end_drain();
  peers[0]->push();
  send(random_bytes(10, 2));
  answer_with({ok, grpc_content, {"grpc-status", "3"}});
  // The second is refused by the old connection, or was never on it.
  until([&] { return outcomes[1].has_value() || peers.size() == 2; });
  outcome& third = ask(random_bytes(10, 3));
  EXPECT_EQ(third.grpc, grpc::code::invalid_argument);
  EXPECT_EQ(peers.size(), 2u);
  EXPECT_FALSE(outcomes[0]);
  on_end(*peers[0]->streams[0]);
  peers[0]->push();
  until([&] { return outcomes[0].has_value() && outcomes[1].has_value(); });
  EXPECT_EQ(outcomes[0]->grpc, grpc::code::invalid_argument);
  EXPECT_TRUE(outcomes[1]->what == kind::refused_stream ||
              outcomes[1]->grpc == grpc::code::invalid_argument);
  until([&] { return peers[0]->gone; });
}

TEST_F(GrpcConnectionTest, NothingIsAskedBeforeTheServerHasSaidHowMuchItTakes) {
  few_streams = 2;
  on_end = [](scripted_stream& s) {
    EXPECT_LE(s.home.http.streams(), 2u);
    constexpr std::array<field, 3> done{ok, grpc_content, field{"grpc-status", "0"}};
    s.home.http.respond(s, done, {});
  };
  start_script();
  for (unsigned i = 0; i < 20; ++i) send(random_bytes(10, i));
  until([&] { return came == 20; });
  for (auto& o : outcomes) EXPECT_EQ(o->what, kind::answered);
}

TEST_F(GrpcConnectionTest, AConnectionThatHasFallenSilentIsGivenUpAfterATimeout) {
  how.connect_timeout = 50ms;  // also how long a sign of life may take
  start_script();
  on_end = [](scripted_stream&) {};
  send(random_bytes(10, 1), 60ms);
  until([&] { return !peers.empty() && !peers[0]->streams.empty(); });
  peers[0]->deaf = true;  // the machine is gone, and nobody says so
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::timed_out);
  send(random_bytes(10, 2), 0s);
  until([&] { return came == 2; });
  EXPECT_EQ(outcomes[1]->what, kind::disconnected);
  EXPECT_FALSE(client_->connected());
}

TEST_F(GrpcConnectionTest, ASlowServerThatStillAnswersPingsIsKept) {
  how.connect_timeout = 50ms;
  start_script();
  send(random_bytes(10, 1), 40ms);
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::timed_out);
  const auto end = time.now() + 100ms;
  until([&] { return time.now() > end; });
  EXPECT_TRUE(client_->connected());
  EXPECT_EQ(peers.size(), 1u);
}

// A proxy whose backends are away: it greets, and leaves.
TEST_F(GrpcConnectionTest, AServerThatLeavesAfterEveryGreetingIsNotCalledInALoop) {
  how.backoff_min = 100ms;
  leave_at_once = true;
  start_script();
  send(random_bytes(10, 1), 300ms);
  until([&] { return came == 1; });
  EXPECT_LE(peers.size(), 3u);
}

// A peer that speaks something else.
class stranger final : public link {
 public:
  stranger(shard& on, std::unique_ptr<stream> s, std::string_view says) : link(on) {
    attach(std::move(s));
    on.io().start(socket(), *this);
    out().append(bytes::from_static(says));
    send_later();
  }

 private:
  void on_bytes(bytes) override {}
  void on_end() override {}
  void on_lost(const error&) override {}
};

class StrangePeer : public grpc_client_fixture, private acceptor_events {
 public:
  ~StrangePeer() override {
    client_.reset();
    strangers.clear();
  }
  void start_strange(std::string_view says) {
    says_ = says;
    auto made = on.io().listen(*endpoint::parse("127.0.0.1:0"), {}, *this);
    ASSERT_TRUE(made);
    acceptor_ = std::move(*made);
    how.to = acceptor_->local();
    client_ = client::grpc(on, how);
  }
  std::vector<std::unique_ptr<stranger>> strangers;

 private:
  void on_accepted(std::unique_ptr<stream> s) override {
    strangers.push_back(std::make_unique<stranger>(on, std::move(s), says_));
  }
  std::string_view says_;
  std::unique_ptr<acceptor> acceptor_;
};

TEST_F(StrangePeer, ThatSpeaksHttp1IsAProtocolError) {
  start_strange("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::protocol_error);
}

TEST_F(StrangePeer, ThatSaysNothingIsLeftAfterTheConnectTimeout) {
  how.connect_timeout = 60ms;
  start_strange("");
  outcome& o = ask(random_bytes(10, 1), 0s);
  EXPECT_EQ(o.what, kind::unreachable);  // nothing was sent to who said nothing
  EXPECT_FALSE(client_->connected());
}

}  // namespace
}  // namespace zc::net
