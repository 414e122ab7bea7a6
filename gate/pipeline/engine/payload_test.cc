// What must hold of payloads: what came is forwarded as it came where that is right, everything
// else is converted once for all, and a body of several parts is never passed on.
#include "gate/pipeline/engine/payload.h"

#include <thread>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/batch.h"
#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/base/ledger.h"
#include "zc/base/sendable.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::coding;

// What may cross to another shard: the bytes, never a batch of this one.
static_assert(!zc::sendable<payload_ptr> && !zc::sendable<batch> && !zc::sendable<ack>);
static_assert(!zc::sendable<std::vector<batch>> && zc::sendable<zc::bytes_chain>);

struct PayloadTest : ::testing::Test {
  std::string text = kit::request_of(signal::traces, 50);
  zc::bytes_chain plain = kit::chain_of(text);
  kit::workplace at;
  conversion via = at.context.converting(zc::urgency::ordinary);

  payload_ptr gzipped(unsigned parts = 1) {
    return zc::make_local<payload>(signal::traces, kit::packed(at, plain, coding::gzip),
                                   coding::gzip, payload::facts{parts, 50, {}});
  }
  std::uint64_t inflates() const { return at.counts.conversions.inflates.read(); }
  std::uint64_t deflates() const { return at.counts.conversions.deflates.read(); }
};

TEST_F(PayloadTest, TheReceivedCodingIsServedWithTheReceivedBytes) {
  const payload_ptr p = gzipped();
  const auto body = p->as(coding::gzip, 6, via);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body, &p->received());
  EXPECT_EQ(inflates() + deflates(), 0U);
}

TEST_F(PayloadTest, AnIdentityBodyIsItsOwnIdentity) {
  const payload_ptr p =
      zc::make_local<payload>(signal::traces, plain, std::optional<std::uint64_t>(50));
  EXPECT_EQ(*p->identity(via), &p->received());
  EXPECT_EQ(p->inflated_bytes(), text.size());
  EXPECT_EQ(inflates(), 0U);
}

TEST_F(PayloadTest, InflatesOnceForAll) {
  const payload_ptr p = gzipped();
  EXPECT_FALSE(p->inflated_bytes());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(kit::text_of(**p->identity(via)), text);
  EXPECT_TRUE(p->as(coding::zstd, 0, via));
  EXPECT_EQ(inflates(), 1U);
  EXPECT_EQ(p->inflated_bytes(), text.size());
}

TEST_F(PayloadTest, CompressesOncePerCodingAndLevelForAll) {
  const payload_ptr p = gzipped();
  const auto first = *p->as(coding::zstd, 1, via);
  const zc::bytes_chain kept = *first;
  EXPECT_EQ(*p->as(coding::zstd, 1, via), first);
  EXPECT_EQ(deflates(), 1U);
  EXPECT_TRUE(p->as(coding::zstd, 3, via));
  EXPECT_TRUE(p->as(coding::snappy, 0, via));
  EXPECT_TRUE(p->as(coding::zstd, 3, via));
  EXPECT_EQ(deflates(), 3U);
  EXPECT_EQ(inflates(), 1U);
  const auto back = at.with.inflate(kept, coding::zstd, 1 << 20, at.on.memory());
  EXPECT_EQ(kit::text_of(*back), text);
}

TEST_F(PayloadTest, ABodyOfSeveralPartsIsNeverPassedOn) {
  zc::bytes_chain two = kit::packed(at, plain, coding::gzip);
  two.append(kit::packed(at, plain, coding::gzip));
  const payload_ptr p =
      zc::make_local<payload>(signal::traces, two, coding::gzip, payload::facts{2, 100, {}});
  const auto body = p->as(coding::gzip, 0, via);
  ASSERT_TRUE(body);
  EXPECT_NE(*body, &p->received());
  unsigned parts = 0;
  const auto back =
      at.with.inflate(**body, coding::gzip, 1 << 20, at.on.memory(), zc::urgency::ordinary, &parts);
  EXPECT_EQ(parts, 1U);
  EXPECT_EQ(kit::text_of(*back), text + text);
}

