// What must hold of a channel, whatever its topology: what is sent successfully is received exactly
// once, in the order of its sender; no bound is ever exceeded; full, empty, closed, late and too
// heavy are answers, after which the value is still the sender's; and whoever waits is woken when
// there is something for it, however many others give up, are destroyed or are faster.
//
// Method: one body of tests for all topologies; a random model (std::deque); every interleaving of
// small models of the same code, and of variants that are broken on purpose; coroutines on shards
// turned by hand; and threads with checksums, which mean something under ThreadSanitizer.

#include "zc/shard/channel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zc/testing/interleave.h"
#include "zc/testing/leaks.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using testing::interleave;
using testing::model_atomics;
using testing::running_shard;
using testing::shard_rig;
using namespace std::chrono_literals;

using item = std::unique_ptr<int>;
item make(int n) {
  return std::make_unique<int>(n);
}
time_point in(nanoseconds d) {
  return std::chrono::steady_clock::now() + d;
}
struct by_value {
  std::size_t operator()(const item& i) const noexcept { return static_cast<std::size_t>(*i); }
  std::size_t operator()(int i) const noexcept { return static_cast<std::size_t>(i); }
};

template <class Topology>
class ChannelTest : public ::testing::Test {
 protected:
  using plain = channel<item, Topology>;
  using heavy = channel<item, Topology, by_value>;
};
using topologies = ::testing::Types<spsc, mpsc, mpmc>;
class topology_names {
 public:
  template <class T>
  static std::string GetName(int) {
    return T::many_receivers ? "Mpmc" : T::many_senders ? "Mpsc" : "Spsc";
  }
};
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

TYPED_TEST(ChannelTest, AgreesWithADequeOfWhateverHappens) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  for (int run = 0; run < 60; ++run) {
    const std::size_t items_max = 1 + random() % 9;
    const std::size_t weight_max = random() % 40;
    typename TestFixture::heavy c({items_max, weight_max});
    std::deque<int> model;
    bool closed = false;
    const auto weight = [&] { return std::accumulate(model.begin(), model.end(), 0ul); };
    const auto take_one = [&](int got) {
      ASSERT_FALSE(model.empty());
      EXPECT_EQ(got, model.front());
      model.pop_front();
    };
    for (int op = 0; op < 500; ++op) {
      const int n = static_cast<int>(random() % 20);
      switch (random() % 8) {
        case 0:
        case 1:
        case 2: {
          std::optional<refusal> expected;
          if (static_cast<std::size_t>(n) > weight_max) {
            expected = refusal::too_large;
          } else if (closed) {
            expected = refusal::closed;
          } else if (model.size() == items_max ||
                     static_cast<std::size_t>(n) > weight_max - weight()) {
            expected = refusal::full;
          }
          const auto sent = c.try_send(make(n));
          ASSERT_EQ(sent ? std::nullopt : std::optional(sent.error()), expected);
          if (sent) model.push_back(n);
          break;
        }
        case 3:
        case 4: {
          const auto got = c.try_receive();
          if (got) {
            take_one(**got);
          } else {
            ASSERT_TRUE(model.empty());
            ASSERT_EQ(got.error(), closed ? refusal::closed : refusal::empty);
          }
          break;
        }
        case 5: {
          const std::size_t most = random() % 5;
          const std::size_t heaviest = random() % 30;
          std::size_t expected = 0;
          std::size_t sum = 0;
          for (const int m : model) {
            sum += static_cast<std::size_t>(m);
            if (expected == most || (expected > 0 && sum > heaviest)) break;
            expected += 1;
            if (sum > heaviest) break;
          }
          ASSERT_EQ(c.try_receive_many(most, heaviest, [&](item&& i) { take_one(*i); }), expected);
          break;
        }
        case 6:
          if (random() % 60 == 0) {
            EXPECT_EQ(c.close(), !closed);
            closed = true;
          }
          break;
        default:
          if (random() % 30 == 0) {
            EXPECT_EQ(c.drain(), model.size());
            model.clear();
          }
      }
      ASSERT_EQ(c.stats().depth, model.size());
      ASSERT_EQ(c.stats().weight, weight());
      ASSERT_EQ(c.drained(), closed && model.empty());
    }
  }
}

