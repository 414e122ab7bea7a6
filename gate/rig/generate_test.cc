// What must hold of generated requests: they count as many items as promised, have the sizes of
// real fleets, compress as real telemetry does, are the same for a seed, and stamping changes what
// it should and nothing else.
#include "gate/rig/generate.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gate/otlp/walk.h"
#include "gate/rig/census.h"
#include "gate/rig/scenery.h"
#include "gate/rig/sequences.h"
#include "zc/mem/quota.h"
#include "zc/testing/expect_copies.h"
#include "zc/wire/coding/coder.h"

namespace sluice::rig {
namespace {

using otlp::signal;
constexpr signal drawn[] = {signal::traces, signal::metrics, signal::logs};

generator make(signal s, std::size_t items = 1'000, std::uint64_t seed = 1, std::size_t variety = 2,
               std::size_t resources = 0) {
  auto made = generator::make({s, items, resources, variety, seed});
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

struct gathered final : census_visitor {
  void on_items(const identity& first, std::uint64_t count) override {
    for (std::uint64_t i = 0; i < count; ++i) {
      all.push_back({first.run, first.worker, first.sequence + i});
    }
  }
  std::vector<identity> all;
};

TEST(GenerateTest, CountsAsManyItemsAsPromised) {
  for (const signal s : drawn) {
    for (const std::size_t items : {1, 2, 7, 100, 1'000, 5'000}) {
      const generator g = make(s, items, 3, 1);
      const auto counted = otlp::count_items(s, g.at(0).as_drawn());
      ASSERT_TRUE(counted.has_value()) << counted.error().reason;
      EXPECT_EQ(*counted, items) << otlp::name_of(s);
    }
  }
}

TEST(GenerateTest, IsValidToTheLastField) {
  for (const signal s : drawn) {
    const generator g = make(s);
    const auto report = otlp::validate_full(s, g.at(0).as_drawn());
    ASSERT_TRUE(report.has_value()) << report.error().reason << " at " << report.error().offset;
    EXPECT_EQ(report->items, 1'000u);
    EXPECT_EQ(report->bad_ids, 0u);
    EXPECT_EQ(report->bad_utf8, 0u);
  }
}

TEST(GenerateTest, ItemsHaveTheSizesOfRealFleets) {
  const std::map<signal, std::pair<std::size_t, std::size_t>> ranges{
      {signal::traces, {600, 800}}, {signal::logs, {340, 390}}, {signal::metrics, {250, 350}}};
  for (const auto& [s, range] : ranges) {
    const generator g = make(s, 1'000, 1, 8);
    const std::size_t per_item = g.mean_size() / 1'000;
    EXPECT_GE(per_item, range.first) << otlp::name_of(s);
    EXPECT_LE(per_item, range.second) << otlp::name_of(s);
  }
}

TEST(GenerateTest, AResourceHasAboutThirtyAttributes) {
  dice d(1);
  draft r;
  draw_resource(r, d);
  EXPECT_GE(r.size(), 1'000u);
  EXPECT_LE(r.size(), 1'500u);
}

TEST(GenerateTest, CompressesAsRealTelemetryDoes) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  zc::coder coder;
  for (const signal s : drawn) {
    const generator g = make(s);
    const auto body = g.at(0).stamped({{1, 2, 3}, epoch, 99}, memory);
    ASSERT_TRUE(body.has_value());
    const auto coded = coder.deflate(*body, zc::coding::gzip, 6, memory);
    ASSERT_TRUE(coded.has_value());
    const double ratio = static_cast<double>(body->size()) / static_cast<double>(coded->size());
    EXPECT_GE(ratio, 3.0) << otlp::name_of(s);
    EXPECT_LE(ratio, 8.5) << otlp::name_of(s);
  }
}

// It is the memory it was drawn into: nothing was moved to make room, whatever the dice say.
TEST(GenerateTest, ATemplateLiesWhereItWasDrawn) {
  for (const signal s : drawn) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const scene what{.items = 300, .resources = 3};
      dice d(seed);
      EXPECT_USER_COPIES(0) {
        draft request(expected_size(s, what));
        const std::byte* const at = request.written().data();
        draw_request(request, s, what, d);
        const request_template made(std::move(request), what.items);
        EXPECT_EQ(made.as_drawn().data(), at);
      }
    }
  }
}

TEST(GenerateTest, MakingTemplatesCopiesNothing) {
  for (const signal s : drawn) {
    for (const std::size_t items : {1, 7, 100, 1'000}) {
      EXPECT_USER_COPIES(0) {
        (void)make(s, items, 5, 4);
      }
    }
  }
}

TEST(GenerateTest, WithoutRoomADraftGrowsAndDrawsTheSame) {
  const scene what{.items = 300, .resources = 3};
  for (const signal s : drawn) {
    dice d(4), again(4);
    draft none, enough(expected_size(s, what));
    const zc::ledger::scope growing;
    draw_request(none, s, what, d);
    EXPECT_GT(growing.copied(), 0u);
    EXPECT_LT(growing.copied(), 2 * none.size());  // at least doubled each time
    draw_request(enough, s, what, again);
    EXPECT_EQ(std::move(none).freeze(), std::move(enough).freeze());
  }
}

TEST(GenerateTest, TheSameSeedDrawsTheSameAndAnotherSeedDoesNot) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const stamp how{{5, 6, 7}, 1'800'000'000'000'000'000, 42};
  for (const signal s : drawn) {
    const generator a = make(s, 200, 9);
    const generator b = make(s, 200, 9);
    const generator c = make(s, 200, 10);
    EXPECT_EQ(*a.at(1).stamped(how, memory), *b.at(1).stamped(how, memory));
    EXPECT_NE(a.at(1).as_drawn(), c.at(1).as_drawn());
    EXPECT_NE(a.at(0).as_drawn(), a.at(1).as_drawn());  // templates differ
  }
}

// Whichever compiler made the program: two builds that are compared send the same. The sums are
// those of today's scenery, and change with it.
TEST(GenerateTest, EveryCompilerDrawsTheSame) {
  const auto sum = [](signal s) {
    const generator g = make(s, 300, 7, 1);
    std::uint64_t fnv = 0xcbf29ce484222325U;
    for (const std::byte b : g.at(0).as_drawn().view()) {
      fnv = (fnv ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3U;
    }
    return fnv;
  };
  EXPECT_EQ(sum(signal::traces), 1270610849806119640U);
  EXPECT_EQ(sum(signal::metrics), 6338047806697681960U);
  EXPECT_EQ(sum(signal::logs), 6188185131899705581U);
}

TEST(GenerateTest, EveryItemHasItsOwnIdentityInSequence) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  for (const signal s : drawn) {
    const generator g = make(s, 500);
    const auto body = g.at(0).stamped({{77, 8, 1'000}, epoch, 1}, memory);
    gathered found;
    const auto counted = take_census(s, body->view(), found);
    ASSERT_TRUE(counted.has_value());
    EXPECT_EQ(counted->items, 500u);
    EXPECT_EQ(counted->traced, 500u);
    ASSERT_EQ(found.all.size(), 500u);
    for (std::size_t i = 0; i < 500; ++i) EXPECT_EQ(found.all[i], (identity{77, 8, 1'000 + i}));
  }
}

TEST(GenerateTest, AsDrawnNothingIsTraced) {
  const generator g = make(signal::logs, 50);
  gathered found;
  const auto counted = take_census(signal::logs, g.at(0).as_drawn().view(), found);
  ASSERT_TRUE(counted.has_value());
  EXPECT_EQ(counted->items, 50u);
  EXPECT_EQ(counted->traced, 0u);
  EXPECT_TRUE(found.all.empty());
}

// Where `b` differs from `a`, in runs.
std::size_t differing_bytes(const zc::bytes& a, const zc::bytes& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i] ? 1 : 0;
  return count;
}

TEST(GenerateTest, StampingWithTheTemplatesOwnValuesChangesOnlyIds) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const generator g = make(signal::metrics, 300);  // metrics have no trace ids here
  const auto same = g.at(0).stamped({{0, 0, 0}, epoch, 1}, memory);
  // Identities of run 0 count up from 0: at most two characters differ per item.
  EXPECT_EQ(same->size(), g.at(0).size());
  EXPECT_LE(differing_bytes(*same, g.at(0).as_drawn()), 2u * 300);
}

TEST(GenerateTest, TraceIdsOfDifferentStampsNeverMeet) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const generator g = make(signal::traces, 300);
  // A span starts with its trace id: tag 0a, length 16; then tag 12, length 8.
  const auto ids_of = [](const zc::bytes& body) {
    std::set<std::string> ids;
    const std::string_view text = body.text();
    for (std::size_t at = text.find("\x0a\x10"); at != text.npos;
         at = text.find("\x0a\x10", at + 1)) {
      if (at + 20 < text.size() && text.substr(at + 18, 2) == "\x12\x08") {
        ids.emplace(text.substr(at + 2, 16));
      }
    }
    return ids;
  };
  const auto first = ids_of(*g.at(0).stamped({{1, 1, 0}, epoch, 1}, memory));
  const auto second = ids_of(*g.at(0).stamped({{1, 1, 0}, epoch, 2}, memory));
  EXPECT_GT(first.size(), 300u / 15);
  EXPECT_EQ(first.size(), second.size());
  for (const std::string& id : second) EXPECT_FALSE(first.contains(id));
}

TEST(GenerateTest, TimesMoveToThePresent) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const generator g = make(signal::logs, 10, 1, 1);
  const std::uint64_t now = 1'900'000'000'123'456'789;
  const auto body = g.at(0).stamped({{1, 1, 0}, now, 1}, memory);
  std::size_t seen = 0;
  for (std::size_t i = 0; i + 9 <= body->size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, body->data() + i + 1, 8);
    // time_unix_nano (09) and observed_time_unix_nano (59)
    const auto tag = std::to_integer<int>(body->data()[i]);
    if ((tag == 0x09 || tag == 0x59) && word + 2'000'000'000 > now && word < now + 1'000'000'000) {
      seen += 1;
    }
  }
  EXPECT_EQ(seen, 20u);
}

TEST(GenerateTest, RefusesWhatCannotBe) {
  EXPECT_FALSE(generator::make({signal::profiles}));
  EXPECT_FALSE(generator::make({signal::logs, 0}));
  EXPECT_FALSE(generator::make({signal::logs, 10, 11}));
  EXPECT_FALSE(generator::make({signal::logs, generator::items_max + 1}));
  EXPECT_FALSE(generator::make({signal::logs, 10, 0, 0}));
  EXPECT_FALSE(generator::make({signal::logs, 10, 0, generator::variety_max + 1}));
}

TEST(GenerateTest, ARequestThatIsOverIsStampedAgainWhereItLies) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const stamp first{{5, 6, 7}, 1'800'000'000'000'000'000, 42};
  const stamp second{{5, 6, 1'000'007}, 1'900'000'000'000'000'000, 43};
  for (const signal s : drawn) {
    const generator g = make(s, 200);
    const auto fresh = g.at(0).stamped(second, memory);
    auto over = g.at(0).stamped(first, memory);
    ASSERT_TRUE(fresh.has_value() && over.has_value());
    const std::byte* const at = over->data();
    EXPECT_USER_COPIES(0) {
      const auto again = g.at(0).stamped(second, memory, std::move(*over));
      ASSERT_TRUE(again.has_value());
      EXPECT_EQ(again->data(), at);
      EXPECT_EQ(*again, *fresh);  // nothing of the first stamp is left
    }
  }
}

TEST(GenerateTest, ARequestThatSomebodyHoldsStillIsCopiedAndLeftAsItIs) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const generator g = make(signal::logs, 50);
  auto over = g.at(0).stamped({{1, 1, 0}, epoch, 1}, memory);
  ASSERT_TRUE(over.has_value());
  const zc::bytes under_way = *over;
  const std::string content(under_way.text());
  EXPECT_USER_COPIES(content.size()) {
    const auto again = g.at(0).stamped({{1, 1, 50}, epoch, 2}, memory, std::move(*over));
    ASSERT_TRUE(again.has_value());
    EXPECT_NE(*again, under_way);
  }
  EXPECT_EQ(under_way.text(), content);
}

TEST(GenerateDeathTest, ARequestOfAnotherTemplateIsNotTaken) {
  zc::quota limits(1_GiB);
  zc::pool memory(limits);
  const generator g = make(signal::logs, 50);
  EXPECT_DEATH((void)g.at(0).stamped({}, memory, zc::bytes::copy_of("other")), "of this template");
}

TEST(GenerateTest, WithoutMemoryThereIsNoRequest) {
  zc::quota limits(4_KiB);
  zc::pool memory(limits);
  const generator g = make(signal::traces, 100, 1, 1);
  const auto none = g.at(0).stamped({}, memory);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, zc::errc::exhausted);
}

}  // namespace
}  // namespace sluice::rig
