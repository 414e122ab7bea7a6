// What must hold of the report of a status: rates are over the time between the two pages, rows are
// compared with themselves wherever they lie, and no figure of a stranger's page makes nonsense.

#include "gate/app/status_report.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::uint64_t second = 1'000'000'000;

void put(status_receiver& row, std::string_view name, std::uint64_t signal, std::uint64_t items) {
  put_name(row.name, name);
  put_name(row.transport, "grpc");
  row.signal = signal;
  row.accepted = items;
}

class StatusReportTest : public ::testing::Test {
 protected:
  StatusReportTest()
      : before(std::make_unique<status_page>()), now(std::make_unique<status_page>()) {
    before->head.written_at = 100 * second;
    now->head.written_at = 102 * second;
    for (status_page* page : {before.get(), now.get()}) {
      put_name(page->head.version, "1.2.3");
      page->head.shards = 2;
      page->head.memory_limit = std::uint64_t{512} << 20;
      page->head.memory_payload = std::uint64_t{3} << 19;
    }
  }
  status_look look() const { return {.process = 4711, .before = *before, .now = *now}; }
  std::string table() const { return status_table(look()); }
  std::string json() const { return status_json(look()); }

  std::unique_ptr<status_page> before;
  std::unique_ptr<status_page> now;
};

TEST_F(StatusReportTest, RatesAreOverTheTimeBetweenThePages) {
  before->head.receivers = now->head.receivers = 1;
  put(before->receivers[0], "otlp", 2, 1000);
  put(now->receivers[0], "otlp", 2, 4000);
  now->head.cpu_ns = second / 2;
  now->head.refused_memory = 10;
  EXPECT_THAT(json(), AllOf(HasSubstr(R"("receiver":"otlp","transport":"grpc","signal":"logs",)"
                                      R"("accepted":4000,"accepted_per_second":1500,)"),
                            HasSubstr(R"("interval_seconds":2,)"),
                            HasSubstr(R"("refused_memory":10,"refused_memory_per_second":5,)")));
  EXPECT_THAT(table(),
              AllOf(ContainsRegex("otlp +grpc +logs +1.50k +0 +0 +0 +0 +4.00k"),
                    HasSubstr("CPU 25 %"), HasSubstr("refused for memory 5/s"),
                    HasSubstr("1.5 MiB of 512.0 MiB"), HasSubstr("2 shards, 0 connections"),
                    StartsWith("sluice 1.2.3, process 4711: running, up ")));
}

TEST_F(StatusReportTest, ARowIsComparedWithItselfWhereverItWas) {
  before->head.receivers = 2;
  put(before->receivers[0], "b", 2, 1000);
  put(before->receivers[1], "a", 2, 500);
  now->head.receivers = 3;
  put(now->receivers[0], "a", 2, 600);
  put(now->receivers[1], "a", 0, 40);  // new
  put(now->receivers[2], "b", 2, 1002);
  EXPECT_THAT(json(), AllOf(HasSubstr(R"("accepted":600,"accepted_per_second":50,)"),
                            HasSubstr(R"("accepted":40,"accepted_per_second":20,)"),
                            HasSubstr(R"("accepted":1002,"accepted_per_second":1,)")));
}

TEST_F(StatusReportTest, ExportersAndQueuesAreThere) {
  before->head.exporters = now->head.exporters = 1;
  before->head.queues = now->head.queues = 2;
  put_name(before->exporters[0].name, "otlp_grpc/a");
  now->exporters[0] = before->exporters[0];
  now->exporters[0].sent = 20;
  now->exporters[0].send_failed = 4;
  put_name(before->queues[0].name, "otlp_grpc/a");
  put_name(before->queues[1].name, "nop");
  now->queues = before->queues;
  now->queues[0].size = 12;
  now->queues[0].capacity = 1000;
  now->queues[0].requests = 6;
  EXPECT_THAT(table(), AllOf(ContainsRegex("otlp_grpc/a +traces +10 +0 +0 +2 +20 +0 +0 +4"),
                             ContainsRegex("otlp_grpc/a +12 +1.00k +0 +0 +0 +3 +0 +0"),
                             ContainsRegex("nop +- +- +- +- +0 +0 +0 +0")));
  EXPECT_THAT(
      json(),
      AllOf(HasSubstr(R"({"exporter":"otlp_grpc/a","signal":"traces","sent":20,)"
                      R"("sent_per_second":10,"send_failed":4,"send_failed_per_second":2,)"),
            HasSubstr(R"({"exporter":"otlp_grpc/a","size":12,"capacity":1000,)")));
}