// ---- threads that wait ----------------------------------------------------------------------

TYPED_TEST(ChannelTest, AReceiverThatSleepsIsWokenByAnItemAndByTheEnd) {
  typename TestFixture::plain c({.items_max = 2});
  std::thread receiver([&] {
    EXPECT_EQ(**c.receive_blocking(), 1);
    EXPECT_EQ(c.receive_blocking().error(), refusal::closed);
  });
  while (c.stats().receivers_waiting == 0) std::this_thread::yield();
  ASSERT_TRUE(c.try_send(make(1)));
  while (c.stats().received == 0 || c.stats().receivers_waiting == 0) std::this_thread::yield();
  c.close();
  receiver.join();
}

TYPED_TEST(ChannelTest, ASenderThatSleepsIsWokenByRoomAndByTheEnd) {
  typename TestFixture::heavy c({.items_max = 8, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(6)));
  std::thread sender([&] {
    EXPECT_TRUE(c.send_blocking(make(5)));
    EXPECT_EQ(c.send_blocking(make(6)).error(), refusal::closed);
  });
  while (c.stats().senders_waiting == 0) std::this_thread::yield();
  EXPECT_EQ(**c.receive_blocking(), 6);
  while (c.stats().sent < 2 || c.stats().senders_waiting == 0) std::this_thread::yield();
  c.close();
  sender.join();
  EXPECT_EQ(**c.receive_blocking(), 5);
  EXPECT_EQ(c.stats().weight, 0u);
}

// One body for all topologies: as many senders and receivers as it allows, in several ways, until
// everything has come. A checksum, and the order of every sender.
template <class Topology, class Weigh>
void everything_arrives(const channel_limits& limits, int each) {
  constexpr int senders = Topology::many_senders ? 3 : 1;
  constexpr int receivers = Topology::many_receivers ? 3 : 1;
  struct stamped {
    int from = 0;
    int number = 0;
  };
  struct weight_of_stamped {
    std::size_t operator()(const stamped& s) const noexcept {
      return static_cast<std::size_t>(s.number % 7);
    }
  };
  using weigh = std::conditional_t<std::is_same_v<Weigh, unweighed>, unweighed, weight_of_stamped>;
  channel<stamped, Topology, weigh> c(limits);
  std::atomic<int> late{0};
  std::vector<std::thread> sending;
  for (int s = 0; s < senders; ++s) {
    sending.emplace_back([&, s] {
      std::minstd_rand random(static_cast<unsigned>(s + 1));
      for (int i = 0; i < each; ++i) {
        stamped one{s, i};
        for (;;) {
          const auto way = random() % 3;
          const auto sent = way == 0   ? c.try_send(std::move(one))
                            : way == 1 ? c.send_blocking(std::move(one), in(20us))
                                       : c.send_blocking(std::move(one));
          if (sent) break;
          late += 1;
        }
      }
    });
  }
  std::vector<std::vector<stamped>> got(receivers);
  std::vector<std::thread> receiving;
  for (int r = 0; r < receivers; ++r) {
    receiving.emplace_back([&, r] {
      std::minstd_rand random(static_cast<unsigned>(r + 100));
      auto& mine = got[static_cast<std::size_t>(r)];
      const auto take = [&](stamped&& s) { mine.push_back(s); };
      for (bool over = false; !over;) {
        switch (random() % 4) {
          case 0:
            if (auto one = c.receive_blocking()) {
              mine.push_back(*one);
            } else {
              over = true;
            }
            break;
          case 1:
            if (auto one = c.receive_blocking(in(20us))) mine.push_back(*one);
            break;
          case 2:
            over = !c.receive_many_blocking(5, 20, take).has_value();
            break;
          default:
            (void)c.try_receive_many(3, take);
        }
      }
    });
  }
  for (auto& t : sending) t.join();
  c.close();
  for (auto& t : receiving) t.join();
  std::vector<std::vector<bool>> seen(senders, std::vector<bool>(static_cast<std::size_t>(each)));
  std::size_t count = 0;
  for (const auto& mine : got) {
    std::vector<int> last(senders, -1);
    for (const stamped& s : mine) {
      EXPECT_GT(s.number, last[static_cast<std::size_t>(s.from)]) << "the order of a sender";
      last[static_cast<std::size_t>(s.from)] = s.number;
      auto is_seen = seen[static_cast<std::size_t>(s.from)][static_cast<std::size_t>(s.number)];
      EXPECT_FALSE(is_seen) << "twice";
      is_seen = true;
      count += 1;
    }
  }
  EXPECT_EQ(count, static_cast<std::size_t>(senders * each));
  const channel_statistics end = c.stats();
  EXPECT_EQ(end.depth, 0u);
  EXPECT_EQ(end.weight, 0u);
  EXPECT_LE(end.depth_high, limits.items_max);
  EXPECT_LE(end.weight_high, limits.weight_max);
  EXPECT_EQ(end.sent, count);
  EXPECT_EQ(end.received, count);
}

