// What must hold of a channel, whatever its topology: what is sent successfully is received exactly
// once, in the order of its sender; no bound is ever exceeded; full, empty, closed, late and too
// heavy are answers, after which the value is still the sender's.
//
// Method: one body of tests for all topologies. Any list of commands is models_test.cc, threads that
// wait channel_threads_test.cc, coroutines channel_coroutines_test.cc, and every interleaving of
// small models of the same code channel_interleavings_test.cc.

#include "zc/shard/channel.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/channel_for_tests.h"

namespace zc {
namespace {

using namespace for_tests;
using namespace std::chrono_literals;

template <class Topology>
class ChannelTest : public channel_cases<Topology> {};
TYPED_TEST_SUITE(ChannelTest, topologies, topology_names);

TYPED_TEST(ChannelTest, WhatIsSentIsReceivedInOrder) {
  typename TestFixture::plain c({.items_max = 3});
  for (int round = 0; round < 5; ++round) {  // over the end of the ring, and the lap
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(c.try_send(make(round * 3 + i)));
    for (int i = 0; i < 3; ++i) ASSERT_EQ(**c.try_receive(), round * 3 + i);
  }
  EXPECT_EQ(c.try_receive().error(), refusal::empty);
}

TYPED_TEST(ChannelTest, FullIsAnAnswerAndTheValueIsStillTheSenders) {
  typename TestFixture::plain c({.items_max = 1});
  ASSERT_TRUE(c.try_send(make(1)));
  item second = make(2);
  EXPECT_EQ(c.try_send(std::move(second)).error(), refusal::full);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(c.send_blocking(std::move(second), in(1ms)).error(), refusal::timed_out);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(**c.try_receive(), 1);
  ASSERT_TRUE(c.try_send(std::move(second)));
  EXPECT_EQ(second, nullptr);
}

TYPED_TEST(ChannelTest, TheSumOfWeightsIsBounded) {
  typename TestFixture::heavy c({.items_max = 10, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(6)));
  ASSERT_TRUE(c.try_send(make(0)));
  item five = make(5);
  EXPECT_EQ(c.try_send(std::move(five)).error(), refusal::full);
  ASSERT_TRUE(c.try_send(make(4)));
  EXPECT_EQ(c.stats().weight, 10u);
  EXPECT_EQ(**c.try_receive(), 6);
  ASSERT_TRUE(c.try_send(std::move(five)));
  EXPECT_EQ(c.stats().weight, 9u);
  EXPECT_EQ(c.stats().weight_high, 10u);
  EXPECT_EQ(c.drain(), 3u);
  EXPECT_EQ(c.stats().weight, 0u);
}

TYPED_TEST(ChannelTest, AnItemHeavierThanTheBoundIsRefusedAtOnce) {
  typename TestFixture::heavy c({.items_max = 2, .weight_max = 10});
  item big = make(11);
  EXPECT_EQ(c.try_send(std::move(big)).error(), refusal::too_large);
  EXPECT_EQ(c.send_blocking(std::move(big)).error(), refusal::too_large);  // does not wait for ever
  ASSERT_NE(big, nullptr);
  EXPECT_EQ(c.stats().weight, 0u);
  ASSERT_TRUE(c.try_send(make(10)));
}

TYPED_TEST(ChannelTest, AWeightThatFindsNoSlotIsGivenBack) {
  typename TestFixture::heavy c({.items_max = 1, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(3)));
  EXPECT_EQ(c.try_send(make(3)).error(), refusal::full);
  EXPECT_EQ(c.send_blocking(make(3), in(1ms)).error(), refusal::timed_out);
  EXPECT_EQ(c.stats().weight, 3u);
}

TYPED_TEST(ChannelTest, HostileWeightsDoNotWrap) {
  struct huge {
    std::size_t operator()(const item&) const noexcept { return SIZE_MAX; }
  };
  channel<item, TypeParam, huge> c({.items_max = 4, .weight_max = SIZE_MAX});
  ASSERT_TRUE(c.try_send(make(1)));
  EXPECT_EQ(c.try_send(make(2)).error(), refusal::full);  // SIZE_MAX + SIZE_MAX would wrap
  EXPECT_EQ(c.try_receive_many(SIZE_MAX, [](item&&) {}), 1u);
  ASSERT_TRUE(c.try_send(make(3)));
  channel<item, TypeParam, huge> none({.items_max = 4, .weight_max = SIZE_MAX - 1});
  EXPECT_EQ(none.try_send(make(1)).error(), refusal::too_large);
  typename TestFixture::heavy zero({.items_max = 4, .weight_max = 0});
  EXPECT_EQ(zero.try_send(make(1)).error(), refusal::too_large);
  EXPECT_TRUE(zero.try_send(make(0)));
}

TYPED_TEST(ChannelTest, HostileCapacitiesNameTheContract) {
  const auto open = [](std::size_t n) { typename TestFixture::plain c({.items_max = n}); };
  EXPECT_DEATH(open(0), "1 <= items_max <= 2\\^30");
  EXPECT_DEATH(open(SIZE_MAX), "1 <= items_max <= 2\\^30");
}

TYPED_TEST(ChannelTest, AfterCloseSendersAreRefusedAndReceiversTakeTheRest) {
  typename TestFixture::plain c({.items_max = 4});
  ASSERT_TRUE(c.try_send(make(1)));
  ASSERT_TRUE(c.try_send(make(2)));
  EXPECT_TRUE(c.close());
  EXPECT_FALSE(c.close());
  EXPECT_TRUE(c.closed());
  EXPECT_FALSE(c.drained());
  item three = make(3);
  EXPECT_EQ(c.try_send(std::move(three)).error(), refusal::closed);
  EXPECT_EQ(c.send_blocking(std::move(three)).error(), refusal::closed);
  EXPECT_NE(three, nullptr);
  EXPECT_EQ(**c.receive_blocking(), 1);
  EXPECT_EQ(**c.try_receive(), 2);
  EXPECT_EQ(c.try_receive().error(), refusal::closed);
  EXPECT_EQ(c.receive_blocking().error(), refusal::closed);
  EXPECT_EQ(c.receive_many_blocking(3, SIZE_MAX, [](item&&) {}).error(), refusal::closed);
  EXPECT_TRUE(c.drained());
}

TYPED_TEST(ChannelTest, TheLastSenderThatGoesClosesTheChannel) {
  using of_items = typename TestFixture::plain;
  of_items c({.items_max = 4});
  std::optional<typename of_items::sender> first(std::in_place, c);
  auto second = std::move(*first);
  first.reset();
  EXPECT_FALSE(c.closed());
  ASSERT_TRUE(second->try_send(make(1)));
  static_assert(std::is_copy_constructible_v<typename of_items::sender> == TypeParam::many_senders);
  if constexpr (TypeParam::many_senders) {
    auto third = second;
    second = typename of_items::sender(std::move(third));
  }
  EXPECT_FALSE(c.closed());
  {
    const auto last = std::move(second);
  }
  EXPECT_TRUE(c.closed());
  EXPECT_EQ(**c.try_receive(), 1);
  EXPECT_TRUE(c.drained());
}

TYPED_TEST(ChannelTest, WhatIsInsideIsDestroyedWithTheChannel) {
  const auto value = std::make_shared<int>(1);
  {
    channel<std::shared_ptr<int>, TypeParam> c({.items_max = 3});
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(c.try_send(std::shared_ptr(value)));
    (void)c.try_receive();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(c.try_send(std::shared_ptr(value)));
    EXPECT_EQ(value.use_count(), 4);
    EXPECT_EQ(c.drain(), 3u);
    EXPECT_EQ(value.use_count(), 1);
    ASSERT_TRUE(c.try_send(std::shared_ptr(value)));
  }
  EXPECT_EQ(value.use_count(), 1);
}

TYPED_TEST(ChannelTest, ManyAreReceivedUpToANumberAndAWeight) {
  typename TestFixture::heavy c({.items_max = 8, .weight_max = 100});
  for (const int n : {20, 5, 5, 5, 1}) ASSERT_TRUE(c.try_send(make(n)));
  std::vector<int> got;
  const auto take = [&](item&& i) { got.push_back(*i); };
  EXPECT_EQ(c.try_receive_many(0, take), 0u);
  EXPECT_EQ(c.try_receive_many(9, 10, take), 1u);  // heavier than all of it: alone
  EXPECT_EQ(c.try_receive_many(9, 12, take), 2u);
  EXPECT_EQ(c.try_receive_many(1, 99, take), 1u);
  EXPECT_EQ(*c.receive_many_blocking(9, SIZE_MAX, take), 1u);
  EXPECT_EQ(c.try_receive_many(9, take), 0u);
  EXPECT_EQ(c.receive_many_blocking(9, 1, take, in(1ms)).error(), refusal::timed_out);
  EXPECT_EQ(got, (std::vector{20, 5, 5, 5, 1}));
  EXPECT_EQ(c.stats().weight, 0u);
}

TYPED_TEST(ChannelTest, StatisticsCountWhatIsThereAndWhatWas) {
  typename TestFixture::plain c({.items_max = 4});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(c.try_send(make(i)));
  EXPECT_EQ(c.stats().depth, 3u);
  (void)c.try_receive();
  const channel_statistics now = c.stats();
  EXPECT_EQ(now.depth, 2u);
  EXPECT_EQ(now.depth_high, 3u);
  EXPECT_EQ(now.sent, 3u);
  EXPECT_EQ(now.received, 1u);
  EXPECT_EQ(now.senders_waiting + now.receivers_waiting, 0u);
  while (c.try_send(make(0))) {
  }
  (void)c.drain();
  EXPECT_EQ(c.stats().depth_high, 4u);
  EXPECT_EQ(c.stats().received, 5u);
}

}  // namespace
}  // namespace zc
