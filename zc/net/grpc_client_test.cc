// What must hold of the gRPC client: every request has exactly one outcome, which says what is
// known; bodies go out without a copy and arrive unchanged; connections come, retire and break
// without taking other requests with them.
//
// Method: our own server for what is right, and for what is wrong a scripted peer (an
// http2::session on a bare link). All on one shard over loopback, turned by hand.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/io/epoll_poller.h"
#include "zc/net/client.h"
#include "zc/net/link.h"
#include "zc/net/server.h"
#include "zc/wire/coding/coder.h"
#include "zc/wire/grpc/framing.h"
#include "zc/wire/http2/session.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;
using http2::field;
using kind = outcome::kind;

bytes random_bytes(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return bytes::from_string(std::move(text));
}

std::string as_text(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return all;
}

// Answers every request with its own body, or keeps it waiting.
class echo final : public service {
 public:
  struct held {
    std::unique_ptr<exchange> request;
    bytes_chain body;
  };
  std::optional<grpc::status> admit(request_head& head) override {
    heads.push_back(head);
    return refuse_with;
  }
  void serve(std::unique_ptr<exchange> request, bytes_chain body) override {
    served += 1;
    if (hold) {
      waiting.push_back({std::move(request), std::move(body)});
      return;
    }
    answer({std::move(request), std::move(body)});
  }
  static void answer(held h) {
    reply r;
    r.body = std::move(h.body);
    h.request->answer(std::move(r));
  }
  void answer_all() {
    for (held& h : std::exchange(waiting, {})) answer(std::move(h));
  }

  bool hold = false;
  std::size_t served = 0;
  std::optional<grpc::status> refuse_with;
  std::vector<held> waiting;
  std::vector<request_head> heads;
};

class GrpcClientTest : public ::testing::Test {
 public:
  explicit GrpcClientTest(std::size_t quota_bytes = 1_GiB) : limits(quota_bytes) {
    server_how.at = *endpoint::parse("127.0.0.1:0");
    how.backoff_min = 20ms;
  }
  ~GrpcClientTest() override {
    client_.reset();
    service.waiting.clear();
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
  echo service;
  std::unique_ptr<server> server_;
  std::vector<std::optional<outcome>> outcomes;
  std::size_t came = 0;
  std::unique_ptr<client> client_;
};

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
  const request_head& h = service.heads.at(0);
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
  EXPECT_EQ(service.served, 1u);
  EXPECT_FALSE(service.heads.at(0).timeout);
}

TEST_F(GrpcClientTest, TheCodingTravelsWithTheMessage) {
  start();
  send(random_bytes(100, 1), 20s, coding::zstd);
  until([&] { return came == 1; });
  EXPECT_EQ(service.heads.at(0).body_coding, coding::zstd);
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
  EXPECT_EQ(as_text(o.body), expected);
  EXPECT_EQ(scattered.size(), expected.size());  // the caller's own is as it was
  EXPECT_EQ(ledger::read().copied(), copied);
}