TYPED_TEST(ChannelTest, EverythingArrivesOnceBetweenManyThreads) {
  everything_arrives<TypeParam, unweighed>({.items_max = 16}, 20'000);
}
TYPED_TEST(ChannelTest, EverythingArrivesOnceThroughASingleSlot) {
  everything_arrives<TypeParam, unweighed>({.items_max = 1}, 3'000);
}
TYPED_TEST(ChannelTest, EverythingArrivesOnceUnderABoundByWeight) {
  everything_arrives<TypeParam, by_value>({.items_max = 16, .weight_max = 12}, 10'000);
}

TYPED_TEST(ChannelTest, ASendEitherCameBeforeTheCloseOrKeepsItsValue) {
  for (int round = 0; round < 300; ++round) {
    channel<item, TypeParam> c({.items_max = 4});
    int sent = 0;
    int refused = 0;
    std::thread sender([&] {
      for (int i = 0; i < 100; ++i) {
        item one = make(i);
        const auto how = c.send_blocking(std::move(one));
        sent += how ? 1 : 0;
        refused += !how && one != nullptr ? 1 : 0;
      }
    });
    std::thread closer([&, round] {
      for (int i = 0; i < round * 3; ++i) std_atomics::pause();
      c.close();
    });
    int received = 0;
    while (c.receive_blocking()) received += 1;
    sender.join();
    closer.join();
    ASSERT_EQ(sent, received);
    ASSERT_EQ(sent + refused, 100);
    ASSERT_EQ(c.try_receive().error(), refusal::closed);
  }
}

// ---- coroutines -----------------------------------------------------------------------------

// Runs at once; destroying it destroys the frame, wherever it is suspended.
class job {
 public:
  struct promise_type {
    job get_return_object() {
      return job(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  job() noexcept = default;
  job(job&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  job& operator=(job&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    frame_ = std::exchange(other.frame_, nullptr);
    return *this;
  }
  ~job() { cancel(); }
  void cancel() {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }
  bool done() const { return frame_.done(); }

 private:
  explicit job(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

template <class Channel>
job receive_into(Channel& c, std::vector<int>& into, int most = 1'000'000) {
  for (int i = 0; i < most; ++i) {
    auto got = co_await c.receive();
    if (!got) {
      into.push_back(-1);
      co_return;
    }
    into.push_back(**got);
  }
}
template <class Channel>
job send_all(Channel& c, std::vector<int> what, std::vector<int>& sent) {
  for (const int n : what) {
    item one = make(n);
    const auto how = co_await c.send(std::move(one));
    EXPECT_EQ(one == nullptr, how.has_value());
    if (how) sent.push_back(n);
    if (!how) sent.push_back(how.error() == refusal::too_large ? -2 : -1);
  }
}

TYPED_TEST(ChannelTest, ACoroutineWaitsForAnItemAndForTheEnd) {
  shard_rig r;
  typename TestFixture::plain c({.items_max = 2});
  std::vector<int> got;
  const job receiving = receive_into(c, got);
  r.turns(3);
  EXPECT_EQ(c.stats().receivers_waiting, 1u);
  ASSERT_TRUE(c.try_send(make(1)));
  EXPECT_TRUE(got.empty());  // never inline
  r.turn();
  EXPECT_EQ(got, (std::vector{1}));
  ASSERT_TRUE(c.try_send(make(2)));
  ASSERT_TRUE(c.try_send(make(3)));
  c.close();
  r.turns(2);
  EXPECT_EQ(got, (std::vector{1, 2, 3, -1}));
  EXPECT_TRUE(receiving.done());
}

TYPED_TEST(ChannelTest, ACoroutineWaitsForRoom) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 2, .weight_max = 10});
  std::vector<int> sent;
  const job sending = send_all(c, {6, 5, 11, 1, 2, 3}, sent);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6}));
  EXPECT_EQ(**c.try_receive(), 6);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6, 5, -2, 1}));  // two slots
  EXPECT_EQ(c.try_receive_many(1, [](item&&) {}), 1u);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6, 5, -2, 1, 2}));
  c.close();
  r.turn();
  EXPECT_EQ(sent.back(), -1);
  EXPECT_TRUE(sending.done());
  EXPECT_EQ(c.drain(), 2u);
  EXPECT_EQ(c.stats().weight, 0u);
}

