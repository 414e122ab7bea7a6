// What must hold of a sink before bodies that no load would send: what cannot be read is answered
// as a client's fault and counted as such, JSON is taken unread, and what is no OTLP service is
// refused.
#include "gate/rig/sink.h"

#include <future>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "gate/rig/generate.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/quota.h"
#include "zc/net/client.h"
#include "zc/shard/clock.h"
#include "zc/shard/shard.h"
#include "zc/wire/coding/coder.h"

namespace sluice::rig {
namespace {

using namespace std::chrono_literals;

class SinkTest : public ::testing::TestWithParam<scrutiny> {
 protected:
  SinkTest() : shard_({}, zc::io::make_epoll_poller(), limits_, time_) {
    sink_options how;
    how.http = zc::endpoint{"127.0.0.1", 0, ""};
    how.look = GetParam();
    how.quiet = true;
    how.inflated_bytes_max = 1_MiB;
    std::promise<sink_listening> open;
    auto opened = open.get_future();
    how.on_listening = [&](const sink_listening& l) { open.set_value(l); };
    ended_ = std::async(std::launch::async, [this, how] { return sink(how, stop_); });
    zc::net::client_options to;
    to.to = *opened.get().http;
    client_ = zc::net::client::http1(shard_, to);
  }
  ~SinkTest() override {
    client_.reset();
    stop_ = true;
  }

  int post(std::string_view path, std::string_view type, zc::bytes_chain body,
           zc::coding coding = zc::coding::identity) {
    std::optional<int> status;
    zc::net::client_request r;
    r.path = path;
    r.content_type = type;
    r.body_coding = coding;
    r.body = std::move(body);
    r.timeout = 5s;
    client_->send(std::move(r), [&](zc::net::outcome&& o) { status = o.http_status; });
    while (!status) shard_.run_turn(10ms);
    return *status;
  }
  int post(std::string_view path, std::string_view body, zc::coding coding = zc::coding::identity) {
    return post(path, "application/x-protobuf", zc::bytes_chain(zc::bytes::copy_of(body)), coding);
  }
  sink_report end() {
    stop_ = true;
    auto report = ended_.get();
    EXPECT_TRUE(report.has_value());
    return std::move(*report);
  }

  zc::quota limits_{1_GiB};
  zc::steady_clock time_;
  zc::shard shard_;
  std::unique_ptr<zc::net::client> client_;
  std::atomic<bool> stop_{false};
  std::future<zc::result<sink_report>> ended_;
};

TEST_P(SinkTest, WhatCannotBeReadIsTheClientsFault) {
  const bool looks = GetParam() != scrutiny::none;
  EXPECT_EQ(post("/v1/traces", "\x0a\xff not protobuf"), looks ? 400 : 200);
  EXPECT_EQ(post("/v1/logs", "not gzip at all", zc::coding::gzip), looks ? 400 : 200);
  const sink_totals t = end().totals();
  EXPECT_EQ(t.requests, 2u);
  EXPECT_EQ(t.malformed, looks ? 2u : 0u);
  EXPECT_EQ(t.taken, looks ? 0u : 2u);
  EXPECT_EQ(t.items, 0u);
}

TEST_P(SinkTest, AFaultAtTheEndLeavesNothingCounted) {
  const auto g = generator::make({otlp::signal::logs, 20, 0, 1, 1});
  zc::pool memory(limits_);
  zc::bytes_chain body(*g->at(0).stamped({{3, 1, 0}, 1, 1}, memory));
  body.append(zc::bytes::copy_of(std::string_view("\x0a\x7f")));
  EXPECT_EQ(post("/v1/logs", "application/x-protobuf", std::move(body)),
            GetParam() == scrutiny::none ? 200 : 400);
  const sink_report r = end();
  EXPECT_EQ(r.totals().items, 0u);
  EXPECT_EQ(r.received.distinct(), 0u);
}

TEST_P(SinkTest, ABombIsNotInflatedBeyondTheLimit) {
  if (GetParam() == scrutiny::none) GTEST_SKIP() << "nothing is inflated";
  zc::pool memory(limits_);
  zc::coder coder;
  const std::string zeros(8_MiB, '\0');
  const auto bomb =
      coder.deflate(zc::bytes_chain(zc::bytes::copy_of(zeros)), zc::coding::gzip, 6, memory);
  ASSERT_TRUE(bomb.has_value());
  EXPECT_EQ(post("/v1/traces", "application/x-protobuf", *bomb, zc::coding::gzip), 400);
  EXPECT_EQ(end().totals().malformed, 1u);
}

TEST_P(SinkTest, JsonIsTakenUnread) {
  EXPECT_EQ(post("/v1/metrics", "application/json", zc::bytes_chain(zc::bytes::from_static("{}"))),
            200);
  EXPECT_EQ(post("/v1/metrics", "Application/JSON; charset=utf-8",
                 zc::bytes_chain(zc::bytes::from_static("{}"))),
            200);
  const sink_totals t = end().totals();
  EXPECT_EQ(t.json, 2u);
  EXPECT_EQ(t.taken, 2u);
}

TEST_P(SinkTest, WhatIsNoServiceIsRefused) {
  EXPECT_EQ(post("/v1/spans", ""), 404);
  EXPECT_EQ(post("/v1/traces", "text/plain", zc::bytes_chain(zc::bytes::from_static("x"))), 415);
  EXPECT_EQ(post("/v1/traces", ""), 200);  // an empty request is a good one
  EXPECT_EQ(end().totals().requests, 1u);
}

TEST_P(SinkTest, ProfilesAreCountedButNeverVerified) {
  // One ResourceProfiles without anything in it.
  EXPECT_EQ(post("/v1development/profiles", std::string_view("\x0a\x00", 2)), 200);
  const sink_report r = end();
  EXPECT_EQ(r.totals().taken, 1u);
  EXPECT_EQ(r.received.distinct(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Looks, SinkTest,
                         ::testing::Values(scrutiny::none, scrutiny::count, scrutiny::verify),
                         [](const auto& test) {
                           return test.param == scrutiny::none    ? "None"
                                  : test.param == scrutiny::count ? "Count"
                                                                  : "Verify";
                         });

}  // namespace
}  // namespace sluice::rig
