// What must hold of the debug exporter: the Collector's lines, sampled and bounded, and never a
// failure.
#include "gate/pipeline/exporters/debug_exporter.h"

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "gate/pipeline/exporters/nop_exporter.h"

namespace sluice {
namespace {

using otlp::signal;

struct DebugExporterTest : ::testing::Test {
  kit::workplace at;
  debug_exporter_settings how;
  std::unique_ptr<debug_exporter> node;
  void give(payload_ptr p) {
    if (!node) node = std::make_unique<debug_exporter>(at.context, "debug", how);
    kit::slot s;
    node->consume({std::move(p), s.ask(), {}});
    EXPECT_TRUE(s.ok());
  }
};

TEST_F(DebugExporterTest, BasicPrintsTheCollectorsLines) {
  give(kit::plain_payload(signal::traces, 2));
  at.time.advance(std::chrono::seconds(2));
  at.run_for(milliseconds(1));
  give(kit::plain_payload(signal::metrics, 3));
  give(kit::plain_payload(signal::logs, 4));
  ASSERT_EQ(at.out.lines.size(), 3U);
  EXPECT_EQ(at.out.lines[0].message, R"(Traces {"resource spans": 1, "spans": 2})");
  EXPECT_EQ(at.out.lines[1].message,
            R"(Metrics {"resource metrics": 1, "metrics": 3, "data points": 3})");
  EXPECT_EQ(at.out.lines[2].message, R"(Logs {"resource logs": 1, "log records": 4})");
  EXPECT_EQ(at.out.lines[0].component, "debug");
}

TEST_F(DebugExporterTest, CompressedBodiesAreShownToo) {
  const auto plain = kit::chain_of(kit::request_of(signal::logs, 4));
  give(zc::make_local<payload>(signal::logs, kit::packed(at, plain, zc::coding::zstd),
                               zc::coding::zstd, payload::facts{}));
  EXPECT_TRUE(at.out.says(R"("log records": 4)"));
}

TEST_F(DebugExporterTest, SamplesPerSecond) {
  how.sampling_initial = 2;
  how.sampling_thereafter = 5;
  for (int i = 0; i < 12; ++i) give(kit::plain_payload(signal::logs, 1));
  EXPECT_EQ(at.out.lines.size(), 4U);  // 1, 2, 7, 12
  at.run_for(milliseconds(1'001));
  give(kit::plain_payload(signal::logs, 1));
  EXPECT_EQ(at.out.lines.size(), 5U);
}

TEST_F(DebugExporterTest, AReloadChangesWhatIsShownFromNowOn) {
  give(kit::plain_payload(signal::logs, 1, "before"));
  EXPECT_FALSE(at.out.says("LogRecord #0"));
  how.verbosity = debug_verbosity::detailed;
  node->configure(how);
  at.run_for(milliseconds(1'001));
  give(kit::plain_payload(signal::logs, 1, "after"));
  EXPECT_TRUE(at.out.says("LogRecord #0"));
}

TEST_F(DebugExporterTest, ThereafterZeroMeansNoneAndOneMeansAll) {
  how.sampling_initial = 1;
  how.sampling_thereafter = 0;
  for (int i = 0; i < 5; ++i) give(kit::plain_payload(signal::logs, 1));
  EXPECT_EQ(at.out.lines.size(), 1U);
  how.sampling_thereafter = 1;
  node.reset();
  for (int i = 0; i < 5; ++i) give(kit::plain_payload(signal::logs, 1));
  EXPECT_EQ(at.out.lines.size(), 6U);
}

TEST_F(DebugExporterTest, ABodyThatCannotBeReadIsReportedAndAcknowledged) {
  give(zc::make_local<payload>(signal::logs, kit::chain_of("\x0a\x7f"), zc::coding::identity,
                               payload::facts{}));
  EXPECT_TRUE(at.out.says("cannot be shown"));
}

TEST_F(DebugExporterTest, OutputIsBounded) {
  how.verbosity = debug_verbosity::detailed;
  give(kit::plain_payload(signal::logs, 5'000));
  ASSERT_EQ(at.out.lines.size(), 1U);
  EXPECT_LE(at.out.lines[0].message.size(), debug_exporter::text_bytes_max + 256);
  EXPECT_TRUE(at.out.says("(cut here"));
}

TEST(NopExporterTest, CountsAndAcknowledges) {
  kit::workplace at;
  nop_exporter node(at.context, "nop");
  kit::slot s;
  node.consume({kit::plain_payload(signal::logs, 7), s.ask(), {}});
  EXPECT_TRUE(s.ok());
  EXPECT_EQ(at.counts.exporter("nop").of[signal::logs].sent.read(), 7U);
}

}  // namespace
}  // namespace sluice