TYPED_TEST(ChannelTest, ACoroutineReceivesManyAtOnce) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 8, .weight_max = 100});
  std::vector<item> got;
  std::vector<std::size_t> counts;
  const auto body = [](auto& from, auto& into, auto& n) -> job {
    for (;;) {
      const auto taken = co_await from.receive_many(into, 3, 10);
      n.push_back(taken.value_or(0));
      if (!taken) co_return;
    }
  };
  const job receiving = body(c, got, counts);
  r.turn();
  for (const int n : {1, 2, 3, 4, 9, 20}) ASSERT_TRUE(c.try_send(make(n)));
  r.turn();
  EXPECT_EQ(counts, (std::vector<std::size_t>{3, 1, 1, 1}));
  c.close();
  r.turn();
  EXPECT_EQ(counts.back(), 0u);
  EXPECT_EQ(got.size(), 6u);
}

TYPED_TEST(ChannelTest, ACancelledReceiverLosesNoItemInWhateverStateItIs) {
  shard_rig r;
  typename TestFixture::plain c({.items_max = 4});
  std::vector<int> got;
  {
    const job waiting = receive_into(c, got);
  }
  EXPECT_EQ(c.stats().receivers_waiting, 0u);
  {
    const job woken = receive_into(c, got);
    ASSERT_TRUE(c.try_send(make(1)));  // fired, and has not run
  }
  r.turns(2);
  EXPECT_TRUE(got.empty());
  EXPECT_EQ(**c.try_receive(), 1);
}

TYPED_TEST(ChannelTest, ACancelledSenderKeepsItsItemAndGivesItsRoomBack) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 4, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(8)));
  std::vector<int> sent;
  {
    const job waiting = send_all(c, {7}, sent);
    EXPECT_EQ(c.stats().senders_waiting, 1u);
  }
  EXPECT_EQ(c.stats().senders_waiting, 0u);
  {
    const job granted = send_all(c, {7}, sent);
    EXPECT_EQ(**c.try_receive(), 8);
    EXPECT_EQ(c.stats().weight, 7u);  // reserved for the one who wakes
  }
  EXPECT_EQ(c.stats().weight, 0u);
  EXPECT_EQ(c.stats().depth, 0u);
  EXPECT_TRUE(sent.empty());
}

