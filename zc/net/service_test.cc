// What must hold of bodies that are watched while they arrive: the watcher sees every byte that the
// service gets, in order and once, whatever the protocol and however the body is cut; short ones
// and those of unknown length are nobody's to watch; one that breaks off takes its watcher with it.
//
// Method: a server on a loopback port; HTTP/1.1 written by hand, gRPC by our client. Plain requests
// over HTTP/2 are in http2_session_test.cc.
#include "zc/net/service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/net/client.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;

class watching_service final : public service {
 public:
  struct diary final : body_watcher {
    explicit diary(watching_service& to) : home(to) { home.watchers += 1; }
    ~diary() override { home.watchers -= 1; }
    void on_piece(std::span<const std::byte> arrived) noexcept override {
      shown.append(reinterpret_cast<const char*>(arrived.data()), arrived.size());
      pieces += 1;
    }
    watching_service& home;
    std::string shown;
    int pieces = 0;
  };

  std::optional<grpc::status> admit(request_head&) override { return std::nullopt; }
  std::unique_ptr<body_watcher> watch(const request_head& head) override {
    asked.push_back(head.path);
    return declines ? nullptr : std::make_unique<diary>(*this);
  }
  void serve(std::unique_ptr<exchange> request, bytes_chain body) override {
    served += 1;
    last_body.clear();
    for (const bytes& piece : body) last_body += piece.text();
    const auto* seen = static_cast<diary*>(request->watcher());
    was_watched = seen != nullptr;
    last_shown = was_watched ? seen->shown : "";
    last_pieces = was_watched ? seen->pieces : 0;
    request->answer({});
  }

  bool declines = false;
  int watchers = 0;  // alive
  int served = 0;
  std::vector<std::string> asked;
  bool was_watched = false;
  std::string last_body;
  std::string last_shown;
  int last_pieces = 0;
};

class BodyWatcherTest : public ::testing::Test {
 protected:
  void start(std::size_t memory_of_a_message = 64_MiB) {
    server_options how;
    how.at = any_port();
    how.message_bytes_max = memory_of_a_message;
    auto made = server::listen(l.on, how, watching);
    ASSERT_TRUE(made.has_value());
    s = std::move(*made);
    p = std::make_unique<raw_peer>(l, s->local());
  }
  void serve_http(std::string_view request) {
    const int before = watching.served;
    p->send(std::string(request));
    ASSERT_TRUE(l.run_until([&] { return watching.served > before; }, 5s));
  }
  void serve_grpc(std::string_view body) {
    client_options how;
    how.to = s->local();
    const auto calls = client::grpc(l.on, how);
    bool answered = false;
    calls->send({"/test.Service/Call", {}, coding::identity, bytes_chain(bytes::copy_of(body)), 5s},
                [&](outcome&& o) {
                  answered = true;
                  EXPECT_EQ(o.grpc, grpc::code::ok) << o.message;
                });
    ASSERT_TRUE(l.run_until([&] { return answered; }, 5s));
  }
  void expect_watched(const std::string& body) {
    EXPECT_EQ(watching.last_body, body);
    EXPECT_EQ(watching.last_shown, body);
    EXPECT_EQ(watching.watchers, 0);  // the answer was the end of it
  }

  loop l;
  watching_service watching;
  std::unique_ptr<server> s;
  std::unique_ptr<raw_peer> p;
};

TEST_F(BodyWatcherTest, SeesBodiesOfHttp1AsTheyCome) {
  start();
  for (const std::size_t size : {std::size_t{watched_bytes_min}, 100_KiB, 3_MiB}) {
    const std::string body = noise(size);
    ASSERT_NO_FATAL_FAILURE(serve_http(post(body)));
    expect_watched(body);
  }
  EXPECT_EQ(watching.asked, std::vector<std::string>(3, "/v1/logs"));
}

TEST_F(BodyWatcherTest, SeesAPieceWhenItComes) {
  start();
  const std::string body = noise(64_KiB);
  const std::string request = post(body);
  for (std::size_t at = 0; at < request.size(); at += 10'000) {
    p->send(request.substr(at, 10'000));
    ASSERT_TRUE(l.run_until([&] { return p->all_sent(); }, 5s));
    l.run_for(1ms);
  }
  ASSERT_TRUE(l.run_until([&] { return watching.served == 1; }, 5s));
  expect_watched(body);
  EXPECT_GE(watching.last_pieces, 6);  // not all of them at the end
}

TEST_F(BodyWatcherTest, SeesMessagesOfGrpcWithoutTheirPrefix) {
  start();
  for (const std::size_t size : {std::size_t{watched_bytes_min}, 100_KiB, 3_MiB}) {
    const std::string body = noise(size);
    ASSERT_NO_FATAL_FAILURE(serve_grpc(body));
    expect_watched(body);
  }
  EXPECT_GE(watching.last_pieces, 10);  // of 3 MiB: not all of them at the end
  EXPECT_EQ(watching.asked, std::vector<std::string>(3, "/test.Service/Call"));
}

TEST_F(BodyWatcherTest, NobodyIsAskedToWatchShortBodiesOrThoseOfUnknownLength) {
  start();
  const std::string brief = noise(watched_bytes_min - 1);
  ASSERT_NO_FATAL_FAILURE(serve_http(post(brief)));
  EXPECT_EQ(watching.last_body, brief);
  ASSERT_NO_FATAL_FAILURE(serve_grpc(brief));
  EXPECT_EQ(watching.last_body, brief);
  ASSERT_NO_FATAL_FAILURE(serve_grpc(""));
  const std::string body = noise(40'000);
  ASSERT_NO_FATAL_FAILURE(serve_http(
      "POST /v1/logs HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n" + body +
      "\r\n0\r\n\r\n"));
  EXPECT_EQ(watching.last_body, body);
  EXPECT_TRUE(watching.asked.empty());
  EXPECT_FALSE(watching.was_watched);
}

TEST_F(BodyWatcherTest, AServiceMayDecline) {
  start();
  watching.declines = true;
  const std::string body = noise(100_KiB);
  ASSERT_NO_FATAL_FAILURE(serve_http(post(body)));
  EXPECT_EQ(watching.last_body, body);
  ASSERT_NO_FATAL_FAILURE(serve_grpc(body));
  EXPECT_EQ(watching.last_body, body);
  EXPECT_EQ(watching.asked.size(), 2u);  // once per request
  EXPECT_FALSE(watching.was_watched);
}

TEST_F(BodyWatcherTest, GoesWithABodyThatBreaksOff) {
  start();
  p->send(post(noise(100_KiB)).substr(0, 50'000));
  ASSERT_TRUE(l.run_until([&] { return watching.watchers == 1; }, 5s));
  p.reset();
  EXPECT_TRUE(l.run_until([&] { return watching.watchers == 0; }, 5s));
  EXPECT_EQ(watching.served, 0);
}

}  // namespace
}  // namespace zc::net
