// channel, mailbox and task_scope against what one would write without thinking of threads: any list
// of commands does what it does to a std::deque or a std::vector. RapidCheck makes the lists and
// shrinks those that fail, command by command.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/shard/channel.h"
#include "zc/shard/channel_for_tests.h"
#include "zc/shard/commands_for_tests.h"
#include "zc/shard/mailbox.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using for_tests::any_commands;
using for_tests::by_value;
using for_tests::command;
using for_tests::commands;
using for_tests::item;
using for_tests::make;
using testing::shard_rig;

// ---- channel ----------------------------------------------------------------------------------

enum class on_channel : std::uint8_t { send, receive, receive_many, close, drain };
const char* name_of(on_channel what) {
  constexpr std::array names{"send", "receive", "receive_many", "close", "drain"};
  return names[static_cast<std::size_t>(what)];
}

// What a channel is, but for everything that makes it hard.
class naive_channel {
 public:
  explicit naive_channel(const channel_limits& limits) : limits_(limits) {}

  std::optional<refusal> send(std::size_t n) {
    if (n > limits_.weight_max) return refusal::too_large;
    if (closed) return refusal::closed;
    if (inside.size() == limits_.items_max || n > limits_.weight_max - weight()) {
      return refusal::full;
    }
    inside.push_back(static_cast<int>(n));
    return std::nullopt;
  }
  std::optional<int> receive() {
    if (inside.empty()) return std::nullopt;
    const int first = inside.front();
    inside.pop_front();
    return first;
  }
  std::vector<int> receive_many(std::size_t most, std::size_t heaviest) {
    std::vector<int> taken;
    std::size_t sum = 0;
    while (taken.size() < most && !inside.empty()) {
      sum += static_cast<std::size_t>(inside.front());
      if (!taken.empty() && sum > heaviest) break;
      taken.push_back(*receive());
    }
    return taken;
  }
  std::size_t weight() const { return std::accumulate(inside.begin(), inside.end(), 0ul); }

  std::deque<int> inside;
  bool closed = false;

 private:
  channel_limits limits_;
};

template <class Topology>
void channel_agrees(const channel_limits& limits, const commands<on_channel>& all) {
  channel<item, Topology, by_value> real(limits);
  naive_channel model(limits);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  for (const command<on_channel>& c : all) {
    switch (c.what) {
      case on_channel::send: {
        item one = make(static_cast<int>(c.n));
        const auto how = real.try_send(std::move(one));
        RC_ASSERT((how ? std::nullopt : std::optional(how.error())) == model.send(c.n));
        RC_ASSERT((one == nullptr) == how.has_value());  // still the sender's if it was refused
        sent += how ? 1 : 0;
        break;
      }
      case on_channel::receive: {
        const auto got = real.try_receive();
        const std::optional<int> expected = model.receive();
        RC_ASSERT(got.has_value() == expected.has_value());
        if (got) RC_ASSERT(**got == *expected);
        if (!got) RC_ASSERT(got.error() == (model.closed ? refusal::closed : refusal::empty));
        received += got ? 1 : 0;
        break;
      }
      case on_channel::receive_many: {
        std::vector<int> got;
        const std::size_t n =
            real.try_receive_many(c.n % 5, c.m, [&](item&& i) { got.push_back(*i); });
        RC_ASSERT(n == got.size());
        RC_ASSERT(got == model.receive_many(c.n % 5, c.m));
        received += n;
        break;
      }
      case on_channel::close:
        RC_ASSERT(real.close() == !std::exchange(model.closed, true));
        break;
      case on_channel::drain:
        received += model.inside.size();
        RC_ASSERT(real.drain() == model.inside.size());
        model.inside.clear();
    }
    const channel_statistics now = real.stats();
    RC_ASSERT(now.depth == model.inside.size());
    RC_ASSERT(now.weight == model.weight());
    RC_ASSERT(now.sent == sent);
    RC_ASSERT(now.received == received);
    RC_ASSERT(real.closed() == model.closed);
    RC_ASSERT(real.drained() == (model.closed && model.inside.empty()));
  }
}

template <class Topology>
void check_channel() {
  EXPECT_TRUE(rc::check("a channel agrees with a deque", [] {
    const auto items_max = *rc::gen::inRange<std::size_t>(1, 10);
    const auto weight_max = *rc::gen::inRange<std::size_t>(0, 40);
    using enum on_channel;
    const auto all = *any_commands<on_channel>(
        {{120, send}, {80, receive}, {40, receive_many}, {1, close}, {2, drain}});
    channel_agrees<Topology>({.items_max = items_max, .weight_max = weight_max}, all);
  }));
}
TEST(ModelTest, SpscAgreesWithADeque) {
  check_channel<spsc>();
}
TEST(ModelTest, MpscAgreesWithADeque) {
  check_channel<mpsc>();
}
TEST(ModelTest, MpmcAgreesWithADeque) {
  check_channel<mpmc>();
}

// ---- mailbox ----------------------------------------------------------------------------------

enum class on_mailbox : std::uint8_t { post, post_in_letter, run_batch, close };
const char* name_of(on_mailbox what) {
  constexpr std::array names{"post", "post_in_letter", "run_batch", "close"};
  return names[static_cast<std::size_t>(what)];
}