TEST(ChannelOfManyTest, AWakeUpOfOneWhoIsGonePassesToTheNext) {
  shard_rig r;
  channel<item, mpmc> c({.items_max = 4});
  std::vector<int> first, second;
  job a = receive_into(c, first);
  const job b = receive_into(c, second, 1);
  ASSERT_TRUE(c.try_send(make(1)));  // wakes a
  a.cancel();
  r.turn();
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second, (std::vector{1}));
}

TEST(ChannelOfManyTest, AGrantOfOneWhoIsGonePassesToTheNext) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 4, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(10)));
  std::vector<int> first, second;
  job a = send_all(c, {9}, first);
  const job b = send_all(c, {8}, second);
  EXPECT_EQ(**c.try_receive(), 10);  // a has the room now
  r.worker.post([&] { a.cancel(); });
  r.turn();
  r.turn();
  EXPECT_EQ(c.stats().depth, 1u);
  EXPECT_EQ(first.size() + second.size(), 1u);
}

TEST(ChannelOfManyTest, OneWhoFindsNothingWaitsOnAndKeepsItsPlace) {
  shard_rig r;
  channel<item, mpmc> c({.items_max = 4});
  std::vector<int> first, second;
  const job a = receive_into(c, first, 1);
  const job b = receive_into(c, second, 1);
  ASSERT_TRUE(c.try_send(make(1)));  // wakes a
  EXPECT_EQ(**c.try_receive(), 1);   // but we are faster
  r.turn();
  EXPECT_EQ(c.stats().receivers_waiting, 2u);
  ASSERT_TRUE(c.try_send(make(2)));
  r.turn();
  EXPECT_EQ(first, (std::vector{2}));  // not b, who came later
  ASSERT_TRUE(c.try_send(make(3)));
  r.turn();
  EXPECT_EQ(second, (std::vector{3}));
}

TEST(ChannelOfManyTest, LightItemsDoNotOvertakeAHeavyOneThatWaits) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 100, .weight_max = 10});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(c.try_send(make(1)));
  std::vector<int> heavy, light;
  const job a = send_all(c, {9}, heavy);
  const job b = send_all(c, {1}, light);
  for (int i = 0; i < 8; ++i) {
    (void)c.try_receive();
    EXPECT_EQ(c.try_send(make(1)).error(), refusal::full);  // there would be room
    r.turn();
    EXPECT_TRUE(heavy.empty() && light.empty());
  }
  (void)c.try_receive();
  r.turn();
  EXPECT_EQ(heavy.size(), 1u);
  EXPECT_TRUE(light.empty() == (c.stats().weight == 10 && c.stats().senders_waiting == 1));
  (void)c.try_receive();
  r.turn();
  EXPECT_EQ(light.size(), 1u);
}

TEST(ChannelOfManyTest, CoroutinesOfTwoShardsAndAThreadShareOneChannel) {
  channel<item, mpmc> c({.items_max = 2});
  running_shard one, two;
  std::vector<int> got_one, got_two, sent;
  std::optional<job> r1, r2;
  one.run([&](shard&) { r1 = receive_into(c, got_one); });
  two.run([&](shard&) { r2 = receive_into(c, got_two); });
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(c.send_blocking(make(i)));
  c.close();
  const auto over = [](running_shard& s, std::optional<job>& j) {
    for (bool done = false; !done;) s.run([&](shard&) { done = j->done(); });
    s.run([&](shard&) { j.reset(); });
  };
  over(one, r1);
  over(two, r2);
  ASSERT_EQ(got_one.back(), -1);
  ASSERT_EQ(got_two.back(), -1);
  EXPECT_EQ(got_one.size() + got_two.size(), 5002u);
  EXPECT_TRUE(std::is_sorted(got_one.begin(), got_one.end() - 1));
}

