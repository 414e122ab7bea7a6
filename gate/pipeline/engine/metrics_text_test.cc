// What must hold of the metrics page: the Collector's names, shards added up, text that Prometheus
// can parse.
#include "gate/pipeline/engine/metrics_text.h"

#include <array>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace sluice {
namespace {

using otlp::signal;

struct MetricsTextTest : ::testing::Test {
  metrics first, second;
  std::string page() const {
    const std::array<const metrics*, 2> shards{&first, &second};
    return prometheus_text(shards);
  }
  static bool has_line(const std::string& page, const std::string& line) {
    return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
  }
};

TEST_F(MetricsTextTest, CountersOfAllShardsAreAddedUp) {
  first.receiver("otlp", "grpc").of[signal::traces].accepted.add(3);
  second.receiver("otlp", "grpc").of[signal::traces].accepted.add(4);
  second.receiver("otlp", "http").of[signal::metrics].refused.add(9);
  const std::string text = page();
  EXPECT_TRUE(
      has_line(text, R"(otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 7)"));
  EXPECT_TRUE(has_line(
      text, R"(otelcol_receiver_refused_metric_points{receiver="otlp",transport="http"} 9)"));
  EXPECT_TRUE(has_line(
      text, R"(otelcol_receiver_accepted_log_records{receiver="otlp",transport="grpc"} 0)"));
}

TEST_F(MetricsTextTest, ExportersHaveTheCollectorsNames) {
  for (metrics* m : {&first, &second}) {
    exporter_metrics& e = m->exporter("otlp_grpc/a");
    e.queue_capacity.set(1000);
    e.queue_size.add(5);
    e.in_flight.add(2);
    e.of[signal::logs].sent.add(10);
    e.of[signal::logs].send_failed.add(1);
    e.of[signal::logs].enqueue_failed.add(2);
  }
  const std::string text = page();
  EXPECT_TRUE(has_line(text, R"(otelcol_exporter_queue_capacity{exporter="otlp_grpc/a"} 1000)"));
  EXPECT_TRUE(has_line(text, R"(otelcol_exporter_queue_size{exporter="otlp_grpc/a"} 10)"));
  EXPECT_TRUE(has_line(text, R"(otelcol_exporter_in_flight_requests{exporter="otlp_grpc/a"} 4)"));
  EXPECT_TRUE(has_line(text, R"(otelcol_exporter_sent_log_records{exporter="otlp_grpc/a"} 20)"));
  EXPECT_TRUE(
      has_line(text, R"(otelcol_exporter_send_failed_log_records{exporter="otlp_grpc/a"} 2)"));
  EXPECT_TRUE(
      has_line(text, R"(otelcol_exporter_enqueue_failed_log_records{exporter="otlp_grpc/a"} 4)"));
}

TEST_F(MetricsTextTest, AnExporterWithoutAQueueShowsNone) {
  first.exporter("debug").of[signal::logs].sent.add(1);
  EXPECT_EQ(page().find("otelcol_exporter_queue_size"), std::string::npos);
}

TEST_F(MetricsTextTest, BatchSizesAreAHistogram) {
  processor_metrics& p = first.processor("batch");
  p.send_size.record(10);
  p.send_size.record(11);
  p.send_size.record(1'000'000);
  p.of[signal::traces].incoming.add(5);
  p.timeout_trigger.add(2);
  const std::string text = page();
  const std::string name = "otelcol_processor_batch_batch_send_size";
  EXPECT_TRUE(has_line(text, name + R"(_bucket{processor="batch",le="10"} 1)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{processor="batch",le="25"} 2)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{processor="batch",le="100000"} 2)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{processor="batch",le="+Inf"} 3)"));
  EXPECT_TRUE(has_line(text, name + R"(_sum{processor="batch"} 1000021)"));
  EXPECT_TRUE(has_line(text, name + R"(_count{processor="batch"} 3)"));
  EXPECT_TRUE(
      has_line(text, R"(otelcol_processor_batch_timeout_trigger_send{processor="batch"} 2)"));
  EXPECT_TRUE(has_line(
      text, R"(otelcol_processor_incoming_items{processor="batch",otel_signal="traces"} 5)"));
}

TEST_F(MetricsTextTest, EveryFamilyIsAnnouncedOnceAndEverySampleBelongsToOne) {
  first.receiver("otlp", "grpc").of[signal::profiles].accepted.add(1);
  first.processor("batch").send_size.record(1);
  first.exporter("e").queue_capacity.set(1);
  std::istringstream lines(page());
  std::set<std::string> announced;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(announced.insert(current).second) << current;
      continue;
    }
    EXPECT_TRUE(line.starts_with(current)) << line;
    EXPECT_NE(line.find_last_of("0123456789"), std::string::npos) << line;
  }
  EXPECT_TRUE(announced.contains("otelcol_receiver_accepted_profiles"));
  EXPECT_TRUE(announced.contains("sluice_inflates"));
}

TEST_F(MetricsTextTest, LabelValuesAreEscaped) {
  EXPECT_TRUE(escape_label("a\"b\\c\nd") == std::string_view(R"(a\"b\\c\nd)"));
  const std::string plain = "nothing to escape, and nothing is copied";
  EXPECT_EQ(escape_label(plain).is_borrowed(), true);
  first.exporter("we\"ird").of[signal::traces].sent.add(1);
  EXPECT_TRUE(has_line(page(), R"(otelcol_exporter_sent_spans{exporter="we\"ird"} 1)"));
}

TEST_F(MetricsTextTest, AskingAgainGivesTheSameCounters) {
  exporter_metrics& a = first.exporter("a");
  for (int i = 0; i < 100; ++i) first.exporter("x" + std::to_string(i));
  EXPECT_EQ(&first.exporter("a"), &a);
  EXPECT_NE(&first.receiver("otlp", "grpc"), &first.receiver("otlp", "http"));
}

}  // namespace
}  // namespace sluice
