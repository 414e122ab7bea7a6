// What must hold of recognize: every request that SDKs and Collectors send is told from its own
// fields, what tells nothing gets no answer, and no bytes lead to a wrong one by accident of
// length.
//
// That the fields are those of the official classes is tests/e2e/test_replay.py.
#include "gate/rig/recognize.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gate/rig/drafts_for_tests.h"
#include "gate/rig/generate.h"

namespace sluice::rig {
namespace {

using for_tests::as_bytes;
using for_tests::request_of;
using otlp::signal;

std::optional<signal> told(const draft& item) {
  return recognize(as_bytes(request_of({item})));
}

TEST(RecognizeTest, WhatTheGeneratorDrawsIsTold) {
  for (const signal s : {signal::traces, signal::metrics, signal::logs}) {
    const auto g = generator::make({s, 20, 3, 4, 7});
    ASSERT_TRUE(g.has_value());
    for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(recognize(g->at(i).as_drawn()), s);
  }
}

TEST(RecognizeTest, OneFieldThatOnlyOneSignalHasIsEnough) {
  draft started, severe, observed, at, sum, taken;
  started.fixed(7, 1);
  severe.number(2, 9);
  observed.fixed(11, 1);
  at.fixed(1, 1);
  sum.text(1, "requests");
  sum.message(7, draft());
  taken.fixed(3, 1);
  EXPECT_EQ(told(started), signal::traces);
  EXPECT_EQ(told(severe), signal::logs);
  EXPECT_EQ(told(observed), signal::logs);
  EXPECT_EQ(told(at), signal::logs);
  EXPECT_EQ(told(sum), signal::metrics);
  EXPECT_EQ(told(taken), signal::profiles);
}

TEST(RecognizeTest, IdsAreNotANameOfTheSameLength) {
  draft span, metric;
  span.text(1, std::string("\x01\x02\xff\x80 some entropy", 16).substr(0, 16));
  span.text(2, "01234567");
  span.text(5, "GET /");
  metric.text(1, "http.server.time");
  metric.text(2, "duration");
  metric.message(9, draft());
  EXPECT_EQ(told(span), signal::traces);
  EXPECT_EQ(told(metric), signal::metrics);
}

TEST(RecognizeTest, TheFirstItemThatDecidesIsAskedNotTheFirstOne) {
  draft nothing, log;
  nothing.text(5, "x");
  log.fixed(1, 5);
  EXPECT_EQ(recognize(as_bytes(request_of({nothing, draft(), log}))), signal::logs);
}

TEST(RecognizeTest, ADictionaryIsOfProfiles) {
  draft request;
  request.message(1, draft());
  request.message(2, draft());
  EXPECT_EQ(recognize(as_bytes(request.bytes())), signal::profiles);
}

TEST(RecognizeTest, WhatTellsNothingGetsNoAnswer) {
  draft name_only, text_only, foreign;
  name_only.text(1, "a");
  text_only.text(5, "body");
  foreign.number(40, 1);
  EXPECT_EQ(recognize({}), std::nullopt);
  EXPECT_EQ(recognize(as_bytes(request_of({}))), std::nullopt);
  EXPECT_EQ(told(draft()), std::nullopt);
  EXPECT_EQ(told(name_only), std::nullopt);
  EXPECT_EQ(told(text_only), std::nullopt);
  EXPECT_EQ(told(foreign), std::nullopt);
  EXPECT_EQ(recognize(as_bytes(std::string("\xff\xff\xff", 3))), std::nullopt);
}

TEST(RecognizeTest, ACutNeverMakesAnotherSignalOfIt) {
  for (const signal s : {signal::traces, signal::metrics, signal::logs}) {
    const auto g = generator::make({s, 3, 1, 1, 3});
    ASSERT_TRUE(g.has_value());
    const auto whole = g->at(0).as_drawn().view();
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const auto found = recognize(whole.first(size));
      ASSERT_TRUE(!found || *found == s) << otlp::name_of(s) << " cut at " << size;
    }
  }
}

}  // namespace
}  // namespace sluice::rig