TEST_F(StatusReportTest, WhatHasNeverCountedAnythingIsInTheJsonOnly) {
  before->head.receivers = now->head.receivers = 1;
  put(before->receivers[0], "idle", 2, 0);
  put(now->receivers[0], "idle", 2, 0);
  EXPECT_THAT(table(), Not(HasSubstr("idle")));
  EXPECT_THAT(json(), HasSubstr(R"("receiver":"idle")"));
}

TEST_F(StatusReportTest, AGatewayThatIsSilentIsNamedSo) {
  const status_look silent{.process = 4711,
                           .before = *now,
                           .now = *now,
                           .age = std::chrono::milliseconds(5200),
                           .responding = false};
  EXPECT_THAT(status_table(silent), StartsWith("NOT RESPONDING: nothing written for 5.2 s"));
  EXPECT_THAT(status_json(silent), AllOf(HasSubstr(R"("responding":false,"page_age_seconds":5.2,)"),
                                         HasSubstr(R"("interval_seconds":0,)")));
  EXPECT_THAT(table(), Not(HasSubstr("RESPONDING")));
}

TEST_F(StatusReportTest, WhatWasLeftOutIsSaid) {
  EXPECT_THAT(table(), Not(HasSubstr("no room\n")));
  now->head.left_out = 3;
  EXPECT_THAT(table(), HasSubstr("... and 3 rows for which the page has no room\n"));
  EXPECT_THAT(json(), HasSubstr(R"("rows_left_out":3})"));
}

TEST_F(StatusReportTest, NoPageOfAStrangersMakesNonsense) {
  before->head.receivers = now->head.receivers = UINT64_MAX;
  before->head.exporters = now->head.exporters = UINT64_MAX;
  before->head.queues = now->head.queues = UINT64_MAX;
  put(before->receivers[0], "otlp", 2, 1000);
  put(now->receivers[0], "otlp", 2, 10);  // backwards
  put(now->receivers[1], "\x1b]0;title\a\"", 77, UINT64_MAX);
  now->head.state = static_cast<gateway_state>(99);
  now->head.started_at = UINT64_MAX;
  now->head.cpu_ns = UINT64_MAX;
  now->queues[0].capacity = UINT64_MAX;
  std::ranges::fill(now->head.version, '\x1b');
  const std::string text = table();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\a'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("process 4711: unknown, up "));
  EXPECT_THAT(json(), AllOf(HasSubstr(R"("accepted":10,"accepted_per_second":0,)"),
                            HasSubstr(R"("signal":"77")"), HasSubstr(R"(\\x1b]0;title\\x07\")")));
  now->head.written_at = 5;  // before the page before
  now->head.requests = 10;
  EXPECT_THAT(json(), AllOf(HasSubstr(R"("interval_seconds":0,)"),
                            HasSubstr(R"("requests":10,"requests_per_second":0,)")));
  EXPECT_THAT(table(), HasSubstr("in      0 requests/s"));
}

TEST_F(StatusReportTest, AnAgeIsNeverNegative) {
  EXPECT_EQ(age_of(*now, std::chrono::seconds(105)), std::chrono::seconds(3));
  EXPECT_EQ(age_of(*now, std::chrono::seconds(102)), std::chrono::seconds(0));
  EXPECT_EQ(age_of(*now, std::chrono::seconds(1)), std::chrono::seconds(0));
  now->head.written_at = UINT64_MAX;
  EXPECT_EQ(age_of(*now, std::chrono::seconds(105)), std::chrono::seconds(0));
}

}  // namespace
}  // namespace sluice
