// What must hold of both ends joined: our client and a server that we did not write understand
// each other however their bytes are cut and however small the windows are; payload is never
// copied; windows are given back whatever becomes of a stream; answers are ordered so that clients
// see them; and drains lose nothing.
//
// Method: client_session and nghttp2's server side (http2::session), joined in memory. What either
// does with a peer that no library would be is client_session_test.cc, client_flood_test.cc and
// session_test.cc.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/testing/seed.h"
#include "zc/wire/http2/sessions_for_tests.h"

namespace zc::http2 {
namespace {

using namespace std::chrono_literals;
using namespace for_tests;
using SessionPairTest = session_pair;

TEST_F(SessionPairTest, RequestAndAnswerCrossInFull) {
  answer_all();
  asked& r = client.ask(bytes_of("question"));
  talk();
  EXPECT_EQ(at_server().value(":path"), "/a.B/C");
  EXPECT_EQ(at_server().value(":authority"), "test");
  EXPECT_EQ(at_server().value("te"), "trailers");
  EXPECT_EQ(at_server().fields.size(), common.size() + 1);
  EXPECT_EQ(as_text(at_server().data), std::string("\0\0\0\0\x08question", 13));
  EXPECT_EQ(at_server().order, "hdec");
  EXPECT_EQ(at_server().why, error_code::no_error);
  EXPECT_EQ(r.value(":status"), "200");
  EXPECT_EQ(r.value("grpc-status"), "0");
  EXPECT_EQ(as_text(r.data), std::string("\0\0\0\0\x06"
                                         "answer",
                                         11));
  EXPECT_EQ(r.order, "hdhec");
  EXPECT_EQ(r.heads.at(0).kind, head_kind::response);
  EXPECT_EQ(r.heads.at(1).kind, head_kind::trailers);
  EXPECT_TRUE(r.heads.at(1).last);
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_EQ(r.sent, 8u);
  EXPECT_EQ(client.s.streams(), 0u);
  EXPECT_EQ(server.s.streams(), 0u);
  EXPECT_TRUE(server.s.greeted());
  EXPECT_FALSE(server.s.in_head());
  EXPECT_TRUE(client.s.greeted());
  EXPECT_EQ(client.settings, 1);
  EXPECT_EQ(client.s.peer_streams_max(), 1'000u);
}

TEST_F(SessionPairTest, PayloadIsSharedBothWaysAndNeverCopied) {
  const bytes body = bytes_of(pattern(200'000));
  talk();
  const std::uint64_t copied = ledger::read().copied();
  asked& r = client.ask(body);
  bytes_chain out;
  client.s.collect(out, 1_MiB);
  EXPECT_EQ(out.pieces(), 2u);  // all heads and the prefix in one piece, the body in another
  EXPECT_TRUE(out.view()[1].shares_owner_with(body));
  EXPECT_EQ(out.view()[1].size(), body.size());
  EXPECT_EQ(r.sent, body.size());
  const bytes question = bytes_of(as_text(out));
  ASSERT_TRUE(server.s.feed(question, now));
  for (const bytes& piece : at_server().data) EXPECT_TRUE(piece.shares_owner_with(question));
  EXPECT_EQ(as_text(at_server().data).substr(5), pattern(200'000));

  const bytes back = bytes_of(pattern(100'000));
  server.s.respond(at_server(), ok_head, message(back, ok_trailers));
  out.clear();
  server.s.collect(out, 1_MiB);
  EXPECT_EQ(out.pieces(), 3u);  // head and prefix, the body in one frame, trailers
  EXPECT_TRUE(out.view()[1].shares_owner_with(back));
  EXPECT_EQ(out.view()[1].size(), back.size());
  EXPECT_EQ(at_server().sent, back.size());
  const bytes answer = bytes_of(as_text(out));
  ASSERT_TRUE(client.s.feed(answer, now));
  EXPECT_EQ(as_text(r.data).substr(5), pattern(100'000));
  for (const bytes& piece : r.data) EXPECT_TRUE(piece.shares_owner_with(answer));
  EXPECT_EQ(ledger::read().copied(), copied);
}

TEST_F(SessionPairTest, AfterTheFirstRequestAHeadIsAHandfulOfBytes) {
  talk();
  client.ask(bytes_of("x"));
  const std::size_t first = take(client).size();
  client.ask(bytes_of("x"));
  const std::size_t second = take(client).size();
  EXPECT_GT(first, second);
  EXPECT_EQ(second, 9 + common.size() + 1 + 9 + 5 + 1);
}

TEST_F(SessionPairTest, AnswersThatRepeatAreKnownAtSight) {
  answer_all();
  for (int i = 0; i < 50; ++i) {
    client.ask(bytes_of("x"));
    talk();
    EXPECT_EQ(client.streams.back()->value("grpc-status"), "0");
  }
  EXPECT_GE(client.s.heads_known(), 90u);
}

TEST_F(SessionPairTest, HundredsOfConcurrentStreamsKeepTheirBytesApart) {
  talk();
  server.then = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_chain(s.data), ok_trailers));
  };
  for (std::size_t i = 0; i < 900; ++i) client.ask(bytes_of(pattern(100 + i * 7, i)));
  talk();
  for (std::size_t i = 0; i < 900; ++i) {
    ASSERT_EQ(as_text(client.streams[i]->data).substr(10), pattern(100 + i * 7, i)) << i;
    ASSERT_EQ(client.streams[i]->order, "hdhec") << i;
  }
}

TEST_F(SessionPairTest, TheClientsOutputStopsAtTheHighWaterMarkAndGoesOnWhereItStopped) {
  talk();
  asked& r = client.ask(bytes_of(pattern(3'000'000)));
  std::string all;
  std::size_t rounds = 0;
  for (;;) {
    const std::string part = take(client, 100'000);
    if (part.empty()) break;
    EXPECT_LE(part.size(), 100'000 + frame_bytes_least + 64);
    all += part;
    rounds += 1;
  }
  EXPECT_GE(rounds, 25u);
  EXPECT_EQ(r.sent, 3'000'000u);
  to_server(std::move(all));
  EXPECT_EQ(as_text(at_server().data).substr(5), pattern(3'000'000));
}

TEST_F(SessionPairTest, TheServersOutputStopsAtTheHighWaterMarkAndGoesOnWhereItStopped) {
  asked& r = client.ask(bytes_of("x"));
  talk();
  server.s.respond(at_server(), ok_head, message(bytes_of(pattern(3'000'000)), ok_trailers));
  std::string all;
  std::size_t rounds = 0;
  for (;;) {
    const std::string part = take(server, 100'000);
    if (part.empty()) break;
    EXPECT_LE(part.size(), 100'000 + 256_KiB + 64);  // one frame above the mark at most
    all += part;
    rounds += 1;
  }
  EXPECT_GE(rounds, 8u);
  EXPECT_EQ(at_server().sent, 3'000'000u);
  to_client(std::move(all));
  EXPECT_EQ(as_text(r.data).substr(5), pattern(3'000'000));
  EXPECT_EQ(r.order, "hdhec");
}

TEST_F(SessionPairTest, AnEarlyAnswerIsHeardAndTheRestOfTheRequestStops) {
  talk();
  asked& r = client.ask(bytes_of(pattern(20'000'000)));  // more than all windows: it cannot end
  server.then_head = [this](served& s) {
    const std::array<field, 3> head{
        {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "8"}}};
    server.s.respond(s, head, {});
  };
  talk();
  EXPECT_EQ(r.order, "hec");
  EXPECT_EQ(r.value("grpc-status"), "8");
  EXPECT_TRUE(r.heads.at(0).last);
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_TRUE(at_server().closed);
  EXPECT_EQ(server.s.streams(), 0u);
  server.then_head = nullptr;
  for (int i = 0; i < 10; ++i) {  // the connection's window is whole
    client.ask(bytes_of(pattern(3'000'000)));
    talk();
    EXPECT_EQ(server.streams.back()->data.size(), 3'000'005u);
    EXPECT_TRUE(server.streams.back()->ended);
  }
}

TEST_F(SessionPairTest, AResetStopsTheServerAndCausesNoCallback) {
  talk();
  asked& r = client.ask(bytes_of(pattern(30'000'000)));
  talk();
  client.s.reset(r, error_code::cancel);
  EXPECT_FALSE(r.open());
  EXPECT_EQ(r.unsent(), 0u);
  talk();
  EXPECT_EQ(r.order, "");
  EXPECT_EQ(at_server().why, error_code::cancel);
  client.s.reset(r, error_code::cancel);  // a second time: no effect
  EXPECT_FALSE(client.s.wants_output());
}

TEST_F(SessionPairTest, AResetBeforeAnythingWasSentIsSilent) {
  talk();
  asked& r = client.ask(bytes_of("x"));
  client.s.reset(r, error_code::cancel);
  EXPECT_FALSE(client.s.wants_output());
  EXPECT_EQ(take(client), "");
  answer_all();
  asked& next = client.ask(bytes_of("y"));
  talk();
  EXPECT_EQ(server.streams.size(), 1u);
  EXPECT_EQ(next.order, "hdhec");
}

TEST_F(SessionPairTest, AStreamThatTheServerForgetsCausesNoCallbacks) {
  talk();
  asked& r = client.ask(bytes_of("x"));  // it waits for its answer
  talk();
  const std::string before = at_server().order;
  server.s.reset(at_server(), error_code::cancel);
  server.s.forget(at_server());
  EXPECT_FALSE(at_server().open());
  talk();
  EXPECT_EQ(at_server().order, before);
  EXPECT_EQ(r.why, error_code::cancel);
  server.s.forget(at_server());  // a second time: no effect
}

TEST_F(SessionPairTest, ARefusedStreamSaysSo) {
  server.refuse = true;
  asked& r = client.ask(bytes_of("x"));
  talk();
  EXPECT_EQ(r.order, "c");
  EXPECT_EQ(r.why, error_code::refused_stream);
}

TEST_F(SessionPairTest, DrainingLetsRequestsUnderWayEnd) {
  asked& before = client.ask(bytes_of("one"));
  talk();
  server.s.begin_drain();
  asked& crossing = client.ask(bytes_of("two"));  // leaves before the notice arrives
  to_server(take(client));
  to_client(take(server));
  EXPECT_EQ(client.goaways.size(), 1u);
  EXPECT_FALSE(client.s.may_request());
  to_server(take(client));
  EXPECT_EQ(server.pings, 1);
  server.s.end_drain();
  talk();
  EXPECT_EQ(client.goaways.size(), 2u);
  EXPECT_FALSE(client.s.finished_reading());
  EXPECT_FALSE(server.s.finished_reading());
  for (auto& s : server.streams) server.s.respond(*s, ok_head, message({}, ok_trailers));
  talk();
  EXPECT_EQ(before.value("grpc-status"), "0");
  EXPECT_EQ(crossing.value("grpc-status"), "0");
  EXPECT_TRUE(client.s.finished_reading());
  EXPECT_TRUE(server.s.finished_reading());
  EXPECT_FALSE(server.s.wants_output());
}

TEST_F(SessionPairTest, StreamsAboveTheLastOneOfAGoawayAreRefused) {
  talk();
  server.s.end_drain();
  asked& late = client.ask(bytes_of("late"));
  to_server(take(client));
  to_client(take(server));
  EXPECT_EQ(late.why, error_code::refused_stream);
  EXPECT_TRUE(server.streams.empty());
  asked another;
  const auto no = client.s.request(another, message(bytes_of("x")));
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().code, errc::closed);
}

TEST_F(SessionPairTest, OurGoawayEndsTheConnectionAfterTheLastAnswer) {
  talk();
  asked& r = client.ask(bytes_of("x"));
  talk();
  client.s.goaway(error_code::no_error);
  EXPECT_FALSE(client.s.may_request());
  talk();
  EXPECT_EQ(server.goaways, std::vector{error_code::no_error});
  EXPECT_FALSE(client.s.finished_reading());
  server.s.respond(at_server(), ok_head, message({}, ok_trailers));
  talk();
  EXPECT_EQ(r.order, "hdhec");
  EXPECT_TRUE(client.s.finished_reading());
}

TEST_F(SessionPairTest, PingsAreAnsweredBothWays) {
  talk();
  client.s.ping();
  server.s.ping();
  talk();
  EXPECT_EQ(client.pings, 1);
  EXPECT_EQ(server.pings, 1);
}

TEST_F(SessionPairTest, ASessionThatEndsClosesItsStreamsSilently) {
  asked r;
  {
    client_side c;
    ASSERT_TRUE(c.s.request(r, message(bytes_of("x"))));
    EXPECT_TRUE(r.open());
  }
  EXPECT_FALSE(r.open());
  EXPECT_EQ(r.order, "");
}

TEST_F(SessionPairTest, AServersSessionThatEndsClosesItsStreamsSilently) {
  client.ask(bytes_of("x"));
  std::deque<std::unique_ptr<served>> streams;
  {
    server_side ending;
    ASSERT_TRUE(ending.s.feed(bytes_of(take(client)), now));
    EXPECT_TRUE(ending.streams.at(0)->open());
    streams.swap(ending.streams);
  }
  EXPECT_FALSE(streams.at(0)->open());
  EXPECT_EQ(streams.at(0)->order, "hde");
}

TEST_F(SessionPairTest, CallbacksMayForgetAnyStreamAtAnyTime) {
  answer_all();
  // What happens to the second of three while the first is at each of its steps.
  for (int step = 0; step < 5; ++step) {
    for (bool itself : {false, true}) {
      asked& a = client.ask(bytes_of("a"));
      asked& b = client.ask(bytes_of("b"));
      asked& c = client.ask(bytes_of("c"));
      const auto act = [this, &a, &b, itself] {
        client.s.reset(itself ? a : b, error_code::cancel);
      };
      if (step == 0) a.then_head = act;
      if (step == 1) a.then_data = act;
      if (step == 2) a.then_end = act;
      if (step == 3) a.then_sent = act;
      if (step == 4) a.then_closed = act;
      talk();
      EXPECT_EQ(c.order, "hdhec");
      EXPECT_EQ(client.s.streams(), 0u) << step;
    }
  }
}

class OneStreamTest : public session_pair {
 public:
  static limits one() {
    limits l;
    l.streams_max = 1;
    return l;
  }
  OneStreamTest() : session_pair(one()) {}
};

TEST_F(OneStreamTest, MoreRequestsWaitForTheirTurnAndNoneIsRefused) {
  answer_all();
  talk();
  for (int i = 0; i < 20; ++i) client.ask(bytes_of("x"));
  talk();
  for (const auto& r : client.streams) EXPECT_EQ(r->order, "hdhec");
}

class ClientWindowsTest : public session_pair {
 public:
  static limits small() {
    limits l;
    l.stream_window = 20'000;
    l.connection_window = 65'535;
    l.frame_bytes_max = 16'384;
    return l;
  }
  ClientWindowsTest() : session_pair(small(), small()) {}
};

TEST_F(ClientWindowsTest, LargeMessagesPassThroughThem) {
  std::vector<asked*> all;
  for (std::size_t i = 0; i < 5; ++i) all.push_back(&client.ask(bytes_of(pattern(1'000'000, i))));
  server.then = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(700'000)), ok_trailers));
  };
  talk();
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(as_text(at_server(i).data).substr(5), pattern(1'000'000, i));
    EXPECT_EQ(as_text(all[i]->data).substr(5), pattern(700'000));
  }
}

TEST_F(ClientWindowsTest, StreamsThatAreResetGiveTheirWindowBack) {
  server.then_head = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(50'000)), ok_trailers));
  };
  for (int i = 0; i < 50; ++i) {
    asked& r = client.ask(bytes_of("x"));
    to_server(take(client));
    to_client(take(server));
    ASSERT_GT(r.data.size(), 0u);
    client.s.reset(r, error_code::cancel);
    talk();
  }
  asked& r = client.ask(bytes_of("x"));
  talk();
  EXPECT_EQ(as_text(r.data).substr(5), pattern(50'000));
}

class ServerWindowsTest : public session_pair {
 public:
  static limits small() {
    limits l;
    l.stream_window = 65'535;
    l.connection_window = 65'535;
    return l;
  }
  ServerWindowsTest() : session_pair(small(), small()) {}
};

TEST_F(ServerWindowsTest, LargeMessagesPassThroughThem) {
  asked& r = client.ask(bytes_of(pattern(5'000'000)));
  server.then = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(1'000'000)), ok_trailers));
  };
  talk();
  EXPECT_EQ(as_text(at_server().data).substr(5), pattern(5'000'000));
  EXPECT_EQ(as_text(r.data).substr(5), pattern(1'000'000));
}

TEST_F(ServerWindowsTest, StreamsThatAreResetGiveTheirWindowBack) {
  for (int i = 0; i < 50; ++i) {
    asked& r = client.ask(bytes_of(pattern(60'000)));
    to_server(take(client));
    to_client(take(server));
    to_server(take(client));
    served& s = *server.streams.back();
    EXPECT_GT(s.data.size(), 0u);
    if (i % 2 == 0) {
      client.s.reset(r, error_code::cancel);
    } else {
      server.s.reset(s, error_code::cancel);
    }
    talk();
    EXPECT_FALSE(r.open());
    EXPECT_TRUE(s.closed);
  }
  client.ask(bytes_of(pattern(60'000)));
  talk();
  EXPECT_EQ(as_text(server.streams.back()->data).substr(5), pattern(60'000));
}

TEST_F(ServerWindowsTest, AHeldWindowStopsThePeerUntilItIsLetGo) {
  talk();
  server.s.hold_window(true);
  client.ask(bytes_of(pattern(200'000)));
  talk();
  EXPECT_EQ(at_server().data.size(), 65'535u);
  EXPECT_EQ(server.s.window_owed(), 65'535u);
  talk();
  EXPECT_FALSE(at_server().ended);
  server.s.hold_window(false);
  talk();
  EXPECT_TRUE(at_server().ended);
  EXPECT_EQ(as_text(at_server().data).substr(5), pattern(200'000));
}

TEST_F(ServerWindowsTest, DiscardedPayloadStillGivesItsWindowBack) {
  server.then_head = [](served& s) { s.discard(); };
  client.ask(bytes_of(pattern(60'000)));
  talk();
  client.ask(bytes_of(pattern(50'000)));
  talk();
  EXPECT_EQ(at_server(0).data.size(), 0u);
  server.then_head = nullptr;
  client.ask(bytes_of(pattern(50'000)));
  talk();
  EXPECT_EQ(server.streams.back()->data.size(), 50'005u);
}

TEST(SessionPairPropertyTest, RandomCutsWindowsAndCancelsLoseNothing) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 60; ++round) {
    limits of_server, of_client;
    for (limits* l : {&of_server, &of_client}) {
      l->stream_window = 1 + random() % 100'000;
      l->connection_window = 65'535 + random() % 200'000;
      l->frame_bytes_max = frame_bytes_least + random() % 100'000;
      // Small windows make many small frames, and many updates.
      l->idle_frames_burst = l->idle_frames_per_second = 1'000'000;
      l->acknowledgements_max = 100'000;
      l->frame_bytes_fair = 1;
    }
    of_server.streams_max = 1 + random() % 20;
    // A window takes a turn there and one back.
    const std::uint32_t largest =
        std::min(300'000u, 300 * std::min(of_server.stream_window, of_client.stream_window));
    server_side server(of_server);
    client_side client(of_client);
    std::size_t wanted_back = 0;
    server.then = [&](served& s) {
      server.s.respond(s, ok_head, message(bytes_chain(s.data), ok_trailers));
    };
    std::vector<std::size_t> sizes;
    std::vector<bool> cancelled;
    std::chrono::nanoseconds now{1};
    const auto pass = [&](auto& from, auto& to) {
      bytes_chain out;
      from.s.collect(out, 1 + random() % 300'000);
      const bytes whole = bytes_of(as_text(out));
      for (std::size_t at = 0; at < whole.size();) {
        const std::size_t n = std::min<std::size_t>(
            1 + random() % (random() % 2 == 0 ? 20 : 100'000), whole.size() - at);
        ASSERT_TRUE(to.s.feed(whole.slice(at, n), now += 1ms));
        at += n;
      }
    };
    for (int turn = 0; turn < 3'000; ++turn) {
      if (sizes.size() < 30 && random() % 3 == 0) {
        sizes.push_back(random() % (random() % 4 == 0 ? largest : std::min(largest, 5'000u)));
        cancelled.push_back(false);
        client.ask(bytes_of(pattern(sizes.back(), sizes.size())));
      }
      if (!sizes.empty() && random() % 50 == 0) {
        const std::size_t which = random() % sizes.size();
        if (client.streams[which]->open()) {
          client.s.reset(*client.streams[which], error_code::cancel);
          cancelled[which] = true;
        }
      }
      pass(client, server);
      pass(server, client);
      if (::testing::Test::HasFatalFailure()) return;
      if (sizes.size() == 30 && client.s.streams() == 0 && !client.s.wants_output()) break;
    }
    ASSERT_EQ(client.s.streams(), 0u) << round;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (cancelled[i]) continue;
      ASSERT_EQ(as_text(client.streams[i]->data)
                    .substr(std::min<std::size_t>(10, client.streams[i]->data.size())),
                pattern(sizes[i], i + 1))
          << round << ' ' << i;
      wanted_back += 1;
    }
    ASSERT_GT(wanted_back, 0u);
  }
}

}  // namespace
}  // namespace zc::http2
