// What must hold of load and sink together, over real sockets in one process: everything
// acknowledged has arrived, nothing arrives twice without a reason, and both say so with the same
// figures, whatever the sink does to the load.
//
// Timing is only asserted where the contract is about time (stopping, rates), and generously.
#include "gate/rig/load.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "gate/rig/generate.h"
#include "gate/rig/load_for_tests.h"
#include "zc/testing/expect_copies.h"

namespace sluice::rig {
namespace {

using namespace std::chrono_literals;
using otlp::signal;
using testing::run;
using testing::running_sink;
using testing::small;

// Items acknowledged by `sent` that `got` never saw.
std::uint64_t lost(const load_report& sent, const sink_report& got) {
  std::uint64_t count = 0;
  for (const auto& [from, set] : sent.acknowledged.sources()) {
    const auto found = got.received.sources().find(from);
    count +=
        found == got.received.sources().end() ? set.distinct() : set.count_not_in(found->second);
  }
  return count;
}

struct wire {
  transport via;
  zc::coding coding;
};

class LoadToSink : public ::testing::TestWithParam<wire> {};

TEST_P(LoadToSink, EverythingArrivesOnce) {
  running_sink to;
  load_options how = small(to, GetParam().via);
  how.coding = GetParam().coding;
  const load_report sent = run(how);
  const sink_report got = to.end();

  EXPECT_TRUE(sent.complete());
  const load_totals s = sent.totals();
  EXPECT_EQ(s.requests, 200u);
  EXPECT_EQ(s.attempts, 200u);
  EXPECT_EQ(s.items_acknowledged, 200u * 50);
  EXPECT_EQ(sent.acknowledged.distinct(), 200u * 50);
  EXPECT_EQ(sent.uncertain.distinct(), 0u);
  EXPECT_EQ(sent.latency.count(), 200u);
  EXPECT_NEAR(static_cast<double>(sent.signals.at(signal::traces).requests), 100, 3);  // per worker

  const sink_totals g = got.totals();
  EXPECT_EQ(g.taken, 200u);
  EXPECT_EQ(g.items, 200u * 50);
  EXPECT_EQ(g.traced, g.items);
  EXPECT_EQ(g.bytes, s.bytes_acknowledged);
  EXPECT_EQ(g.telemetry, s.telemetry_acknowledged);
  EXPECT_EQ(got.received.distinct(), 200u * 50);
  EXPECT_EQ(got.received.repeated(), 0u);
  EXPECT_EQ(got.received.missing(), 0u);
  EXPECT_EQ(lost(sent, got), 0u);
  if (GetParam().coding != zc::coding::identity) {
    EXPECT_LT(g.bytes * 2, g.telemetry);
  }
}

TEST_P(LoadToSink, RefusalsAreTriedAgainUntilNothingIsLost) {
  sink_options fails;
  fails.refuse = 0.2;
  if (GetParam().via == transport::grpc) fails.retry_after = 2ms;  // HTTP hints whole seconds
  running_sink to(fails);
  load_options how = small(to, GetParam().via);
  how.coding = GetParam().coding;
  const load_report sent = run(how);
  const sink_report got = to.end();

  EXPECT_TRUE(sent.complete());
  EXPECT_GT(sent.totals().attempts, 200u);
  EXPECT_EQ(sent.totals().attempts - 200, got.totals().refused);
  EXPECT_EQ(got.received.distinct(), 200u * 50);
  EXPECT_EQ(got.received.repeated(), 0u);  // what was refused was not taken
  EXPECT_EQ(lost(sent, got), 0u);
}

TEST_P(LoadToSink, CutConnectionsLoseNothingThatWasAcknowledged) {
  sink_options fails;
  fails.cut = 0.03;
  running_sink to(fails);
  load_options how = small(to, GetParam().via);
  how.coding = GetParam().coding;
  const load_report sent = run(how);
  const sink_report got = to.end();

  EXPECT_TRUE(sent.complete());
  EXPECT_GT(got.totals().cut, 0u);
  EXPECT_EQ(got.received.distinct(), 200u * 50);
  EXPECT_EQ(got.received.missing(), 0u);
  EXPECT_EQ(lost(sent, got), 0u);
}

INSTANTIATE_TEST_SUITE_P(Wires, LoadToSink,
                         ::testing::Values(wire{transport::grpc, zc::coding::identity},
                                           wire{transport::grpc, zc::coding::gzip},
                                           wire{transport::http, zc::coding::identity},
                                           wire{transport::http, zc::coding::gzip}),
                         [](const auto& test) {
                           return std::string(test.param.via == transport::grpc ? "Grpc" : "Http") +
                                  (test.param.coding == zc::coding::gzip ? "Gzip" : "Plain");
                         });

TEST(LoadTest, OtherCodingsArriveToo) {
  for (const zc::coding c : {zc::coding::zstd, zc::coding::snappy, zc::coding::deflate}) {
    running_sink to;
    load_options how = small(to, transport::http);
    how.coding = c;
    how.requests = 20;
    const load_report sent = run(how);
    const sink_report got = to.end();
    EXPECT_TRUE(sent.complete()) << zc::name_of(c);
    EXPECT_EQ(got.received.distinct(), 20u * 50) << zc::name_of(c);
  }
}

TEST(LoadTest, UntracedRequestsAreSentAsTheyAre) {
  for (const zc::coding c : {zc::coding::identity, zc::coding::gzip}) {
    running_sink to;
    load_options how = small(to, transport::grpc);
    how.trace_items = false;
    how.coding = c;
    const load_report sent = run(how);
    const sink_report got = to.end();
    EXPECT_TRUE(sent.complete());
    EXPECT_EQ(got.totals().items, 200u * 50);
    EXPECT_EQ(got.totals().traced, 0u);
    EXPECT_EQ(got.received.distinct(), 0u);
    EXPECT_EQ(got.totals().telemetry, sent.totals().telemetry_acknowledged);
  }
}

// After the first of each template, requests are stamped where others lay that are over.
TEST(LoadTest, TracedRequestsAreNotCopiedFromTheirTemplates) {
  for (const transport via : {transport::grpc, transport::http}) {
    for (const zc::coding c : {zc::coding::identity, zc::coding::gzip}) {
      sink_options blind;
      blind.look = scrutiny::none;
      running_sink to(blind);
      load_options how = small(to, via);
      how.mix = {{signal::logs, 1}};
      how.coding = c;
      how.requests = 1'000;
      const auto drawn = generator::make({signal::logs, how.items, 0, how.variety, how.seed});
      ASSERT_TRUE(drawn.has_value());
      // What is to be compressed is over as soon as it is.
      const std::size_t kept = c == zc::coding::identity ? how.connections * how.in_flight +
                                                               how.in_flight + 2 * drawn->variety()
                                                         : drawn->variety();
      EXPECT_USER_COPIES_AT_MOST(kept * (drawn->mean_size() + 1)) {
        EXPECT_TRUE(run(how).complete());
      }
      EXPECT_EQ(to.end().totals().taken, 1'000u);
    }
  }
}

TEST(LoadTest, ManyThreadsOnBothSidesAgree) {
  sink_options wide;
  wide.threads = 3;
  running_sink to(wide);
  load_options how = small(to, transport::grpc);
  how.threads = 2;
  how.connections = 8;
  how.requests = 1'000;
  const load_report sent = run(how);
  const sink_report got = to.end();
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(got.received.distinct(), 1'000u * 50);
  EXPECT_EQ(got.received.repeated(), 0u);
  EXPECT_EQ(got.received.sources().size(), 8u * 3);
  EXPECT_EQ(lost(sent, got), 0u);
}

TEST(LoadTest, WithoutRetryARefusalIsFinal) {
  sink_options fails;
  fails.refuse = 1;
  fails.refuse_grpc = zc::grpc::code::resource_exhausted;
  running_sink to(fails);
  load_options how = small(to, transport::grpc);
  how.retry = false;
  how.requests = 10;
  const load_report sent = run(how);
  const sink_report got = to.end();
  EXPECT_FALSE(sent.complete());
  EXPECT_EQ(sent.totals().refused, 10u);
  EXPECT_EQ(sent.attempts_failed.at("RESOURCE_EXHAUSTED"), 10u);
  EXPECT_EQ(sent.uncertain.distinct(), 10u * 50);
  EXPECT_EQ(got.received.distinct(), 0u);
}

TEST(LoadTest, PartialSuccessIsNotAcknowledgedWithoutReserve) {
  sink_options partly;
  partly.partial = 1;
  partly.partial_rejected = 7;
  running_sink to(partly);
  for (const transport via : {transport::grpc, transport::http}) {
    load_options how = small(to, via);
    how.requests = 10;
    const load_report sent = run(how);
    EXPECT_FALSE(sent.complete());
    EXPECT_EQ(sent.totals().partial, 10u);
    EXPECT_EQ(sent.totals().items_rejected, 70u);
    EXPECT_EQ(sent.totals().items_acknowledged, 10u * 43);
    EXPECT_EQ(sent.acknowledged.distinct(), 0u);
    EXPECT_EQ(sent.uncertain.distinct(), 10u * 50);
  }
  EXPECT_EQ(to.end().totals().partial, 20u);
}

TEST(LoadTest, StopsInTimeWhenTheTargetNeverAnswers) {
  for (const transport via : {transport::grpc, transport::http}) {
    sink_options mute;
    mute.silence = 1;
    running_sink to(mute);
    load_options how = small(to, via);
    how.duration = 200ms;
    how.drain = 200ms;
    const auto start = std::chrono::steady_clock::now();
    const load_report sent = run(how);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    EXPECT_EQ(sent.totals().requests, 12u);  // every slot of every worker
    EXPECT_EQ(sent.totals().unanswered, 12u);
    EXPECT_EQ(sent.uncertain.distinct(), 12u * 50);
    EXPECT_EQ(to.end().totals().silent, 12u);
  }
}

TEST(LoadTest, WhatWaitsToBeSentAgainWhenItEndsIsUnanswered) {
  for (const transport via : {transport::grpc, transport::http}) {
    sink_options refusing;
    refusing.refuse = 1;
    running_sink to(refusing);
    load_options how = small(to, via);
    how.retry_min = 1min;
    how.retry_max = 1min;
    how.duration = 500ms;
    how.drain = 50ms;
    const load_report sent = run(how);
    EXPECT_EQ(sent.totals().requests, 12u);
    EXPECT_EQ(sent.totals().attempts, 12u);
    EXPECT_EQ(sent.totals().unanswered, 12u);
    EXPECT_EQ(sent.totals().refused + sent.totals().failed, 0u);
    EXPECT_EQ(sent.uncertain.distinct(), 12u * 50);
    EXPECT_FALSE(sent.attempts_failed.empty());
  }
}

TEST(LoadTest, FewerStreamsThanRequestsMayBeUnderWayAreEnough) {
  sink_options narrow;
  narrow.streams_max = 2;
  narrow.refuse = 0.1;
  running_sink to(narrow);
  load_options how = small(to, transport::grpc);
  how.connections = 1;
  how.in_flight = 50;
  how.requests = 500;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(sent.totals().requests, 500u);
  EXPECT_EQ(to.end().received.distinct(), 500u * 50);
}

TEST(LoadTest, MoreThanABurstMayBeUnderWay) {
  running_sink to;
  load_options how = small(to, transport::grpc);
  how.connections = 1;
  how.in_flight = 500;
  how.items = 2;
  how.requests = 3'000;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(sent.totals().requests, 3'000u);
  EXPECT_EQ(to.end().received.distinct(), 3'000u * 2);
}

TEST(LoadTest, ATargetThatIsNotThereIsReportedAndLeft) {
  zc::endpoint nowhere;
  {
    running_sink gone;
    nowhere = gone.at(transport::grpc);
    (void)gone.end();
  }
  load_options how;
  how.targets = {nowhere};
  how.items = 10;
  how.in_flight = 2;
  how.duration = 200ms;
  how.drain = 100ms;
  how.retry_min = 10ms;
  how.quiet = true;
  const auto start = std::chrono::steady_clock::now();
  const load_report sent = run(how);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
  EXPECT_FALSE(sent.complete());
  EXPECT_EQ(sent.totals().acknowledged, 0u);
  EXPECT_GT(sent.totals().requests, 0u);
  EXPECT_EQ(sent.totals().unanswered, sent.totals().requests);
  EXPECT_EQ(sent.uncertain.distinct(), sent.totals().items);
}

TEST(LoadTest, StopsWhenToldTo) {
  running_sink to;
  load_options how = small(to, transport::grpc);
  how.requests = 0;
  how.duration = 0ms;
  std::atomic<bool> stop{false};
  auto ended = std::async(std::launch::async, [&] { return load(how, stop); });
  std::this_thread::sleep_for(100ms);
  stop = true;
  const auto sent = ended.get();
  ASSERT_TRUE(sent.has_value());
  EXPECT_TRUE(sent->complete());
  EXPECT_GT(sent->totals().requests, 0u);
  const sink_report got = to.end();
  EXPECT_EQ(got.received.distinct(), sent->totals().items);
  EXPECT_EQ(lost(*sent, got), 0u);
}

TEST(LoadTest, KeepsTheRate) {
  running_sink to;
  load_options how = small(to, transport::grpc);
  how.requests = 0;
  how.rate = 20'000;  // 400 requests a second
  how.duration = 1s;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_GE(sent.totals().requests + sent.requests_late, 399u);
  EXPECT_LE(sent.totals().requests, 410u);
  EXPECT_EQ(sent.since_due.count(), sent.totals().requests);
}

TEST(LoadTest, ASlowReaderSlowsTheLoadAndLosesNothing) {
  sink_options slow;
  slow.read_rate = 2e6;
  running_sink to(slow);
  load_options how = small(to, transport::http);
  how.mix = {{signal::logs, 1}};
  how.requests = 60;  // about 1.1 MB
  const auto start = std::chrono::steady_clock::now();
  const load_report sent = run(how);
  EXPECT_GT(std::chrono::steady_clock::now() - start, 300ms);
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(to.end().received.distinct(), 60u * 50);
}

TEST(LoadTest, DelayedAnswersTakeAtLeastTheirDelay) {
  sink_options late;
  late.delay_min = 20ms;
  late.delay_max = 40ms;
  running_sink to(late);
  load_options how = small(to, transport::grpc);
  how.requests = 30;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_GE(sent.latency.min(), 20'000'000u);
  EXPECT_EQ(to.end().totals().taken, 30u);
}

TEST(LoadTest, TheSinkWritesWhatItTook) {
  const auto directory = std::filesystem::temp_directory_path() / "sluice_rig_load_test";
  std::filesystem::remove_all(directory);
  sink_options writing;
  writing.write_directory = directory.string();
  running_sink to(writing);
  load_options how = small(to, transport::grpc);
  how.mix = {{signal::logs, 1}};
  how.coding = zc::coding::gzip;
  how.requests = 10;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(to.end().unwritten, 0u);

  std::ifstream file(directory / "logs-0.otlp", std::ios::binary);
  std::uint64_t bodies = 0;
  std::uint64_t bytes = 0;
  for (unsigned char prefix[4]; file.read(reinterpret_cast<char*>(prefix), 4); ++bodies) {
    const std::uint32_t size = static_cast<std::uint32_t>(prefix[0]) << 24 |
                               static_cast<std::uint32_t>(prefix[1]) << 16 |
                               static_cast<std::uint32_t>(prefix[2]) << 8 | prefix[3];
    std::string body(size, '\0');
    ASSERT_TRUE(file.read(body.data(), size));
    bytes += size;
  }
  EXPECT_EQ(bodies, 10u);
  EXPECT_EQ(bytes, sent.totals().telemetry_acknowledged);
  std::filesystem::remove_all(directory);
}

TEST(LoadTest, OptionsThatMakeNoSenseAreRefused) {
  std::atomic<bool> stop{false};
  load_options good;
  good.targets = {zc::endpoint{"127.0.0.1", 1, ""}};
  const auto refused = [&](auto change) {
    load_options how = good;
    change(how);
    return !load(how, stop).has_value();
  };
  EXPECT_TRUE(refused([](load_options& o) { o.targets.clear(); }));
  EXPECT_TRUE(refused([](load_options& o) { o.mix.clear(); }));
  EXPECT_TRUE(refused([](load_options& o) { o.mix.push_back(o.mix[0]); }));
  EXPECT_TRUE(refused([](load_options& o) { o.mix[0].weight = 0; }));
  EXPECT_TRUE(refused([](load_options& o) { o.connections = 0; }));
  EXPECT_TRUE(refused([](load_options& o) { o.in_flight = 0; }));
  EXPECT_TRUE(refused([](load_options& o) { o.threads = 0; }));
  EXPECT_TRUE(refused([](load_options& o) { o.rate = -1; }));
  EXPECT_TRUE(refused([](load_options& o) { o.items = 0; }));
  EXPECT_FALSE(sink({}, stop).has_value());
}

TEST(LoadTest, ReportsSayTheSameToPeopleAndPrograms) {
  running_sink to;
  load_options how = small(to, transport::grpc);
  how.mix = {{signal::logs, 1}};
  how.connections = 1;
  how.requests = 4;
  how.run = 0xabc;
  const load_report sent = run(how);
  const sink_report got = to.end();
  const std::string json = json_of(sent, how);
  EXPECT_NE(json.find(R"("run":"0000000000000abc")"), json.npos);
  EXPECT_NE(json.find(R"("items_acknowledged":200)"), json.npos);
  EXPECT_NE(json.find(R"("ranges":[[0,199]])"), json.npos);
  EXPECT_NE(text_of(sent).find("200 acknowledged"), std::string::npos);
  const std::string heard = json_of(got, scrutiny::verify);
  EXPECT_NE(heard.find(R"("ranges":[[0,199]],"ranges_complete":true)"), heard.npos);
  EXPECT_NE(text_of(got, scrutiny::verify).find("200 distinct, 0 duplicates, 0 missing"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::rig
