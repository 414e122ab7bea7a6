// What must hold of a channel between threads: whoever sleeps is woken by an item, by room and by
// the end; everything that was sent arrives once, in the order of its sender, whichever way it is
// sent and received; and a send either came before the close or keeps its value.
//
// Method: threads that really sleep, and threads with checksums, which mean something under
// ThreadSanitizer.

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/channel.h"
#include "zc/shard/channel_for_tests.h"

namespace zc {
namespace {

using namespace for_tests;
using namespace std::chrono_literals;

template <class Topology>
class ChannelThreadsTest : public channel_cases<Topology> {};
TYPED_TEST_SUITE(ChannelThreadsTest, topologies, topology_names);

TYPED_TEST(ChannelThreadsTest, AReceiverThatSleepsIsWokenByAnItemAndByTheEnd) {
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

TYPED_TEST(ChannelThreadsTest, ASenderThatSleepsIsWokenByRoomAndByTheEnd) {
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

TYPED_TEST(ChannelThreadsTest, EverythingArrivesOnceBetweenManyThreads) {
  everything_arrives<TypeParam, unweighed>({.items_max = 16}, 20'000);
}
TYPED_TEST(ChannelThreadsTest, EverythingArrivesOnceThroughASingleSlot) {
  everything_arrives<TypeParam, unweighed>({.items_max = 1}, 3'000);
}
TYPED_TEST(ChannelThreadsTest, EverythingArrivesOnceUnderABoundByWeight) {
  everything_arrives<TypeParam, by_value>({.items_max = 16, .weight_max = 12}, 10'000);
}

TYPED_TEST(ChannelThreadsTest, ASendEitherCameBeforeTheCloseOrKeepsItsValue) {
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

}  // namespace
}  // namespace zc