TEST(ChannelOfManyTest, CancellingAtRandomLosesNothing) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 3, .weight_max = 12});
  std::vector<job> jobs(12);
  std::vector<int> sent, got;
  std::uint64_t out = 0;
  for (int i = 0; i < 20'000; ++i) {
    job& j = jobs[random() % jobs.size()];
    switch (random() % 5) {
      case 0:
        j = receive_into(c, got, 1);
        break;
      case 1:
        j = send_all(c, {static_cast<int>(random() % 12)}, sent);
        break;
      case 2:
        j.cancel();
        break;
      case 3:
        if (const auto one = c.try_receive()) out += static_cast<std::uint64_t>(**one);
        break;
      default:
        r.turn();
    }
    const channel_statistics now = c.stats();
    ASSERT_LE(now.weight, 12u);
    ASSERT_LE(now.depth, 3u);
  }
  r.turns(50);
  // Nobody sleeps who could go on.
  const channel_statistics now = c.stats();
  EXPECT_TRUE(now.receivers_waiting == 0 || now.depth == 0);
  jobs.clear();
  while (const auto one = c.try_receive()) out += static_cast<std::uint64_t>(**one);
  EXPECT_EQ(std::accumulate(sent.begin(), sent.end(), std::uint64_t{0}),
            std::accumulate(got.begin(), got.end(), out));
  EXPECT_EQ(c.stats().weight, 0u);
}

TEST(ChannelDeathTest, AChannelThatGoesBeforeWhoWaitsStopsTheProgram) {
  const auto too_early = [] {
    shard_rig r;
    auto c = std::make_unique<channel<item, spsc>>(channel_limits{.items_max = 1});
    std::vector<int> got;
    const job waiting = receive_into(*c, got);
    c.reset();
  };
  EXPECT_DEATH(too_early(), "a channel must outlive who waits for it");
}

// ---- every interleaving ---------------------------------------------------------------------

// Senders and receivers of the same code on modelled atomics. Every item once, in order; the last
// sender closes; who sleeps is woken, or the checker finds nobody that can go on.
template <class Topology, class Weigh, class Atomics>
interleave::scenario hand_over(int senders, int receivers, int each, const channel_limits& limits) {
  return [=](interleave& run) {
    struct all {
      explicit all(const channel_limits& l) : c(l) {}
      channel<int, Topology, Weigh, Atomics> c;
      testing::model_atomic<int> sending{0};
      std::vector<int> got;
    };
    auto state = std::make_shared<all>(limits);
    state->sending.store(senders);
    for (int s = 0; s < senders; ++s) {
      run.thread([state, s, each] {
        for (int i = 0; i < each; ++i) {
          interleave::require(state->c.send_blocking(s * 10 + i + 1).has_value(), "not sent");
        }
        if (state->sending.fetch_sub(1) == 1) state->c.close();
      });
    }
    for (int r = 0; r < receivers; ++r) {
      run.thread([state] {
        int last[2] = {0, 0};
        while (const auto got = state->c.receive_blocking()) {
          interleave::require(*got > 0 && *got < 20, "nothing that was sent");
          interleave::require(*got % 10 > last[*got / 10], "the order of a sender");
          last[*got / 10] = *got % 10;
          state->got.push_back(*got);
        }
      });
    }
    run.at_end([state, senders, each] {
      std::sort(state->got.begin(), state->got.end());
      std::vector<int> expected;
      for (int s = 0; s < senders; ++s) {
        for (int i = 0; i < each; ++i) expected.push_back(s * 10 + i + 1);
      }
      interleave::require(state->got == expected, "lost, or there twice");
      interleave::require(state->c.stats().weight == 0, "weight was lost");
    });
  };
}

