// What must hold of the receiver: every request gets the answer that the OTLP specification asks
// for, on both transports; what goes on is what came; what the inspection learned goes with it.
#include "gate/pipeline/receivers/otlp_receiver.h"

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/base/ledger.h"
#include "zc/testing/expect_copies.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::coding;
using zc::grpc::code;
using zc::net::protocol;

// What a client would see.
struct seen {
  int answers = 0;
  std::optional<zc::net::reply> reply;
  std::optional<zc::grpc::status> status;
};

class fake_exchange final : public zc::net::exchange {
 public:
  fake_exchange(zc::net::request_head head, std::shared_ptr<seen> to)
      : head_(std::move(head)), to_(std::move(to)) {}
  const zc::net::request_head& head() const noexcept override { return head_; }
  void answer(zc::net::reply&& r) override {
    to_->answers += 1;
    to_->reply.emplace(std::move(r));
  }
  void refuse(const zc::grpc::status& why) override {
    to_->answers += 1;
    to_->status = why;
  }
  bool client_gone() const noexcept override { return false; }

 private:
  zc::net::request_head head_;
  std::shared_ptr<seen> to_;
};

struct OtlpReceiverTest : ::testing::Test {
  kit::workplace at;
  kit::catcher end;
  otlp_listener_settings how;
  otlp::inspect look = otlp::inspect::count;
  otlp_receiver::routes to{&end, &end, &end, nullptr};
  std::unique_ptr<otlp_receiver> node;

  void open() { node = std::make_unique<otlp_receiver>(at.context, "otlp", how, look, to); }

  static zc::net::request_head http(std::string path, coding as = coding::identity) {
    zc::net::request_head h;
    h.via = protocol::http1;
    h.method = "POST";
    h.path = std::move(path);
    h.content_type = "application/x-protobuf";
    h.body_coding = as;
    return h;
  }
  static zc::net::request_head grpc(signal s, coding as = coding::identity) {
    zc::net::request_head h;
    h.via = protocol::grpc;
    h.method = "POST";
    h.path = otlp::grpc_path(s);
    h.content_type = "application/grpc";
    h.body_coding = as;
    return h;
  }
  std::optional<zc::grpc::status> admit(zc::net::request_head h) {
    if (!node) open();
    return node->admit(h);
  }
  std::shared_ptr<seen> serve(zc::net::request_head h, zc::bytes_chain body) {
    if (!node) open();
    auto client = std::make_shared<seen>();
    if (auto no = node->admit(h)) {
      client->answers = 1;
      client->status = no;
      return client;
    }
    node->serve(std::make_unique<fake_exchange>(std::move(h), client), std::move(body));
    return client;
  }
  zc::bytes_chain gzip(std::string plain) {
    return kit::packed(at, kit::chain_of(std::move(plain)), coding::gzip);
  }
  receiver_metrics& counts(std::string_view transport = "http") {
    return at.counts.receiver("otlp", transport);
  }
};

TEST_F(OtlpReceiverTest, ForwardsWhatCameAndAnswersWithAnEmptyMessage) {
  const std::string body = kit::request_of(signal::traces, 3);
  const auto client = serve(http("/v1/traces"), kit::chain_of(body));
  ASSERT_TRUE(client->reply);
  EXPECT_EQ(client->answers, 1);
  EXPECT_EQ(client->reply->http_status, 200);
  EXPECT_EQ(client->reply->content_type, "application/x-protobuf");
  EXPECT_TRUE(client->reply->body.empty());
  ASSERT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(end.bodies[0], body);
  EXPECT_EQ(end.items[0], 3U);
  EXPECT_EQ(counts().of[signal::traces].accepted.read(), 3U);
  EXPECT_EQ(counts("grpc").of[signal::traces].accepted.read(), 0U);
}

TEST_F(OtlpReceiverTest, EverySignalHasItsPathOnBothTransports) {
  for (const signal s : {signal::traces, signal::metrics, signal::logs}) {
    EXPECT_TRUE(
        serve(http(std::string(otlp::http_path(s))), kit::chain_of(kit::request_of(s, 1)))->reply);
    EXPECT_TRUE(serve(grpc(s), kit::chain_of(kit::request_of(s, 1)))->reply);
  }
  EXPECT_EQ(end.bodies.size(), 6U);
  EXPECT_EQ(counts().of[signal::metrics].accepted.read(), 1U);  // data points
  EXPECT_EQ(counts("grpc").of[signal::logs].accepted.read(), 1U);
}

