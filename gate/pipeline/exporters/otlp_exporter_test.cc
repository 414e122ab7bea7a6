// What must hold of the OTLP exporter: it sends what was received where it can, judges every
// outcome as the OTLP specification asks, never sends rejected data again, and cuts what is too
// large at record boundaries.
#include "gate/pipeline/exporters/otlp_exporter.h"

#include <gtest/gtest.h>

#include "gate/otlp/response.h"
#include "gate/otlp/walk.h"
#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::coding;
using zc::grpc::code;
using zc::net::client_request;
using zc::net::outcome;

struct sent {
  client_request request;
  zc::net::client::done then;
};

// Keeps requests until the test answers; the end of the client cancels what is open.
class fake_client final : public zc::net::client {
 public:
  explicit fake_client(std::vector<sent>& to, bool* gone = nullptr) : to_(to), gone_(gone) {}
  ~fake_client() override {
    if (gone_ != nullptr) *gone_ = true;
    while (!to_.empty()) {
      sent one = std::move(to_.front());
      to_.erase(to_.begin());
      outcome o;
      o.what = outcome::kind::cancelled;
      one.then(std::move(o));
    }
  }
  void send(client_request&& request, done then) override {
    to_.push_back({std::move(request), std::move(then)});
  }
  std::size_t pending() const noexcept override { return to_.size(); }
  std::size_t capacity() const noexcept override { return 4; }
  bool connected() const noexcept override { return true; }

 private:
  std::vector<sent>& to_;
  bool* gone_;
};

outcome grpc_answer(code c, std::string message = {}, std::string body = {}) {
  outcome o;
  o.http_status = 200;
  o.grpc = c;
  o.message = std::move(message);
  o.body = kit::chain_of(std::move(body));
  return o;
}

outcome http_answer(int status, std::string body = {},
                    std::string type = "application/x-protobuf") {
  outcome o;
  o.http_status = status;
  o.content_type = std::move(type);
  o.body = kit::chain_of(std::move(body));
  return o;
}

struct OtlpExporterTest : ::testing::Test {
  kit::workplace at;
  exporter_settings how;
  std::vector<sent> out;
  std::unique_ptr<otlp_exporter> node;
  delivery d;
  int ended = 0;
  verdict last;

  OtlpExporterTest() {
    how.id = "otlp/backend";
    how.kind = exporter_kind::otlp_grpc;
    how.otlp.compression = coding::identity;
  }
  void open() {
    node = std::make_unique<otlp_exporter>(at.context, how, std::make_unique<fake_client>(out));
  }
  void send() {
    if (!node) open();
    node->send(d, [this](verdict&& v) {
      ended += 1;
      last = std::move(v);
    });
  }
  void send(payload_ptr p) {
    d = {};
    d.parts.push_back(std::move(p));
    ended = 0;
    send();
  }
  void answer(outcome&& o) {
    ASSERT_FALSE(out.empty());
    sent one = std::move(out.front());
    out.erase(out.begin());
    one.then(std::move(o));
  }
  void expect(outcome&& o, verdict::kind what) {
    send(kit::plain_payload(signal::logs, 3));
    answer(std::move(o));
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(last.what, what);
  }
  exporter_metrics& counts() { return at.counts.exporter("otlp/backend"); }
  static constexpr auto ok = verdict::kind::ok;
  static constexpr auto again = verdict::kind::retryable;
  static constexpr auto lost = verdict::kind::permanent;
};

