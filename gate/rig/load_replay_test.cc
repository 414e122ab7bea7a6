// What must hold of a load that replays: every request of the archive arrives as it lies there, as
// often as asked and no more, and is not copied on the way to the socket.
//
// That every field is what a gateway archived is tests/e2e/test_replay.py, by the official classes.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "gate/rig/archive_for_tests.h"
#include "gate/rig/load_for_tests.h"
#include "zc/base/ledger.h"
#include "zc/testing/expect_copies.h"

namespace sluice::rig {
namespace {

using namespace std::chrono_literals;
using otlp::signal;
using testing::drawn;
using testing::record;
using testing::run;
using testing::running_sink;
using testing::zstd;

// An archive of twelve requests, four of each signal, of 20 and more items.
class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rig_replay_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    for (std::size_t i = 0; i < 12; ++i) {
      bodies_.push_back(drawn(otlp::all_signals[i % 3], 20 + i));
      telemetry_ += bodies_.back().size();
      items_ += 20 + i;
    }
  }
  ~ReplayTest() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<const archive> archived(const std::vector<std::string>& records,
                                          const std::string& end = "") const {
    const std::string path = folder_ + "/archive.binpb";
    std::ofstream file(path, std::ios::binary);
    for (const std::string& r : records) file << record(r);
    file << end;
    file.close();
    auto opened = archive::open({path});
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : text_of(opened.error()));
    return opened ? std::make_shared<const archive>(std::move(*opened)) : nullptr;
  }
  static load_options replay(const running_sink& to, transport via,
                             std::shared_ptr<const archive> what) {
    load_options how = testing::small(to, via);
    how.trace_items = false;
    how.requests = 0;
    how.replay = std::move(what);
    return how;
  }
  // What the sink wrote of one signal.
  std::string written(signal s) const {
    std::ifstream file(folder_ + "/" + std::string(otlp::name_of(s)) + "-0.otlp", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  sink_options writing() const {
    sink_options o;
    o.write_directory = folder_;
    return o;
  }

  std::string folder_;
  std::vector<std::string> bodies_;
  std::uint64_t telemetry_ = 0;
  std::uint64_t items_ = 0;
};

TEST_F(ReplayTest, EveryRequestArrivesOnceByteForByteAndInOrder) {
  for (const transport via : {transport::grpc, transport::http}) {
    for (const zc::coding c : {zc::coding::identity, zc::coding::gzip, zc::coding::zstd}) {
      running_sink to(writing());
      load_options how = replay(to, via, archived(bodies_));
      how.coding = c;
      how.connections = 1;
      how.in_flight = 1;
      const load_report sent = run(how);
      const sink_report got = to.end();
      EXPECT_TRUE(sent.complete());
      EXPECT_EQ(sent.totals().requests, 12u);
      EXPECT_EQ(sent.totals().items_acknowledged, items_);
      EXPECT_EQ(sent.totals().telemetry_acknowledged, telemetry_);
      EXPECT_EQ(sent.totals().bytes_acknowledged, got.totals().bytes);
      EXPECT_EQ(sent.acknowledged.distinct() + sent.uncertain.distinct(), 0u);
      EXPECT_EQ(got.totals().items, items_);
      for (std::size_t s = 0; s < 3; ++s) {
        std::string expected;
        for (std::size_t i = s; i < 12; i += 3) expected += record(bodies_[i]);
        EXPECT_EQ(written(otlp::all_signals[s]), expected);
        EXPECT_EQ(sent.signals.at(otlp::all_signals[s]).requests, 4u);
      }
    }
  }
}

TEST_F(ReplayTest, UncompressedRequestsAreNotCopied) {
  for (const transport via : {transport::grpc, transport::http}) {
    sink_options blind;
    blind.look = scrutiny::none;
    running_sink to(blind);
    load_options how = replay(to, via, archived(bodies_));
    how.repeat = 20;
    EXPECT_USER_COPIES(0) {
      EXPECT_TRUE(run(how).complete());
    }
    EXPECT_EQ(to.end().totals().taken, 240u);
  }
}

TEST_F(ReplayTest, CompressedRequestsGoAsTheyLieWhereTheCodingIsTheSame) {
  std::vector<std::string> frames;
  std::uint64_t size = 0;
  for (const std::string& b : bodies_) size += frames.emplace_back(zstd(b)).size();
  for (const transport via : {transport::grpc, transport::http}) {
    for (const zc::coding c : {zc::coding::zstd, zc::coding::identity, zc::coding::gzip}) {
      running_sink to(writing());
      load_options how = replay(to, via, archived(frames));
      how.coding = c;
      how.connections = 1;
      how.in_flight = 1;
      const zc::ledger::scope made(zc::ledger::threads::all);
      const load_report sent = run(how);
      const auto coded = made.so_far().bytes;
      const sink_report got = to.end();
      EXPECT_TRUE(sent.complete());
      EXPECT_EQ(got.totals().items, items_);
      EXPECT_EQ(got.totals().telemetry, telemetry_);
      EXPECT_EQ(sent.totals().telemetry_acknowledged, telemetry_);
      if (c == zc::coding::zstd) {
        EXPECT_EQ(got.totals().bytes, size);
        EXPECT_EQ(coded[static_cast<std::size_t>(zc::ledger::reason::deflate)], 0u);
      }
      EXPECT_EQ(written(signal::traces),
                record(bodies_[0]) + record(bodies_[3]) + record(bodies_[6]) + record(bodies_[9]));
    }
  }
}

TEST_F(ReplayTest, SeveralWorkersSendEachRequestAsOftenAsAsked) {
  running_sink to(writing());
  load_options how = replay(to, transport::grpc, archived(bodies_));
  how.repeat = 5;
  how.threads = 2;
  how.connections = 4;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_EQ(sent.totals().requests, 60u);
  EXPECT_EQ(to.end().totals().items, 5 * items_);
  std::string all = written(signal::traces) + written(signal::metrics) + written(signal::logs);
  for (const std::string& b : bodies_) {
    std::size_t found = 0;
    for (std::size_t at = all.find(b); at != all.npos; at = all.find(b, at + 1)) ++found;
    EXPECT_EQ(found, 5u);
  }
}

TEST_F(ReplayTest, RequestsAndDurationEndItToo) {
  running_sink to;
  load_options how = replay(to, transport::grpc, archived(bodies_));
  how.requests = 7;
  EXPECT_EQ(run(how).totals().requests, 7u);
  how.requests = 30;
  how.repeat = 0;
  EXPECT_EQ(run(how).totals().requests, 30u);
  how.requests = 0;
  how.duration = 200ms;
  const load_report timed = run(how);
  EXPECT_TRUE(timed.complete());
  EXPECT_GT(timed.totals().requests, 12u);
  EXPECT_LT(timed.seconds, 5);
}

TEST_F(ReplayTest, KeepsTheRateInItems) {
  running_sink to;
  load_options how = replay(to, transport::grpc, archived(bodies_));
  how.repeat = 0;
  how.rate = 5'000;
  how.duration = 1s;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  const double due = 5'000.0 * 12 / static_cast<double>(items_);  // requests in a second
  EXPECT_GE(static_cast<double>(sent.totals().requests + sent.requests_late), due - 3);
  EXPECT_LE(static_cast<double>(sent.totals().requests), due + 6);
}

TEST_F(ReplayTest, RefusalsAreTriedAgainWithTheSameBytes) {
  sink_options fails = writing();
  fails.refuse = 0.3;
  running_sink to(fails);
  load_options how = replay(to, transport::http, archived(bodies_));
  how.repeat = 10;
  const load_report sent = run(how);
  EXPECT_TRUE(sent.complete());
  EXPECT_GT(sent.totals().attempts, 120u);
  EXPECT_EQ(to.end().totals().items, 10 * items_);
}

TEST_F(ReplayTest, WhatWasCutOffIsSaidAndIsNotComplete) {
  running_sink to;
  load_options how = replay(to, transport::grpc, archived(bodies_, std::string(3, 'x')));
  const load_report sent = run(how);
  EXPECT_EQ(sent.totals().acknowledged, 12u);
  EXPECT_FALSE(sent.complete());
  EXPECT_EQ(sent.cut_bytes, how.replay->cut_bytes());
  EXPECT_NE(text_of(sent).find("left out"), std::string::npos);
  const std::string json = json_of(sent, how);
  EXPECT_NE(json.find(R"("complete":false)"), json.npos);
  EXPECT_NE(json.find(R"("replay":{"files":1,"requests":12,)"), json.npos) << json;
  EXPECT_EQ(json.find("items_per_request"), json.npos);
}

TEST_F(ReplayTest, CannotCarryIdentities) {
  std::atomic<bool> stop{false};
  load_options how;
  how.targets = {zc::endpoint{"127.0.0.1", 1, ""}};
  how.replay = archived(bodies_);
  const auto refused = load(how, stop);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, zc::errc::malformed);
}

// An archive is mapped: what is written into its file meanwhile is what is read.
TEST_F(ReplayTest, RecordsThatAreOverwrittenMeanwhileFailAndTheOthersArrive) {
  std::vector<std::string> records;
  for (const std::string& b : bodies_) records.push_back(zstd(b));
  auto what = archived(records);
  ASSERT_NE(what, nullptr);
  std::fstream file(folder_ + "/archive.binpb", std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(4 + records[0].size() + 4));
  file << std::string(records[1].size(), 'x');
  file.close();
  running_sink to;
  load_options how = replay(to, transport::grpc, std::move(what));  // inflated to be sent
  how.repeat = 2;
  const load_report r = run(how);
  EXPECT_EQ(r.totals().failed, 2u);
  EXPECT_EQ(r.totals().acknowledged, 22u);
  EXPECT_FALSE(r.complete());
  ASSERT_EQ(r.attempts_failed.size(), 1u);
  EXPECT_TRUE(r.attempts_failed.begin()->first.starts_with("archive changed: "));
}

}  // namespace
}  // namespace sluice::rig