TEST_F(OtlpReceiverTest, UnknownPathsAreRefusedBeforeTheBody) {
  const auto http_status = admit(http("/v1/trace"));
  ASSERT_TRUE(http_status);
  EXPECT_EQ(http_status->http, 404);
  zc::net::request_head h = grpc(signal::traces);
  h.path = "/opentelemetry.proto.collector.trace.v1.TraceService/Import";
  EXPECT_EQ(admit(h)->grpc, code::unimplemented);
  h.path = "/v1/traces";  // an HTTP path over gRPC
  EXPECT_EQ(admit(h)->grpc, code::unimplemented);
  EXPECT_EQ(admit(http(std::string(otlp::grpc_path(signal::logs))))->http, 404);
}

TEST_F(OtlpReceiverTest, ASignalWithoutAPipelineIsAnUnknownPath) {
  to = {&end, nullptr, nullptr, nullptr};
  EXPECT_EQ(admit(http("/v1/logs"))->http, 404);
  EXPECT_EQ(admit(grpc(signal::metrics))->grpc, code::unimplemented);
  EXPECT_FALSE(admit(http("/v1/traces")));
}

TEST_F(OtlpReceiverTest, PathsCanBeMoved) {
  how.url_paths[signal::logs] = "/my/logs";
  EXPECT_FALSE(admit(http("/my/logs")));
  EXPECT_EQ(admit(http("/v1/logs"))->http, 404);
}

TEST_F(OtlpReceiverTest, OnlyPostIsAllowed) {
  zc::net::request_head h = http("/v1/logs");
  h.method = "GET";
  EXPECT_EQ(admit(h)->http, 405);
}

TEST_F(OtlpReceiverTest, MediaTypesIgnoreCaseAndParameters) {
  zc::net::request_head h = http("/v1/logs");
  for (const char* good :
       {"application/x-protobuf", "Application/X-Protobuf", "application/x-protobuf; charset=utf-8",
        " application/x-protobuf ;a=b"}) {
    h.content_type = good;
    EXPECT_FALSE(admit(h)) << good;
  }
  for (const char* bad : {"", "text/plain", "application/x-protobuf2", "application/protobuf"}) {
    h.content_type = bad;
    ASSERT_TRUE(admit(h)) << bad;
    EXPECT_EQ(admit(h)->http, 415);
  }
  h.content_type = "application/JSON; charset=utf-8";
  EXPECT_EQ(admit(h)->http, 415);
  EXPECT_NE(admit(h)->message.find("not supported yet"), std::string::npos);
}

TEST_F(OtlpReceiverTest, RequestsWithoutTelemetrySucceedAndAreNotPassedOn) {
  EXPECT_TRUE(serve(http("/v1/traces"), {})->reply);
  EXPECT_TRUE(serve(grpc(signal::logs), {})->reply);
  EXPECT_TRUE(serve(http("/v1/metrics", coding::gzip), gzip(""))->reply);
  EXPECT_TRUE(serve(http("/v1/logs"), kit::chain_of(kit::request_of(signal::logs, 0)))->reply);
  EXPECT_TRUE(end.bodies.empty());
  EXPECT_EQ(counts().empty.read() + counts("grpc").empty.read(), 4U);
}

TEST_F(OtlpReceiverTest, MetricsOfAnUnknownKindGoOnThoughTheyHaveNoPoints) {
  EXPECT_TRUE(
      serve(http("/v1/metrics"), kit::chain_of(kit::request_of(signal::metrics, 0)))->reply);
  EXPECT_EQ(end.bodies.size(), 1U);
}