TEST_F(OtlpExporterTest, SendsTheReceivedBytesWhenTheyAreInTheRightCoding) {
  how.otlp.compression = coding::gzip;
  how.otlp.timeout = milliseconds(1'234);
  const zc::bytes_chain body =
      kit::packed(at, kit::chain_of(kit::request_of(signal::traces, 3)), coding::gzip);
  send(zc::make_local<payload>(signal::traces, body, coding::gzip, payload::facts{1, 3, 100}));
  ASSERT_EQ(out.size(), 1U);
  const client_request& r = out[0].request;
  EXPECT_EQ(r.path, otlp::grpc_path(signal::traces));
  EXPECT_EQ(r.body_coding, coding::gzip);
  EXPECT_EQ(r.timeout, milliseconds(1'234));
  ASSERT_EQ(r.body.pieces(), body.pieces());
  EXPECT_EQ(r.body.begin()->data(), body.begin()->data());
  answer(grpc_answer(code::ok));
  EXPECT_EQ(last.what, ok);
  EXPECT_EQ(counts().of[signal::traces].sent.read(), 3U);
  EXPECT_EQ(counts().bytes.read(), body.size());
  EXPECT_EQ(at.counts.conversions.inflates.read() + at.counts.conversions.deflates.read(), 0U);
}

TEST_F(OtlpExporterTest, ARetrySendsTheSameBytesWithoutCompressingAgain) {
  how.otlp.compression = coding::zstd;
  send(kit::plain_payload(signal::logs, 30));
  const std::byte* first = out[0].request.body.begin()->data();
  answer(grpc_answer(code::unavailable));
  ASSERT_EQ(last.what, again);
  ended = 0;
  send();
  EXPECT_EQ(out[0].request.body.begin()->data(), first);
  EXPECT_EQ(at.counts.conversions.deflates.read(), 1U);
  answer(grpc_answer(code::ok));
  EXPECT_EQ(ended, 1);
}

TEST_F(OtlpExporterTest, GrpcCodesAreRetriedAsTheSpecificationSays) {
  for (const code c : {code::cancelled, code::deadline_exceeded, code::aborted, code::out_of_range,
                       code::unavailable, code::data_loss}) {
    expect(grpc_answer(c), again);
    EXPECT_EQ(last.grpc, c);
  }
  for (const code c : {code::unknown, code::invalid_argument, code::not_found, code::already_exists,
                       code::permission_denied, code::unauthenticated, code::failed_precondition,
                       code::unimplemented, code::internal, code::resource_exhausted}) {
    expect(grpc_answer(c, "because"), lost);
    EXPECT_EQ(last.grpc, c);
    EXPECT_NE(last.message.find("because"), std::string::npos);
  }
  EXPECT_EQ(counts().of[signal::logs].send_failed.read(), 30U);
}

TEST_F(OtlpExporterTest, ResourceExhaustedIsRetriedOnlyWithAHint) {
  outcome o = grpc_answer(code::resource_exhausted);
  o.retry_after = std::chrono::seconds(3);
  expect(std::move(o), again);
  EXPECT_EQ(last.delay, std::chrono::seconds(3));
}

TEST_F(OtlpExporterTest, HttpStatusesAreRetriedAsTheSpecificationSays) {
  how.kind = exporter_kind::otlp_http;
  for (const int s : {429, 502, 503, 504}) {
    outcome o = http_answer(s);
    o.retry_after = std::chrono::seconds(2);
    expect(std::move(o), again);
    EXPECT_EQ(last.delay, std::chrono::seconds(2));
  }
  for (const int s : {301, 400, 401, 403, 404, 413, 415, 500, 501}) {
    expect(http_answer(s), lost);
    EXPECT_EQ(last.http, s);
  }
  expect(http_answer(200), ok);
  expect(http_answer(202, "{}", "application/json"), ok);
}

TEST_F(OtlpExporterTest, TheMessageOfAnHttpRefusalIsShown) {
  how.kind = exporter_kind::otlp_http;
  zc::grpc::status s;
  s.grpc = code::invalid_argument;
  s.message = "bad tenant";
  expect(http_answer(400, zc::grpc::encode_status(s)), lost);
  EXPECT_NE(last.message.find("HTTP 400"), std::string::npos);
  EXPECT_NE(last.message.find("bad tenant"), std::string::npos);
  EXPECT_TRUE(at.out.says("bad tenant"));
}

TEST_F(OtlpExporterTest, LostConnectionsAreRetriedAndOversizedAnswersAreNot) {
  using kind = outcome::kind;
  for (const kind k : {kind::unreachable, kind::disconnected, kind::refused_stream, kind::timed_out,
                       kind::cancelled, kind::protocol_error}) {
    outcome o;
    o.what = k;
    expect(std::move(o), again);
  }
  outcome o;
  o.what = kind::too_large;
  expect(std::move(o), lost);
}

TEST_F(OtlpExporterTest, PartialSuccessIsCountedLoggedOnceAndNeverRetried) {
  const zc::bytes answer = otlp::encode_response({2, "too old"});
  const std::string body(answer.text());
  for (int i = 0; i < 3; ++i) expect(grpc_answer(code::ok, {}, body), ok);
  EXPECT_EQ(counts().of[signal::logs].rejected.read(), 6U);
  EXPECT_EQ(counts().partial_success.read(), 3U);
  EXPECT_EQ(at.out.lines.size(), 1U);
  EXPECT_TRUE(at.out.says("too old"));
  how.kind = exporter_kind::otlp_http;
  open();
  expect(http_answer(200, body, "Application/X-Protobuf; a=b"), ok);
  EXPECT_EQ(counts().of[signal::logs].rejected.read(), 8U);
}

TEST_F(OtlpExporterTest, AnAnswerThatDoesNotParseIsAFailureForGood) {
  expect(grpc_answer(code::ok, {}, "\x0a\x7f"), lost);
  how.kind = exporter_kind::otlp_http;
  open();
  expect(http_answer(200, "\x0a\x7f"), lost);
  expect(http_answer(200, "<html>", "text/html"), ok);  // not read, as in the Collector
}

TEST_F(OtlpExporterTest, HttpPathsFollowTheBaseUnlessTheyAreSet) {
  how.kind = exporter_kind::otlp_http;
  how.otlp.base_path = "/otlp";
  how.otlp.paths[signal::logs] = "/ingest?x=1";
  how.otlp.paths[signal::metrics] = "";
  open();
  send(kit::plain_payload(signal::traces, 1));
  EXPECT_EQ(out[0].request.path, "/otlp/v1/traces");
  EXPECT_EQ(out[0].request.content_type, "application/x-protobuf");
  answer(http_answer(200));
  send(kit::plain_payload(signal::logs, 1));
  EXPECT_EQ(out[0].request.path, "/ingest?x=1");
  answer(http_answer(200));
  send(kit::plain_payload(signal::metrics, 1));
  EXPECT_EQ(out[0].request.path, "/");
  answer(http_answer(200));
}

TEST_F(OtlpExporterTest, LargeRequestsAreCutAtRecordBoundaries) {
  how.otlp.request_bytes_max = 3'000;
  const payload_ptr p = kit::plain_payload(signal::logs, 20, "cut", 500);
  send(p);
  std::uint64_t items = 0;
  int requests = 0;
  while (!out.empty()) {
    EXPECT_EQ(out.size(), 1U);  // one after the other
    EXPECT_LE(out[0].request.body.size(), 3'000U);
    items += *otlp::count_items(signal::logs, out[0].request.body);
    requests += 1;
    answer(grpc_answer(code::ok));
  }
  EXPECT_EQ(items, 20U);
  EXPECT_GE(requests, 4);
  EXPECT_EQ(last.what, ok);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(counts().of[signal::logs].sent.read(), 20U);
}

TEST_F(OtlpExporterTest, ARetryOfACutRequestGoesOnWhereItStopped) {
  how.otlp.request_bytes_max = 3'000;
  send(kit::plain_payload(signal::logs, 20, "cut", 500));
  answer(grpc_answer(code::ok));
  const std::uint64_t delivered = counts().of[signal::logs].sent.read();
  const std::string second = kit::text_of(out[0].request.body);
  answer(grpc_answer(code::unavailable));
  EXPECT_EQ(last.what, again);
  EXPECT_EQ(d.items(), 20U - delivered);
  send();
  EXPECT_EQ(kit::text_of(out[0].request.body), second);
  while (!out.empty()) answer(grpc_answer(code::ok));
  EXPECT_EQ(counts().of[signal::logs].sent.read(), 20U);
}

TEST_F(OtlpExporterTest, APartThatIsRefusedForGoodDoesNotStopTheOthers) {
  how.otlp.request_bytes_max = 3'000;
  send(kit::plain_payload(signal::logs, 20, "cut", 500));
  answer(grpc_answer(code::invalid_argument, "no"));
  while (!out.empty()) answer(grpc_answer(code::ok));
  EXPECT_EQ(last.what, lost);
  const auto& of = counts().of[signal::logs];
  EXPECT_GT(of.send_failed.read(), 0U);
  EXPECT_EQ(of.sent.read() + of.send_failed.read(), 20U);
}

TEST_F(OtlpExporterTest, ARecordThatIsTooLargeByItselfIsNotSentAndCounted) {
  how.otlp.request_bytes_max = 300;
  send(kit::plain_payload(signal::logs, 1, "huge", 500));
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(last.what, lost);
  EXPECT_EQ(counts().of[signal::logs].send_failed.read(), 1U);
}

TEST_F(OtlpExporterTest, ABodyThatDoesNotConvertIsLost) {
  how.otlp.compression = coding::zstd;
  send(
      zc::make_local<payload>(signal::logs, kit::chain_of("junk"), coding::gzip, payload::facts{}));
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(last.what, lost);
}

TEST_F(OtlpExporterTest, RequestsUnderWayEndRetryablyWithTheExporter) {
  send(kit::plain_payload(signal::logs, 1));
  node.reset();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(last.what, again);
}

// Reloads.
TEST_F(OtlpExporterTest, ANewTimeoutHoldsForRequestsFromNowOn) {
  how.otlp.timeout = milliseconds(1'000);
  send(kit::plain_payload(signal::logs, 1));
  how.otlp.timeout = milliseconds(7'000);
  node->configure(how);
  delivery second;
  second.parts.push_back(kit::plain_payload(signal::logs, 1));
  node->send(second, [](verdict&&) {});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].request.timeout, milliseconds(1'000));
  EXPECT_EQ(out[1].request.timeout, milliseconds(7'000));
  answer(grpc_answer(code::ok));
  answer(grpc_answer(code::ok));
}

TEST_F(OtlpExporterTest, NewHeadersTakeANewClientAndTheFormerEndsWithItsLastRequest) {
  bool gone = false;
  node =
      std::make_unique<otlp_exporter>(at.context, how, std::make_unique<fake_client>(out, &gone));
  send(kit::plain_payload(signal::logs, 1));
  node->configure(how);  // nothing changes
  at.run_for(milliseconds(5));
  EXPECT_TRUE(node->connected());
  how.otlp.headers = {{"x-token", "new"}};
  node->configure(how);
  EXPECT_FALSE(node->connected());  // the new one has nothing to send yet
  at.run_for(milliseconds(5));
  EXPECT_FALSE(gone);
  EXPECT_EQ(ended, 0);
  answer(grpc_answer(code::ok));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(last.what, ok);
  at.run_for(milliseconds(5));
  EXPECT_TRUE(gone);
}

TEST_F(OtlpExporterTest, TheClientIsSetUpFromTheSettings) {
  how.otlp.headers = {{"x-tenant", "a"}};
  how.otlp.authority = "backend";
  auto o = otlp_exporter::options_of(how, 7);
  EXPECT_EQ(o.requests_max, 7U);
  EXPECT_EQ(o.connections_max, 1U);
  EXPECT_EQ(o.authority, "backend");
  EXPECT_EQ(o.fields.size(), 1U);
  EXPECT_TRUE(o.fields.shares_with(how.otlp.headers)) << "one list for all shards and connections";
  how.kind = exporter_kind::otlp_http;
  EXPECT_EQ(otlp_exporter::options_of(how, 7).connections_max, 7U);
  EXPECT_LE(otlp_exporter::options_of(how, 7).backoff_max, std::chrono::seconds(5));
  EXPECT_LE(o.backoff_max, std::chrono::seconds(5));
}

}  // namespace
}  // namespace sluice
