// What must hold of a snapshot: a reader sees one version whole, never an older one than before, and
// the newest one once publish() has returned; a version lives as long as somebody holds it, and not
// longer; readers wait for nobody; no change of concurrent writers is lost.
//
// Method: examples; every interleaving of small models, with the same code on the model checker's
// atomics, and with atomics that are broken on purpose, which it must notice; any list of
// commands against shared pointers; and threads with checksums, which mean something under
// ThreadSanitizer and AddressSanitizer.

#include "zc/shard/snapshot.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/shard/commands_for_tests.h"
#include "zc/testing/interleave.h"
#include "zc/testing/leaks.h"

namespace zc {
namespace {

using for_tests::any_commands;
using for_tests::command;
using testing::interleave;
using testing::model_atomics;

template <class T>
T newest(const snapshot<T>& of) {
  const auto kept = of.load();
  return *kept;
}

TEST(SnapshotTest, AReaderSeesTheNewestVersionOnceItIsPublished) {
  snapshot<std::string> live("one");
  snapshot<std::string>::reader mine(live);
  EXPECT_EQ(mine.read(), "one");
  EXPECT_EQ(mine.version(), 1u);
  EXPECT_EQ(live.publish("two"), 2u);
  EXPECT_TRUE(mine.stale());
  EXPECT_EQ(mine.again(), "one");
  EXPECT_EQ(mine.read(), "two");
  EXPECT_FALSE(mine.stale());
  EXPECT_EQ(mine.version(), 2u);
}

TEST(SnapshotTest, ReadingAgainCopiesNothing) {
  snapshot<std::vector<int>> live(std::vector<int>(1000));
  snapshot<std::vector<int>>::reader mine(live);
  snapshot<std::vector<int>>::reader theirs(live);
  EXPECT_EQ(mine.read().data(), mine.read().data());
  EXPECT_EQ(mine.read().data(), theirs.read().data());
}

TEST(SnapshotTest, AnOldVersionGoesWithTheLastWhoHoldsIt) {
  const auto value = std::make_shared<int>(1);
  snapshot<std::shared_ptr<int>> live(value);
  snapshot<std::shared_ptr<int>>::reader lazy(live);
  auto pinned = live.load();
  live.publish(nullptr);
  EXPECT_EQ(live.versions_alive(), 2u);
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_EQ(lazy.read(), nullptr);
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_EQ(*pinned, value);
  pinned = {};
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(live.versions_alive(), 1u);
}

TEST(SnapshotTest, VersionsBetweenTwoReadsLiveForNobody) {
  snapshot<int> live(0);
  snapshot<int>::reader lazy(live);
  for (int i = 1; i <= 1000; ++i) live.publish(i);
  EXPECT_EQ(live.versions_alive(), 2u);  // the newest, and the one that the lazy one holds
  EXPECT_TRUE(lazy.refresh());
  EXPECT_FALSE(lazy.refresh());
  EXPECT_EQ(live.versions_alive(), 1u);
}

TEST(SnapshotTest, ASleeperThatLetsGoHoldsNothing) {
  snapshot<int> live(1);
  snapshot<int>::reader sleeper(live);
  sleeper.let_go();
  EXPECT_EQ(sleeper.version(), 0u);
  live.publish(2);
  EXPECT_EQ(live.versions_alive(), 1u);
  EXPECT_EQ(sleeper.read(), 2);
  sleeper.let_go();
  EXPECT_EQ(sleeper.again(), 2);
  sleeper.let_go();
  EXPECT_EQ(sleeper.held().version(), 2u);
}

TEST(SnapshotTest, AReaderOfAThreadThatHasEndedHoldsNothing) {
  snapshot<int> live(1);
  std::thread([&] {
    snapshot<int>::reader mine(live);
    EXPECT_EQ(mine.read(), 1);
  }).join();
  live.publish(2);
  EXPECT_EQ(live.versions_alive(), 1u);
}

TEST(SnapshotTest, APinOutlivesTheSnapshot) {
  snapshot<std::string>::pin kept;
  EXPECT_FALSE(kept);
  EXPECT_EQ(kept.version(), 0u);
  {
    snapshot<std::string> live("kept for long, on the heap and not in the handle");
    snapshot<std::string>::reader mine(live);
    kept = mine.held();
  }
  const auto copy = kept;
  kept = {};
  EXPECT_EQ(*copy, "kept for long, on the heap and not in the handle");
  EXPECT_EQ(copy->size(), copy->length());
}

TEST(SnapshotTest, UpdateChangesACopyAndMayLeaveItAtThat) {
  snapshot<std::vector<int>> live(std::in_place, 2, 7);
  const auto before = live.load();
  EXPECT_EQ(live.update([](std::vector<int>& v) { v.push_back(8); }), 2u);
  EXPECT_EQ(*before, (std::vector<int>{7, 7}));
  EXPECT_EQ(newest(live), (std::vector<int>{7, 7, 8}));
  EXPECT_EQ(live.update([](std::vector<int>& v) {
    v.clear();
    return false;
  }),
            2u);
  EXPECT_EQ(live.load()->size(), 3u);
  EXPECT_EQ(live.update([](std::vector<int>& v) {
    v.clear();
    return true;
  }),
            3u);
  EXPECT_TRUE(live.load()->empty());
}

TEST(SnapshotTest, AChangeThatThrowsLeavesTheCurrentVersion) {
  snapshot<int> live(1);
  EXPECT_THROW(live.update([](int&) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(newest(live), 1);
  EXPECT_EQ(live.publish(2), 2u);  // the writers' lock is free
  EXPECT_EQ(live.versions_alive(), 1u);
}

TEST(SnapshotTest, ChangesAreAnnouncedUntilTheSubscriptionEnds) {
  snapshot<int> live(1);
  std::vector<std::uint64_t> heard;
  {
    const auto listening = live.on_change([&](std::uint64_t n) { heard.push_back(n); });
    live.publish(2);
    live.update([](int& i) { i += 1; });
    live.update([](int&) { return false; });
  }
  live.publish(4);
  EXPECT_EQ(heard, (std::vector<std::uint64_t>{2, 3}));
}

TEST(SnapshotTest, WaitingForAChangeEndsWithItOrWithTheDeadline) {
  snapshot<int> live(1);
  EXPECT_TRUE(live.wait_for_change(0));  // there already
  EXPECT_FALSE(live.wait_for_change(1, std::chrono::steady_clock::now()));
  std::thread writer([&] { live.publish(2); });
  EXPECT_TRUE(live.wait_for_change(1));
  EXPECT_EQ(newest(live), 2);
  writer.join();
}

TEST(SnapshotTest, ValuesThatCannotBeCopiedCanBePublished) {
  snapshot<std::unique_ptr<int>> live(std::make_unique<int>(1));
  live.publish(std::make_unique<int>(2));
  EXPECT_EQ(*live.load()->get(), 2);
}

TEST(SnapshotDeathTest, ReadersThatOutliveTheSnapshotStopTheProgram) {
  EXPECT_DEATH(
      {
        auto live = std::make_unique<snapshot<int>>(1);
        const snapshot<int>::reader mine(*live);
        live.reset();
      },
      "a snapshot must outlive its readers");
}

// ---- against shared pointers ------------------------------------------------------------------

enum class on_snapshot : std::uint8_t {
  publish,
  update,
  update_not,
  read,
  again,
  refresh,
  let_go,
  end_reader,
  pin,
  load,
  drop_pin,
  subscribe,
};
const char* name_of(on_snapshot what) {
  constexpr std::array names{"publish", "update",  "update_not", "read",
                             "again",   "refresh", "let_go",     "end_reader",
                             "pin",     "load",    "drop_pin",   "subscribe"};
  return names[static_cast<std::size_t>(what)];
}

// What a version holds: a number, and a share of something that tells how many such values live.
struct versioned {
  std::size_t value;
  std::shared_ptr<int> alive;
};
// The same in the model: held by shared pointers, and so alive as long as one of them.
struct naive_version {
  std::size_t value;
  std::uint64_t number;
};
using naive_handle = std::shared_ptr<const naive_version>;

TEST(SnapshotTest, AgreesWithSharedPointers) {
  const auto property = [] {
    using live_value = snapshot<versioned>;
    const auto alive = std::make_shared<int>();
    live_value real(versioned{0, alive});
    naive_handle newest = std::make_shared<naive_version>(naive_version{0, 1});
    std::vector<std::weak_ptr<const naive_version>> made{newest};

    constexpr std::size_t reader_count = 4;
    std::array<std::optional<live_value::reader>, reader_count> readers;
    std::array<naive_handle, reader_count> held;  // by the readers
    std::deque<std::pair<live_value::pin, naive_handle>> pins;
    std::vector<std::uint64_t> heard, expected;
    std::optional<live_value::subscription> listening;

    const auto publish_model = [&](std::size_t value) {
      newest = std::make_shared<naive_version>(naive_version{value, newest->number + 1});
      made.push_back(newest);
      if (listening) expected.push_back(newest->number);
      return newest->number;
    };
    using enum on_snapshot;
    const auto all = *any_commands<on_snapshot>({{30, publish},
                                                 {10, update},
                                                 {5, update_not},
                                                 {30, read},
                                                 {15, again},
                                                 {15, refresh},
                                                 {10, let_go},
                                                 {5, end_reader},
                                                 {10, pin},
                                                 {10, load},
                                                 {15, drop_pin},
                                                 {3, subscribe}});
    for (const command<on_snapshot>& c : all) {
      const std::size_t i = c.n % reader_count;
      if (c.what >= read && c.what <= pin && !readers[i]) {
        readers[i].emplace(real);
        held[i] = newest;
      }
      switch (c.what) {
        case publish:
          RC_ASSERT(real.publish({c.m, alive}) == publish_model(c.m));
          break;
        case update: {
          const auto number = real.update([&](versioned& v) { v.value += c.m; });
          RC_ASSERT(number == publish_model(newest->value + c.m));
          break;
        }
        case update_not: {
          const auto number = real.update([](versioned& v) {
            v.value += 1000;
            return false;
          });
          RC_ASSERT(number == newest->number);
          break;
        }
        case read:
          held[i] = newest;
          RC_ASSERT(readers[i]->read().value == newest->value);
          break;
        case again:
          if (!held[i]) held[i] = newest;
          RC_ASSERT(readers[i]->again().value == held[i]->value);
          break;
        case refresh:
          RC_ASSERT(readers[i]->refresh() == (held[i] != newest));
          held[i] = newest;
          break;
        case let_go:
          readers[i]->let_go();
          held[i] = nullptr;
          break;
        case end_reader:
          readers[i].reset();
          held[i] = nullptr;
          break;
        case pin:
          if (!held[i]) held[i] = newest;
          pins.emplace_back(readers[i]->held(), held[i]);
          break;
        case load:
          pins.emplace_back(real.load(), newest);
          break;
        case drop_pin:
          if (!pins.empty()) pins.erase(pins.begin() + static_cast<long>(c.m % pins.size()));
          break;
        case subscribe:
          if (listening) {
            listening.reset();
          } else {
            listening.emplace(real.on_change([&](std::uint64_t n) { heard.push_back(n); }));
          }
      }
      std::erase_if(made, [](const auto& w) { return w.expired(); });
      RC_ASSERT(real.versions_alive() == made.size());
      RC_ASSERT(alive.use_count() == 1 + static_cast<long>(made.size()));
      RC_ASSERT(real.version_number() == newest->number);
      RC_ASSERT(heard == expected);
      for (std::size_t r = 0; r < reader_count; ++r) {
        if (!readers[r]) continue;
        RC_ASSERT(readers[r]->stale() == (held[r] != newest));
        RC_ASSERT(readers[r]->version() == (held[r] ? held[r]->number : 0));
      }
      for (const auto& [kept, model] : pins) {
        RC_ASSERT(kept->value == model->value);
        RC_ASSERT(kept.version() == model->number);
      }
    }
  };
  EXPECT_TRUE(rc::check("a snapshot agrees with shared pointers", property));
}

// ---- every interleaving ---------------------------------------------------------------------

// Two numbers that belong together, and a check that the version has not been destroyed.
struct pair_value {
  int a = 0;
  int b = 0;
};
void check_whole(const pair_value& v) {
  interleave::touch(&v);
  interleave::require(v.a == v.b, "half of one version, half of another");
}

template <class Atomics>
interleave::scenario readers_and_writers(int readers, int writers, int reads) {
  return [=](interleave& run) {
    using live_value = snapshot<pair_value, Atomics>;
    auto live = std::make_shared<live_value>(pair_value{});
    for (int r = 0; r < readers; ++r) {
      run.thread([live, reads] {
        typename live_value::reader mine(*live);
        int last = 0;
        for (int i = 0; i < reads; ++i) {
          const pair_value& now = mine.read();
          check_whole(now);
          interleave::require(now.a >= last, "a reader went back");
          last = now.a;
        }
      });
    }
    for (int w = 0; w < writers; ++w) {
      run.thread([live] {
        const std::uint64_t number = live->update([](pair_value& v) { v = {v.a + 1, v.b + 1}; });
        interleave::require(live->version_number() >= number, "published, and not to be seen");
        const auto newest = live->load();
        check_whole(*newest);
        interleave::require(newest.version() >= number, "an older one than the one published");
      });
    }
    run.at_end([live, writers] {
      interleave::require(live->load()->a == writers, "a change was lost");
      interleave::require(interleave::retired() == static_cast<std::size_t>(writers),
                          "an old version was not destroyed");
    });
  };
}

TEST(SnapshotModelTest, OneReaderAndOneWriterInEveryOrder) {
  const auto report =
      interleave::explore({.preemptions_max = 6}, readers_and_writers<model_atomics>(1, 1, 2));
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_GT(report.executions, 1000u);
}

TEST(SnapshotModelTest, TwoReadersAndTwoWriters) {
  const auto report =
      interleave::explore({.preemptions_max = 2}, readers_and_writers<model_atomics>(2, 2, 1));
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_GT(report.executions, 1000u);
}

TEST(SnapshotModelTest, AReaderIsNotHeldUpByAWriterThatIsStopped) {
  // The writer never comes back from its callback, under the writers' lock.
  const auto report = interleave::explore({.preemptions_max = 3}, [](interleave& run) {
    struct all {
      snapshot<int, model_atomics> live{0};
      bool never = false;
      testing::model_atomic<int> done{0};
    };
    auto state = std::make_shared<all>();
    run.thread([state] {
      const auto stuck = state->live.on_change([state](std::uint64_t) {
        while (state->done.load() == 0) model_atomics::yield();
      });
      state->live.publish(1);
    });
    run.thread([state] {
      snapshot<int, model_atomics>::reader mine(state->live);
      (void)mine.read();
      mine.refresh();
      (void)state->live.load();
      state->done.store(1);
    });
  });
  EXPECT_TRUE(report.holds()) << report.text();
}

// Broken on purpose: claims and holds that are read, added to and written in three steps.
template <class T>
struct torn_atomic : testing::model_atomic<T> {
  using testing::model_atomic<T>::model_atomic;
  T fetch_add(T more, std::memory_order = {}) {
    const T before = this->load();
    this->store(static_cast<T>(before + more));
    return before;
  }
};
struct torn_atomics : model_atomics {
  template <class T>
  using atomic = torn_atomic<T>;
};

// Broken on purpose: claims that nobody counts, the mistake of reading the pointer first and
// counting then.
template <class T>
struct forgetful_atomic : testing::model_atomic<T> {
  using testing::model_atomic<T>::model_atomic;
  T exchange(T value, std::memory_order = {}) {
    const T before = testing::model_atomic<T>::exchange(value);
    return before & ((T{1} << 48) - 1);
  }
};
struct forgetful_atomics : model_atomics {
  template <class T>
  using atomic =
      std::conditional_t<std::is_unsigned_v<T>, forgetful_atomic<T>, testing::model_atomic<T>>;
};

TEST(SnapshotModelTest, FindsWhatIsBrokenOnPurpose) {
  const testing::leaks_expected here;
  EXPECT_NE(interleave::explore({}, readers_and_writers<torn_atomics>(1, 1, 1)).failure, "");
  EXPECT_NE(interleave::explore({}, readers_and_writers<forgetful_atomics>(1, 1, 1)).failure, "");
}

// ---- threads --------------------------------------------------------------------------------

struct summed {
  explicit summed(std::uint64_t seed) {
    for (auto& n : numbers) n = seed++;
    for (const auto n : numbers) sum += n;
  }
  bool whole() const {
    std::uint64_t now = 0;
    for (const auto n : numbers) now += n;
    return now == sum;
  }
  std::array<std::uint64_t, 16> numbers{};
  std::uint64_t sum = 0;
};

TEST(SnapshotTest, ManyThreadsReadWhileManyReplace) {
  snapshot<summed> live(summed(0));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int r = 0; r < 3; ++r) {
    threads.emplace_back([&, r] {
      snapshot<summed>::reader mine(live);
      std::uint64_t last = 0;
      for (int i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        if (!mine.read().whole() || mine.version() < last) wrong += 1;
        last = mine.version();
        if (i % 64 == r) mine.let_go();
        if (i % 100 == 0) {
          const auto kept = mine.held();
          if (!kept->whole()) wrong += 1;
        }
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      if (!live.load()->whole()) wrong += 1;
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      for (std::uint64_t i = 0; i < 5000; ++i) live.publish(summed(i * 2 + w));
    });
  }
  for (auto& t : writers) t.join();
  stop = true;
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(live.version_number(), 10'001u);
  EXPECT_EQ(live.versions_alive(), 1u);
}

TEST(SnapshotTest, NoUpdateOfConcurrentWritersIsLost) {
  snapshot<int> live(0);
  std::vector<std::thread> threads;
  for (int w = 0; w < 4; ++w) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) live.update([](int& n) { n += 1; });
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(newest(live), 8000);
}

}  // namespace
}  // namespace zc