TEST(ModelTest, MailboxAgreesWithADeque) {
  EXPECT_TRUE(rc::check("a mailbox agrees with a deque", [] {
    using outcome = mailbox::outcome;
    shard_rig r;
    const auto letters_max = *rc::gen::inRange<std::size_t>(1, 10);
    const std::size_t room = std::bit_ceil(std::max<std::size_t>(letters_max, 2));
    mailbox real(r.worker, letters_max);
    RC_ASSERT(real.capacity() == room);
    // A number, and whether it posts another one when it runs.
    std::deque<std::pair<int, bool>> model;
    bool closed = false;
    std::vector<int> ran;
    const auto alive = std::make_shared<int>();  // a reference for every letter
    int next = 0;
    using enum on_mailbox;
    const auto all =
        *any_commands<on_mailbox>({{120, post}, {20, post_in_letter}, {40, run_batch}, {1, close}});
    for (const command<on_mailbox>& c : all) {
      switch (c.what) {
        case post:
        case post_in_letter: {
          const bool posts = c.what == post_in_letter;
          mailbox::letter mine = [&ran, &real, alive, n = next, posts] {
            ran.push_back(n);
            if (posts) (void)real.try_post([&ran, alive, n] { ran.push_back(-n); });
          };
          const outcome how = real.try_post(std::move(mine));
          const outcome open = model.size() < room ? outcome::taken : outcome::full;
          RC_ASSERT(how == (closed ? outcome::closed : open));
          RC_ASSERT(bool(mine) == (how != outcome::taken));
          if (how == outcome::taken) model.emplace_back(next, posts);
          next += 1;
          break;
        }
        case run_batch: {
          // What was there when it began; what these post is for the next. A letter that runs has
          // left its place.
          const std::size_t batch = model.size();
          std::vector<int> expected;
          for (std::size_t i = 0; i < batch; ++i) {
            const auto [n, posts] = model.front();
            model.pop_front();
            expected.push_back(n);
            if (posts) model.emplace_back(-n, false);
          }
          RC_ASSERT(real.run_batch() == batch);
          RC_ASSERT(ran == expected);
          ran.clear();
          break;
        }
        case close:
          real.close();
          closed = true;
          model.clear();
      }
      RC_ASSERT(real.empty() == model.empty());
      RC_ASSERT(real.closed() == closed);
      RC_ASSERT(alive.use_count() == 1 + static_cast<long>(model.size()));
    }
  }));
}

// ---- task_scope -------------------------------------------------------------------------------

enum class on_scope : std::uint8_t { spawn, finish, cancel, join, turn };
const char* name_of(on_scope what) {
  constexpr std::array names{"spawn", "finish", "cancel", "join", "turn"};
  return names[static_cast<std::size_t>(what)];
}

// Says when it ends, and how.
struct last_word {
  std::vector<int>& log;
  int id;
  ~last_word() { log.push_back(id); }
};
task<> wait_at(stop_flag& gate, std::vector<int>& log, int id) {
  last_word word{log, -id};
  co_await gate.wait();
  word.id = id;
}
task<> count_joined(task_scope& of, int& joined) {
  co_await of.join();
  joined += 1;
}

TEST(ModelTest, TaskScopeAgreesWithAVector) {
  EXPECT_TRUE(rc::check("a task scope agrees with a vector", [] {
    shard_rig r;
    const auto tasks_max = *rc::gen::inRange<std::size_t>(1, 8);
    std::deque<stop_flag> gates;
    std::vector<int> log, expected;
    int joined = 0;
    task_scope waiting(r.worker, 10'000);
    task_scope real(r.worker, tasks_max);
    // Ids of those that run, the oldest first; those whose gate is open end in the next turn.
    struct running {
      int id;
      bool open;
    };
    std::vector<running> model;
    std::deque<int> opened;  // in the order of opening
    int joining = 0;         // wait
    int told = 0;            // go on in the next turn
    int expected_joined = 0;
    const auto emptied = [&] {
      if (model.empty()) told += std::exchange(joining, 0);
    };
    using enum on_scope;
    const auto all =
        *any_commands<on_scope>({{60, spawn}, {40, finish}, {3, cancel}, {10, join}, {30, turn}});
    for (const command<on_scope>& c : all) {
      switch (c.what) {
        case spawn: {
          const int id = static_cast<int>(gates.size()) + 1;
          task<> one = wait_at(gates.emplace_back(), log, id);
          const bool taken = real.spawn(std::move(one));
          RC_ASSERT(taken == (model.size() < tasks_max));
          RC_ASSERT(bool(one) == !taken);  // not started, and still ours
          if (taken) model.push_back({id, false});
          break;
        }
        case finish:
          if (!model.empty()) {
            running& one = model[c.n % model.size()];
            if (!std::exchange(one.open, true)) opened.push_back(one.id);
            gates[static_cast<std::size_t>(one.id) - 1].request();
          }
          break;
        case cancel:
          real.cancel();
          for (; !model.empty(); model.pop_back()) expected.push_back(-model.back().id);
          opened.clear();
          emptied();
          break;
        case join:
          RC_ASSERT(waiting.spawn(count_joined(real, joined)));
          (model.empty() ? expected_joined : joining) += 1;
          break;
        case turn:
          r.turn();
          for (; !opened.empty(); opened.pop_front()) {
            expected.push_back(opened.front());
            std::erase_if(model, [&](const running& o) { return o.id == opened.front(); });
          }
          emptied();
          expected_joined += std::exchange(told, 0);
      }
      RC_ASSERT(real.size() == model.size());
      RC_ASSERT(real.empty() == model.empty());
      RC_ASSERT(log == expected);
      RC_ASSERT(joined == expected_joined);
    }
  }));
}

}  // namespace
}  // namespace zc