TEST(ChannelModelTest, SpscWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 3}, hand_over<spsc, unweighed, model_atomics>(1, 1, 2, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_GT(report.executions, 1000u);
}
TEST(ChannelModelTest, MpscWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 2}, hand_over<mpsc, unweighed, model_atomics>(2, 1, 1, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 1}, hand_over<mpmc, unweighed, model_atomics>(2, 2, 1, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcWithTwoReceivers) {
  const auto report = interleave::explore(
      {.preemptions_max = 2}, hand_over<mpmc, unweighed, model_atomics>(1, 2, 2, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcByWeight) {
  struct eleven {
    std::size_t operator()(int i) const noexcept { return static_cast<std::size_t>(i); }
  };
  const auto report = interleave::explore(
      {.preemptions_max = 2},
      hand_over<mpmc, eleven, model_atomics>(2, 1, 1, {.items_max = 4, .weight_max = 11}));
  EXPECT_TRUE(report.holds()) << report.text();
}

// Deadlines may come at any moment: the wake-up of one who gives up must not be lost to another.
template <class Atomics>
interleave::scenario giving_up() {
  return [](interleave& run) {
    struct all {
      channel<int, mpmc, unweighed, Atomics> c{{.items_max = 1}};
      testing::model_atomic<int> got{0};
    };
    auto state = std::make_shared<all>();
    run.thread([state] {
      if (state->c.receive_blocking(time_point{})) state->got.fetch_add(1);
    });
    run.thread([state] {
      if (state->c.receive_blocking()) state->got.fetch_add(1);
    });
    run.thread([state] {
      interleave::require(state->c.send_blocking(1).has_value(), "not sent");
      // Only now: the close would wake everybody.
      while (state->got.load() == 0) model_atomics::yield();
      state->c.close();
    });
  };
}
TEST(ChannelModelTest, WhoGivesUpLosesNoWakeUpOfAnother) {
  const auto report = interleave::explore({.preemptions_max = 2}, giving_up<model_atomics>());
  EXPECT_TRUE(report.holds()) << report.text();
}

TEST(ChannelModelTest, CloseAndSendAgreeWhoWasFirst) {
  const auto scenario = [](auto topology) {
    return [](interleave& run) {
      struct all {
        channel<int, decltype(topology), unweighed, model_atomics> c{{.items_max = 1}};
        int sent = 0;
        int got = 0;
      };
      auto state = std::make_shared<all>();
      run.thread([state] {
        for (int i = 0; i < 2; ++i) state->sent += state->c.send_blocking(1).has_value() ? 1 : 0;
      });
      run.thread([state] {
        while (state->c.receive_blocking()) state->got += 1;
      });
      run.thread([state] { state->c.close(); });
      run.at_end(
          [state] { interleave::require(state->sent == state->got, "sent, and never received"); });
    };
  };
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(spsc{})).holds());
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(mpsc{})).holds());
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(mpmc{})).holds());
}

// Broken on purpose: a compare-exchange that looks, and then writes.
template <class T>
struct torn_atomic : testing::model_atomic<T> {
  using testing::model_atomic<T>::model_atomic;
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order = {},
                             std::memory_order = {}) {
    const T now = this->load();
    if (now != expected) {
      expected = now;
      return false;
    }
    this->store(wanted);
    return true;
  }
};
struct torn_atomics : model_atomics {
  template <class T>
  using atomic = torn_atomic<T>;
};
// Broken on purpose: an unpark() that comes before its park() is forgotten.
struct forgetful_parker : testing::model_parker {
  static forgetful_parker& of_this_thread() {
    return static_cast<forgetful_parker&>(testing::model_parker::of_this_thread());
  }
  void park() {
    forget();
    testing::model_parker::park();
  }
  bool park_until(time_point deadline) {
    interleave::step(this, true);
    forget();
    return testing::model_parker::park_until(deadline);
  }
};
struct forgetful_atomics : model_atomics {
  using parker = forgetful_parker;
};
TEST(ChannelModelTest, FindsWhatIsBrokenOnPurpose) {
  const testing::leaks_expected here;
  const channel_limits one{.items_max = 1};
  EXPECT_NE(
      interleave::explore({}, hand_over<mpmc, unweighed, torn_atomics>(2, 1, 1, {.items_max = 2}))
          .failure,
      "");
  EXPECT_THAT(
      interleave::explore({}, hand_over<spsc, unweighed, forgetful_atomics>(1, 1, 2, one)).failure,
      ::testing::HasSubstr("a wake-up was lost"));
}

}  // namespace
}  // namespace zc