TEST_F(PayloadTest, ABodyThatNobodyLookedAtTurnsOutToHavePartsWhenItIsInflated) {
  zc::bytes_chain two = kit::packed(at, plain, coding::gzip);
  two.append(kit::packed(at, plain, coding::gzip));
  const payload_ptr p =
      zc::make_local<payload>(signal::traces, two, coding::gzip, payload::facts{});
  ASSERT_TRUE(p->identity(via));
  EXPECT_EQ(p->parts(), 2U);
  EXPECT_NE(*p->as(coding::gzip, 0, via), &p->received());
}

TEST_F(PayloadTest, WhatTheInspectionInflatedIsNotInflatedAgain) {
  const payload_ptr p = gzipped();
  p->keep_inflated(plain, 1);
  EXPECT_EQ(kit::text_of(**p->identity(via)), text);
  EXPECT_EQ(inflates(), 0U);
  EXPECT_EQ(*p->as(coding::gzip, 0, via), &p->received());
}

TEST_F(PayloadTest, ABodyThatDoesNotInflateIsTriedOnce) {
  const payload_ptr p = zc::make_local<payload>(signal::traces, kit::chain_of("no gzip at all"),
                                                coding::gzip, payload::facts{});
  EXPECT_FALSE(p->identity(via));
  EXPECT_FALSE(p->as(coding::zstd, 0, via));
  EXPECT_EQ(inflates(), 0U);
}

TEST_F(PayloadTest, TheInflatedLimitHolds) {
  const payload_ptr p = gzipped();
  conversion tight{at.with, at.on.memory(), text.size() - 1, at.counts.conversions};
  const auto body = p->identity(tight);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, zc::errc::too_large);
}

TEST_F(PayloadTest, WantOfMemoryIsNotRememberedAsABrokenBody) {
  kit::workplace poor(64 * 1024);
  std::vector<zc::bytes_builder> hog;
  while (true) {
    hog.push_back(poor.on.memory().take(1));
    if (!hog.back()) break;
  }
  const payload_ptr p = gzipped();
  const auto refused = p->identity(poor.context.converting(zc::urgency::ordinary));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, zc::errc::exhausted);
  EXPECT_TRUE(p->identity(via));
}

TEST_F(PayloadTest, RemembersABoundedNumberOfForms) {
  const payload_ptr p =
      zc::make_local<payload>(signal::traces, plain, std::optional<std::uint64_t>(50));
  for (int level = 1; level <= 9; ++level) ASSERT_TRUE(p->as(coding::zstd, level, via));
  EXPECT_EQ(deflates(), 9U);
  ASSERT_TRUE(p->as(coding::zstd, 9, via));
  EXPECT_EQ(deflates(), 9U);
  ASSERT_TRUE(p->as(coding::zstd, 1, via));  // made room for level 9
  EXPECT_EQ(deflates(), 10U);
}

TEST_F(PayloadTest, ConvertingCopiesNoPayload) {
  const payload_ptr p = gzipped();
  const auto before = zc::ledger::read();
  ASSERT_TRUE(p->identity(via));
  ASSERT_TRUE(p->as(coding::gzip, 0, via));
  const auto after = zc::ledger::read();
  EXPECT_EQ(after.copied(), before.copied());
}

TEST_F(PayloadTest, SharingCostsAReferenceAndTheLastOneEndsIt) {
  payload_ptr a = gzipped();
  EXPECT_TRUE(a.unique());
  {
    const payload_ptr b = a;
    EXPECT_FALSE(a.unique());
    EXPECT_EQ(a.get(), b.get());
  }
  EXPECT_TRUE(a.unique());
}

#if ZC_DCHECKS
TEST(PayloadDeathTest, UseOnAnotherThreadIsCaughtInDebugBuilds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const payload_ptr p = kit::plain_payload(signal::logs, 1);
        std::thread([&] { const payload_ptr stolen = p; }).join();
      },
      "belongs to the thread that made it");
}
#endif

}  // namespace
}  // namespace sluice
