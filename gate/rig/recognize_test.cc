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
using for_tests::drawing;
using for_tests::request_of;
using for_tests::text_of;
using otlp::signal;

std::optional<signal> told(const drawing& item) {
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
  const auto sum = [](draft& d) {
    d.text(1, "requests");
    d.message(7);
  };
  EXPECT_EQ(told([](draft& started) { started.fixed(7, 1); }), signal::traces);
  EXPECT_EQ(told([](draft& severe) { severe.number(2, 9); }), signal::logs);
  EXPECT_EQ(told([](draft& observed) { observed.fixed(11, 1); }), signal::logs);
  EXPECT_EQ(told([](draft& at) { at.fixed(1, 1); }), signal::logs);
  EXPECT_EQ(told(sum), signal::metrics);
  EXPECT_EQ(told([](draft& taken) { taken.fixed(3, 1); }), signal::profiles);
}

TEST(RecognizeTest, IdsAreNotANameOfTheSameLength) {
  const auto span = [](draft& d) {
    d.text(1, std::string("\x01\x02\xff\x80 some entropy", 16).substr(0, 16));
    d.text(2, "01234567");
    d.text(5, "GET /");
  };
  const auto metric = [](draft& d) {
    d.text(1, "http.server.time");
    d.text(2, "duration");
    d.message(9);
  };
  EXPECT_EQ(told(span), signal::traces);
  EXPECT_EQ(told(metric), signal::metrics);
}

TEST(RecognizeTest, TheFirstItemThatDecidesIsAskedNotTheFirstOne) {
  const auto nothing = [](draft& d) { d.text(5, "x"); };
  const auto empty = [](draft&) {};
  const auto log = [](draft& d) { d.fixed(1, 5); };
  EXPECT_EQ(recognize(as_bytes(request_of({nothing, empty, log}))), signal::logs);
}

TEST(RecognizeTest, ADictionaryIsOfProfiles) {
  const std::string request = text_of([](draft& d) {
    d.message(1);
    d.message(2);
  });
  EXPECT_EQ(recognize(as_bytes(request)), signal::profiles);
}

TEST(RecognizeTest, WhatTellsNothingGetsNoAnswer) {
  EXPECT_EQ(recognize({}), std::nullopt);
  EXPECT_EQ(recognize(as_bytes(request_of({}))), std::nullopt);
  EXPECT_EQ(told([](draft&) {}), std::nullopt);
  EXPECT_EQ(told([](draft& name_only) { name_only.text(1, "a"); }), std::nullopt);
  EXPECT_EQ(told([](draft& text_only) { text_only.text(5, "body"); }), std::nullopt);
  EXPECT_EQ(told([](draft& foreign) { foreign.number(40, 1); }), std::nullopt);
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