TEST_F(OtlpReceiverTest, CompressedBodiesAreCountedAndForwardedCompressed) {
  const std::string plain = kit::request_of(signal::logs, 2'000);  // more than the scratch
  const zc::bytes_chain body = gzip(plain);
  end.holds = true;
  const auto client = serve(grpc(signal::logs, coding::gzip), body);
  ASSERT_EQ(end.items.size(), 1U);
  EXPECT_EQ(end.items[0], 2'000U);
  EXPECT_EQ(end.codings[0], coding::gzip);
  EXPECT_EQ(end.kept[0].what->received(), body);
  EXPECT_EQ(end.kept[0].what->parts(), 1U);
  EXPECT_EQ(end.kept[0].what->inflated_bytes(), plain.size());
  EXPECT_EQ(client->answers, 0);  // the pipeline has not decided
  EXPECT_EQ(node->waiting(), 1U);
  end.kept[0].done.succeed();
  EXPECT_TRUE(client->reply);
  EXPECT_EQ(node->waiting(), 0U);
}

TEST_F(OtlpReceiverTest, BodiesOfSeveralMembersAreMarked) {
  zc::bytes_chain two = gzip(kit::request_of(signal::logs, 2));
  two.append(gzip(kit::request_of(signal::logs, 3)));
  end.holds = true;
  const auto client = serve(http("/v1/logs", coding::gzip), two);
  ASSERT_EQ(end.kept.size(), 1U);
  EXPECT_EQ(end.items[0], 5U);
  EXPECT_EQ(end.kept[0].what->parts(), 2U);
  EXPECT_EQ(counts().multi_part.read(), 1U);
  end.kept.clear();
  EXPECT_EQ(client->answers, 1);
}

// Shows the body to the watcher as a server does, and serves it.
TEST_F(OtlpReceiverTest, LongBodiesAreCountedWhileTheyArrive) {
  open();
  const std::string body = kit::request_of(signal::logs, 300);
  for (const bool broken : {false, true}) {
    const auto head = grpc(signal::logs);
    auto watcher = node->watch(head);
    ASSERT_NE(watcher, nullptr);
    // What the watcher is shown decides: the body is not walked again.
    const std::string shown = broken ? body.substr(0, body.size() - 1) : body;
    for (std::size_t from = 0; from < shown.size(); from += 1'000) {
      const std::string piece = shown.substr(from, 1'000);
      watcher->on_piece(std::as_bytes(std::span(piece)));
    }
    auto client = std::make_shared<seen>();
    auto request = std::make_unique<fake_exchange>(head, client);
    request->watched_by(std::move(watcher));
    node->serve(std::move(request), kit::chain_of(body));
    EXPECT_EQ(client->reply.has_value(), !broken);
    EXPECT_EQ(client->status.has_value(), broken);
    if (broken) {
      EXPECT_EQ(client->status->grpc, code::invalid_argument);
    }
  }
  ASSERT_EQ(end.items.size(), 1U);
  EXPECT_EQ(end.items[0], 300U);
}

TEST_F(OtlpReceiverTest, OnlyWhatIsWalkedWhereItLiesIsWatched) {
  open();
  EXPECT_NE(node->watch(http("/v1/metrics")), nullptr);
  EXPECT_EQ(node->watch(http("/v1/metrics", coding::gzip)), nullptr);
  EXPECT_EQ(node->watch(grpc(signal::profiles)), nullptr);
  for (const otlp::inspect other : {otlp::inspect::none, otlp::inspect::full}) {
    node->set_inspect(other);
    EXPECT_EQ(node->watch(http("/v1/metrics")), nullptr);
  }
}

// A reload between the first byte and the last.
TEST_F(OtlpReceiverTest, ABodyThatIsValidatedAfterAllIsValidatedWhole) {
  open();
  auto watcher = node->watch(http("/v1/logs"));
  node->set_inspect(otlp::inspect::full);
  auto client = std::make_shared<seen>();
  auto request = std::make_unique<fake_exchange>(http("/v1/logs"), client);
  request->watched_by(std::move(watcher));  // was shown nothing
  node->serve(std::move(request), kit::chain_of(kit::request_of(signal::logs, 7)));
  ASSERT_EQ(end.items.size(), 1U);
  EXPECT_EQ(end.items[0], 7U);
}

TEST_F(OtlpReceiverTest, WhatIsNoOtlpIsInvalidArgument) {
  for (const std::string& bad : {std::string("\x0a\x7f"), std::string("hello, gateway")}) {
    const auto client = serve(http("/v1/traces"), kit::chain_of(bad));
    ASSERT_TRUE(client->status);
    EXPECT_EQ(client->status->grpc, code::invalid_argument);
    EXPECT_EQ(client->status->http, 400);
    EXPECT_FALSE(client->status->retry_after);
    const auto squeezed = serve(grpc(signal::traces, coding::gzip), gzip(bad));
    EXPECT_EQ(squeezed->status->grpc, code::invalid_argument);
  }
  EXPECT_EQ(counts().malformed.read(), 2U);
  EXPECT_TRUE(end.bodies.empty());
}

TEST_F(OtlpReceiverTest, WhatDoesNotInflateIsInternalOr400) {
  const auto client = serve(grpc(signal::traces, coding::gzip), kit::chain_of("not gzip"));
  ASSERT_TRUE(client->status);
  EXPECT_EQ(client->status->grpc, code::internal);
  EXPECT_EQ(client->status->http, 400);
  EXPECT_EQ(counts("grpc").corrupt.read(), 1U);
}

TEST_F(OtlpReceiverTest, WhatIsTooLargeInflatedIsRefusedForGood) {
  how.inflated_bytes_max = 1'000;
  const std::string plain = kit::request_of(signal::logs, 1, "b", 5'000);
  for (const auto look_at : {otlp::inspect::count, otlp::inspect::full}) {
    look = look_at;
    open();
    const auto client = serve(http("/v1/logs", coding::gzip), gzip(plain));
    ASSERT_TRUE(client->status);
    EXPECT_EQ(client->status->grpc, code::resource_exhausted);
    EXPECT_EQ(client->status->http, 413);
    EXPECT_FALSE(client->status->retry_after);
    EXPECT_EQ(serve(http("/v1/logs"), kit::chain_of(plain))->status->http, 413);
  }
}

TEST_F(OtlpReceiverTest, WithoutInspectionBodiesAreOpaque) {
  look = otlp::inspect::none;
  const auto client = serve(http("/v1/traces", coding::gzip), kit::chain_of("whatever"));
  EXPECT_TRUE(client->reply);
  ASSERT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(end.bodies[0], "whatever");
  EXPECT_EQ(counts().of[signal::traces].opaque.read(), 1U);
  EXPECT_EQ(counts().inspected.read(), 0U);
  EXPECT_EQ(at.counts.conversions.inflates.read(), 0U);
}

TEST_F(OtlpReceiverTest, ProfilesAreOpaque) {
  to[3] = &end;
  EXPECT_TRUE(serve(http("/v1development/profiles"), kit::chain_of("\x0a\x7f"))->reply);
  EXPECT_EQ(end.bodies.size(), 1U);
}

TEST_F(OtlpReceiverTest, FullInspectionInflatesOnceForAll) {
  look = otlp::inspect::full;
  end.holds = true;
  const std::string plain = kit::request_of(signal::logs, 4);
  serve(http("/v1/logs", coding::gzip), gzip(plain));
  ASSERT_EQ(end.kept.size(), 1U);
  EXPECT_EQ(end.items[0], 4U);
  const auto body = end.kept[0].what->identity(at.context.converting(zc::urgency::ordinary));
  ASSERT_TRUE(body);
  EXPECT_EQ(kit::text_of(**body), plain);
  EXPECT_EQ(at.counts.conversions.inflates.read(), 1U);
  EXPECT_EQ(end.codings[0], coding::gzip);
  end.kept.clear();
}

TEST_F(OtlpReceiverTest, FullInspectionReportsWhatIsOdd) {
  look = otlp::inspect::full;
  std::string out;
  zc::pb::string_writer w(out);
  w.message(1, [&] {
    w.message(2, [&] {
      w.message(2, [&] {
        w.text(1, "short id");
        w.text(5, "bad \xff utf8");
      });
    });
  });
  EXPECT_TRUE(serve(http("/v1/traces"), kit::chain_of(out))->reply);
  EXPECT_EQ(counts().bad_ids.read(), 1U);
  EXPECT_EQ(counts().bad_utf8.read(), 1U);
}

TEST_F(OtlpReceiverTest, RetryableRefusalsCarryAJitteredDelay) {
  end.answers = {verdict::retry("full")};
  zc::nanoseconds least = std::chrono::hours(1), most{0};
  for (int i = 0; i < 200; ++i) {
    const auto client = serve(grpc(signal::logs), kit::chain_of(kit::request_of(signal::logs, 2)));
    ASSERT_TRUE(client->status);
    EXPECT_EQ(client->status->grpc, code::unavailable);
    EXPECT_EQ(client->status->http, 503);
    ASSERT_TRUE(client->status->retry_after);
    least = std::min(least, *client->status->retry_after);
    most = std::max(most, *client->status->retry_after);
  }
  EXPECT_GE(least, milliseconds(750));
  EXPECT_LE(most, milliseconds(1'250));
  EXPECT_GT(most - least, milliseconds(300));
  EXPECT_EQ(counts("grpc").of[signal::logs].refused.read(), 400U);
}

TEST_F(OtlpReceiverTest, ADownstreamHintIsTheLeastDelay) {
  end.answers = {verdict::retry("full", std::chrono::seconds(7))};
  const auto client = serve(grpc(signal::logs), kit::chain_of(kit::request_of(signal::logs, 2)));
  EXPECT_GE(*client->status->retry_after, std::chrono::seconds(7));
}

TEST_F(OtlpReceiverTest, RefusalsForGoodGoThroughToTheClient) {
  end.answers = {verdict::refuse(code::permission_denied, 403, "no")};
  const auto client = serve(http("/v1/logs"), kit::chain_of(kit::request_of(signal::logs, 2)));
  EXPECT_EQ(client->status->http, 403);
  EXPECT_FALSE(client->status->retry_after);
  EXPECT_EQ(counts().of[signal::logs].refused.read(), 2U);
}

TEST_F(OtlpReceiverTest, WhatTheNextNodeInflatesAnywayIsInflatedOnceAndKept) {
  class inflating final : public consumer {
   public:
    explicit inflating(kit::workplace& in) : at(in) {}
    void consume(batch&& b) override {
      const auto plain = b.what->identity(at.context.converting(zc::urgency::ordinary));
      ASSERT_TRUE(plain);
      body = kit::text_of(**plain);
      items = b.what->items_or_zero();
      b.done.succeed();
    }
    bool inflates(coding as) const noexcept override { return as == coding::gzip; }
    kit::workplace& at;
    std::string body;
    std::uint64_t items = 0;
  } next(at);
  to[static_cast<std::size_t>(signal::logs)] = &next;
  const std::string plain = kit::request_of(signal::logs, 10);
  EXPECT_TRUE(serve(http("/v1/logs", coding::gzip), gzip(plain))->reply);
  EXPECT_EQ(next.body, plain);
  EXPECT_EQ(next.items, 10U);
  EXPECT_EQ(at.counts.conversions.inflates.read(), 1U);
  // What does not inflate, and what is no OTLP, is refused as ever.
  const auto corrupt = serve(http("/v1/logs", coding::gzip), kit::chain_of("not gzip"));
  ASSERT_TRUE(corrupt->status);
  EXPECT_EQ(counts().corrupt.read(), 1U);
  const auto malformed = serve(http("/v1/logs", coding::gzip), gzip("\x0a\x7f"));
  ASSERT_TRUE(malformed->status);
  EXPECT_EQ(counts().malformed.read(), 1U);
}

TEST_F(OtlpReceiverTest, ABatchThatSomebodyForgotIsAnInternalErrorAndCountedAsFailed) {
  end.holds = true;
  const auto client = serve(http("/v1/logs"), kit::chain_of(kit::request_of(signal::logs, 2)));
  end.kept.clear();
  ASSERT_TRUE(client->status);
  EXPECT_EQ(client->status->grpc, code::internal);
  EXPECT_EQ(counts().of[signal::logs].failed.read(), 2U);
}

TEST_F(OtlpReceiverTest, AClosedReceiverAsksToComeBack) {
  open();
  node->close();
  const auto no = admit(http("/v1/logs"));
  ASSERT_TRUE(no);
  EXPECT_EQ(no->http, 503);
  EXPECT_TRUE(no->retry_after);
}

TEST_F(OtlpReceiverTest, WantOfMemoryIsRetryable) {
  look = otlp::inspect::full;
  kit::workplace poor(64 * 1024);
  otlp_receiver small(poor.context, "otlp", how, look, to);
  const zc::bytes_chain body = gzip(kit::request_of(signal::logs, 10));
  std::vector<zc::bytes_builder> hog;
  do {
    hog.push_back(poor.on.memory().take(1));
  } while (hog.back());
  auto client = std::make_shared<seen>();
  small.serve(std::make_unique<fake_exchange>(http("/v1/logs", coding::gzip), client), body);
  ASSERT_TRUE(client->status);
  EXPECT_EQ(client->status->grpc, code::unavailable);
  EXPECT_TRUE(client->status->retry_after);
}

TEST_F(OtlpReceiverTest, LookingAtABodyCopiesNothing) {
  const zc::bytes_chain plain = kit::chain_of(kit::request_of(signal::logs, 500));
  const zc::bytes_chain body = kit::packed(at, plain, coding::gzip);
  class drop final : public consumer {
    void consume(batch&& b) override { b.done.succeed(); }
  } into;
  to = {&into, &into, &into, nullptr};
  EXPECT_USER_COPIES(0) {
    EXPECT_TRUE(serve(http("/v1/logs"), plain)->reply);
    EXPECT_TRUE(serve(http("/v1/logs", coding::gzip), body)->reply);
  }
  EXPECT_EQ(counts().copying.read(), 0U);
}

TEST_F(OtlpReceiverTest, RequestsOfWhichSomethingIsCopiedAreCounted) {
  const zc::bytes_chain body = kit::chain_of(kit::request_of(signal::logs, 5));
  class copier final : public consumer {
    void consume(batch&& b) override {
      const zc::bytes copy = zc::bytes::copy_of("a hundred");
      b.done.succeed();
    }
  } into;
  to = {&into, &into, &into, nullptr};
  EXPECT_TRUE(serve(http("/v1/logs"), body)->reply);
  EXPECT_TRUE(serve(http("/v1/logs"), body)->reply);
  EXPECT_EQ(counts().copying.read(), 2U);
  EXPECT_EQ(counts().copied.read(), 18U);
}

}  // namespace
}  // namespace sluice