TEST_F(GrpcClientTest, RefusalsBringTheirCodeMessageAndDelay) {
  grpc::status busy;
  busy.grpc = grpc::code::unavailable;
  busy.http = 503;
  busy.message = "b\xc3\xbcsy % now";
  busy.retry_after = 1'250ms;
  service.refuse_with = busy;
  start();
  outcome& o = ask(random_bytes(5'000, 1));
  EXPECT_EQ(o.what, kind::answered);
  EXPECT_EQ(o.grpc, grpc::code::unavailable);
  EXPECT_EQ(o.message, busy.message);
  EXPECT_EQ(o.retry_after, 1'250ms);
  service.refuse_with->retry_after.reset();
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
  until([&] { return service.waiting.at(0).request->client_gone(); });
  service.answer_all();
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
  until([&] { return service.waiting.size() >= 8; });
  for (int i = 0; i < 50; ++i) on.run_turn(1ms);
  EXPECT_LE(server_->statistics().accepted, 4u);
  until([&] {
    service.answer_all();
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
  until([&] { return !service.heads.empty(); });
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
  until([&] { return service.waiting.size() == 200; });
  server_->drain();
  for (int i = 0; i < 20; ++i) on.run_turn(1ms);
  service.answer_all();
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
  EXPECT_EQ(ok, service.served);  // none was processed whose client does not know it
}

class TightMemory : public GrpcClientTest {
 public:
  TightMemory() : GrpcClientTest(8_MiB) { server_how.admission_wait = 50ms; }
};

TEST_F(TightMemory, AFullQuotaIsRefusedWithADelayAndRecovers) {
  service.hold = true;
  start();
  for (unsigned i = 0; i < 300; ++i) send(random_bytes(100'000, i));
  until([&] { return came > 0 && came + service.waiting.size() == 300; });
  EXPECT_LE(limits.used(), limits.limit() + 2_MiB);  // what is drained may overdraw by little
  EXPECT_GT(service.waiting.size(), 10u);
  for (auto& o : outcomes) {
    if (!o) continue;
    EXPECT_EQ(o->grpc, grpc::code::unavailable) << o->message;
    EXPECT_TRUE(o->retry_after);
  }
  EXPECT_GT(server_->statistics().refused_memory, 0u);
  service.answer_all();
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

// ------------------------------------------------------------------ a peer that misbehaves

class script;

class scripted_stream final : public http2::stream {
 public:
  explicit scripted_stream(script& s) : home(s) {}
  script& home;
  std::size_t received = 0;
  bool closed = false;
  http2::error_code why = http2::error_code::no_error;

 private:
  void on_field(http2::token, std::string_view, std::string_view) override {}
  void on_head(http2::head_end) override;
  void on_data(bytes piece) override { received += piece.size(); }
  void on_end() override;
  void on_closed(http2::error_code code) override {
    closed = true;
    why = code;
  }
};

class script final : public link, private http2::session_events {
 public:
  script(shard& on, std::unique_ptr<stream> s, const http2::limits& bounds = {})
      : link(on), http(http2::session::role::server, bounds, *this) {
    attach(std::move(s));
    on.io().start(socket(), *this);
    send_later();
  }
  ~script() {
    for (auto& s : streams) http.forget(*s);
  }
  void push() { send_later(); }

  std::function<void(scripted_stream&)> on_request_head;
  std::function<void(scripted_stream&)> on_request_end;
  std::vector<std::unique_ptr<scripted_stream>> streams;
  http2::session http;
  bool gone = false;
  bool deaf = false;  // reads and says nothing
  bool vanish_when_sent = false;

 private:
  void on_drained() override {
    if (!vanish_when_sent || gone) return;
    gone = true;
    socket().abort_on_close();
    attach(nullptr);
  }
  http2::stream* on_request() override {
    streams.push_back(std::make_unique<scripted_stream>(*this));
    return streams.back().get();
  }
  void on_bytes(bytes received) override {
    if (deaf) return;
    (void)http.feed(received, on().now().time_since_epoch());
    if (http.wants_output()) send_later();
  }
  void fill_out() override {
    if (!deaf) http.collect(out());
  }
  void on_end() override { gone = true; }
  void on_lost(const error&) override { gone = true; }
};

void scripted_stream::on_head(http2::head_end) {
  if (home.on_request_head) home.on_request_head(*this);
}
void scripted_stream::on_end() {
  if (home.on_request_end) home.on_request_end(*this);
}

class ScriptedPeer : public GrpcClientTest, private acceptor_events {
 public:
  void start_script() {
    auto made = on.io().listen(*endpoint::parse("127.0.0.1:0"), {}, *this);
    ASSERT_TRUE(made);
    acceptor_ = std::move(*made);
    how.to = acceptor_->local();
    client_ = client::grpc(on, how);
  }
  ~ScriptedPeer() override {
    client_.reset();
    peers.clear();
  }
  // Every request is answered with these fields in one HEADERS frame.
  void answer_with(std::vector<field> head, std::string body = {}) {
    on_end = [head, body](scripted_stream& s) {
      http2::content rest;
      rest.body = bytes::from_string(std::string(body));
      s.home.http.respond(s, head, std::move(rest));
    };
  }

  std::vector<std::unique_ptr<script>> peers;
  std::function<void(scripted_stream&)> on_head;
  std::function<void(scripted_stream&)> on_end;
  std::uint32_t few_streams = 1'000;
  bool leave_at_once = false;

 private:
  void on_accepted(std::unique_ptr<stream> s) override {
    http2::limits bounds;
    bounds.streams_max = few_streams;
    peers.push_back(std::make_unique<script>(on, std::move(s), bounds));
    if (leave_at_once) {
      peers.back()->http.goaway(http2::error_code::no_error);
      peers.back()->push();
    }
    peers.back()->on_request_head = on_head;
    peers.back()->on_request_end = on_end;
  }
  std::unique_ptr<acceptor> acceptor_;
};

constexpr field ok{":status", "200"};
constexpr field grpc_content{"content-type", "application/grpc"};

TEST_F(ScriptedPeer, AnAnswerWithoutGrpcStatusIsReadFromItsHttpStatus) {
  answer_with({{":status", "503"}, {"content-type", "text/html"}}, "<html>no</html>");
  start_script();
  outcome& o = ask(random_bytes(10, 1));
  EXPECT_EQ(o.what, kind::answered);
  EXPECT_EQ(o.http_status, 503);
  EXPECT_EQ(o.grpc, grpc::code::unavailable);
  EXPECT_TRUE(o.body.empty());
}

TEST_F(ScriptedPeer, DelaysAreReadFromAllThreeForms) {
  grpc::status s;
  s.grpc = grpc::code::resource_exhausted;
  s.message = "x";
  s.retry_after = 3s;
  const std::string details = grpc::base64_encode(grpc::encode_status(s));
  const std::string info = grpc::base64_encode(grpc::encode_retry_info(2s));
  const std::vector<field> refusal{ok, grpc_content, {"grpc-status", "8"}};
  const auto with = [&](std::vector<field> more) {
    std::vector<field> all = refusal;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  answer_with({});
  start_script();
  const std::pair<std::vector<field>, std::optional<nanoseconds>> cases[] = {
      {with({{"grpc-retry-pushback-ms", "700"},
             {"google.rpc.retryinfo-bin", info},
             {"grpc-status-details-bin", details}}),
       3s},
      {with({{"grpc-retry-pushback-ms", "700"}, {"google.rpc.retryinfo-bin", info}}), 2s},
      {with({{"grpc-retry-pushback-ms", "700"}}), 700ms},
      {with({{"grpc-retry-pushback-ms", "-1"}}), std::nullopt},
      {with({{"grpc-status-details-bin", "!!"}}), std::nullopt},
      {with({}), std::nullopt},
  };
  for (const auto& [head, delay] : cases) {
    answer_with(head);
    if (!peers.empty()) peers.back()->on_request_end = on_end;
    outcome& o = ask(random_bytes(10, 1));
    EXPECT_EQ(o.grpc, grpc::code::resource_exhausted);
    EXPECT_EQ(o.retry_after, delay);
  }
}

TEST_F(ScriptedPeer, ResetsBecomeGrpcCodes) {
  const std::pair<http2::error_code, grpc::code> cases[] = {
      {http2::error_code::cancel, grpc::code::cancelled},
      {http2::error_code::enhance_your_calm, grpc::code::resource_exhausted},
      {http2::error_code::internal_error, grpc::code::internal},
  };
  http2::error_code next = http2::error_code::no_error;
  on_head = [&](scripted_stream& s) { s.home.http.reset(s, next); };
  start_script();
  for (const auto& [why, code] : cases) {
    next = why;
    outcome& o = ask(random_bytes(10, 1));
    EXPECT_EQ(o.what, kind::answered);
    EXPECT_EQ(o.grpc, code);
  }
  next = http2::error_code::refused_stream;
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::refused_stream);
}

TEST_F(ScriptedPeer, ATimeoutStopsALargeUploadAtItsSource) {
  const bytes body = random_bytes(40'000'000, 1);
  on_head = [](scripted_stream& s) { s.home.http.hold_window(true); };
  start_script();
  on.run_turn(0ms);  // the shard's time is that of its last turn
  send(body, 300ms);
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::timed_out);
  until([&] { return peers.at(0)->streams.at(0)->closed; });
  EXPECT_EQ(peers[0]->streams[0]->why, http2::error_code::cancel);
}

TEST_F(ScriptedPeer, ATooLargeResponseIsRefused) {
  how.response_bytes_max = 1'000;
  std::string message(1'006, 'x');
  message.replace(0, 5, std::string("\0\0\0\x03\xe9", 5));
  answer_with({ok, grpc_content}, message);
  start_script();
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::too_large);
}

// As grpc-go answers a compressed request, whatever the client says it accepts.
TEST_F(ScriptedPeer, ACompressedResponseIsInflated) {
  how.response_bytes_max = 1'000;
  answer_with({});
  start_script();
  const auto answer = [&](std::string_view coding_name, coding c, std::string_view text) {
    const bytes_chain plain = bytes::from_string(std::string(text));
    const std::string packed = as_text(*coder().deflate(plain, c, 0, on.memory()));
    std::string message("\1\0\0\0", 4);
    message += static_cast<char>(packed.size());
    message += packed;
    std::vector<field> head{ok, grpc_content, {"grpc-status", "0"}};
    if (!coding_name.empty()) head.push_back({"grpc-encoding", coding_name});
    answer_with(head, message);
    if (!peers.empty()) peers.back()->on_request_end = on_end;
    return ask(random_bytes(10, 1));
  };
  for (const coding c : {coding::gzip, coding::zstd, coding::snappy_framed, coding::deflate}) {
    for (const std::string_view text : {"", "a message"}) {
      const outcome& o = answer(grpc_name_of(c), c, text);
      EXPECT_EQ(o.what, kind::answered) << name_of(c) << ": " << o.message;
      EXPECT_EQ(as_text(o.body), text) << name_of(c);
    }
  }
  EXPECT_EQ(answer("gzip", coding::gzip, std::string(2'000, 'x')).what, kind::too_large);
  EXPECT_EQ(answer("gzip", coding::zstd, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("br", coding::gzip, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("identity", coding::gzip, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("", coding::gzip, "a message").what, kind::protocol_error);
}

TEST_F(ScriptedPeer, AConnectionThatBreaksEndsItsRequestsAndTheNextOneReconnects) {
  start_script();
  for (int i = 0; i < 5; ++i) send(random_bytes(100'000, 1));
  until([&] { return peers.size() == 1 && peers[0]->streams.size() == 5; });
  peers.clear();
  until([&] { return came == 5; });
  for (auto& o : outcomes) EXPECT_EQ(o->what, kind::disconnected);
  answer_with({ok, grpc_content, {"grpc-status", "3"}});
  EXPECT_EQ(ask(random_bytes(10, 1)).grpc, grpc::code::invalid_argument);
}

TEST_F(ScriptedPeer, AfterAGoawayOldStreamsEndAndNewOnesGoElsewhere) {
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

TEST_F(ScriptedPeer, NothingIsAskedBeforeTheServerHasSaidHowMuchItTakes) {
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

TEST_F(ScriptedPeer, AConnectionThatHasFallenSilentIsGivenUpAfterATimeout) {
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

TEST_F(ScriptedPeer, ASlowServerThatStillAnswersPingsIsKept) {
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
TEST_F(ScriptedPeer, ThatLeavesAfterEveryGreetingIsNotCalledInALoop) {
  how.backoff_min = 100ms;
  leave_at_once = true;
  start_script();
  send(random_bytes(10, 1), 300ms);
  until([&] { return came == 1; });
  EXPECT_LE(peers.size(), 3u);
}

TEST_F(ScriptedPeer, AnAnswerThatCameBeforeAResetIsNotLost) {
  start_script();
  on_head = [](scripted_stream& s) {
    constexpr std::array<field, 3> no{ok, grpc_content, field{"grpc-status", "8"}};
    s.home.http.respond(s, no, {});
    s.home.push();
    s.home.vanish_when_sent = true;
  };
  send(random_bytes(40'000'000, 1));
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::answered) << outcomes[0]->message;
  EXPECT_EQ(outcomes[0]->grpc, grpc::code::resource_exhausted);
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

class StrangePeer : public GrpcClientTest, private acceptor_events {
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
