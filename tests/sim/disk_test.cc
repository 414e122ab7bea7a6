// What must hold of a file_writer with `sync` on a disk that is slow, full, failing and crashes:
// each record is answered once; what was called done is there after any crash, whole, once and in
// order; nothing is there twice; a record that failed leaves no part in front of one that is done;
// and trouble that passes does not stop the writer for good.
//
// Method: the writer has no thread; a world runs its two halves as an actor, so that the disk's
// time lies between writing and answering, and a crash may come in between.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "zc/io/file_writer.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {
namespace {

using zc::io::file_writer;
using zc::testing::disk_profile;

const std::string folder = "/data";
const std::string path = folder + "/log.json";

struct desk {
  explicit desk(std::uint64_t seed) : limits(64_MiB), world(seed), on(world.add_shard(limits)) {
    EXPECT_TRUE(world.disk().make_directories(folder));
    world.add_actor([this] {
      // A writer that was closed between the halves answers in close().
      const bool did = writer && (writer->answer_written() || writer->write_waiting());
      return did ? zc::nanoseconds(0) : zc::nanoseconds(std::chrono::microseconds(50));
    });
  }

  bool open() {
    file_writer::options how;
    how.path = path;
    how.on = &world.disk();
    how.own_thread = false;
    how.sync = true;
    how.backups_max = 0;
    how.rotate_bytes = rotate;
    how.wall = [this] {
      return std::chrono::system_clock::time_point(
          std::chrono::duration_cast<std::chrono::system_clock::duration>(
              world.now().time_since_epoch()));
    };
    auto made = file_writer::open(how);
    if (made) writer = std::move(*made);
    return made.has_value();
  }
  void append(sim_random& r) {
    const int number = next++;
    std::string text = "<" + std::to_string(number) + ":";
    text.append(r.scaled(0, 3000), static_cast<char>('a' + number % 26));
    text += ">\n";
    zc::bytes_chain body;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t part = r.between(std::size_t{1}, text.size() - at);
      body.append(zc::bytes::copy_of(std::string_view(text).substr(at, part)));
      at += part;
    }
    texts[number] = text;
    const unsigned era = crashes;
    const bool taken =
        writer->try_append(std::move(body), on, [this, number, era](const zc::result<void>& how) {
          EXPECT_FALSE(answers.contains(number)) << "answered twice";
          // What a process learns while its machine crashes is nobody's promise any more.
          if (era == crashes) answers[number] = how.has_value();
        });
    if (!taken) texts.erase(number);
  }
  std::string everything() {
    std::string all;
    std::vector<std::string> names = *world.disk().list(folder);
    // Sorted by time; the current file is the newest.
    if (std::erase(names, "log.json") > 0) names.push_back("log.json");
    for (const std::string& name : names) {
      zc::file_options how;
      how.readable = true;
      how.create = false;
      auto file = world.disk().open(folder + "/" + name, how);
      EXPECT_TRUE(file);
      all += *zc::read_all(**file, 1 << 26);
    }
    return all;
  }

  std::uint64_t rotate = 0;
  zc::quota limits;
  sim_world world;
  zc::shard& on;
  std::unique_ptr<file_writer> writer;
  std::map<int, std::string> texts;
  std::map<int, bool> answers;
  int next = 0;
  unsigned crashes = 0;
};

void look(desk& d) {
  const std::string all = d.everything();
  std::size_t from = 0;
  for (const auto& [number, done] : d.answers) {
    if (!done) continue;
    const std::string& text = d.texts[number];
    const std::size_t at = all.find(text, from);
    if (at == std::string::npos) {
      ADD_FAILURE() << "record " << number << " was called done and is not there"
                    << (all.find(text) == std::string::npos ? "" : " in its order");
      return;
    }
    EXPECT_EQ(all.find(text, at + 1), std::string::npos) << "record " << number << " twice";
    from = at + text.size();
  }
}

std::uint64_t live(std::uint64_t seed) {
  desk d(seed);
  sim_random r = d.world.random().fork(5);
  if (r.chance(0.5)) d.rotate = r.scaled(2000, 50'000);
  const disk_profile rough = disk_profile::rough(r);
  const std::size_t lives = r.between(std::size_t{1}, std::size_t{3});
  for (std::size_t life = 0; life < lives; ++life) {
    d.world.disk().set(rough);
    for (int tries = 0; !d.open(); ++tries) {
      if (tries == 20) d.world.disk().set({});
    }
    for (std::size_t i = r.between(std::size_t{5}, std::size_t{60}); i > 0; --i) {
      d.append(r);
      if (r.chance(0.3)) {
        d.world.run_for(r.between(zc::nanoseconds(0), milliseconds(20)));
      }
      if (r.chance(0.02)) d.world.disk().set({});  // trouble passes
    }
    if (r.chance(0.3)) {  // orderly
      d.world.disk().set({});
      d.writer->close();
      d.world.run_for(seconds(1));
      for (const auto& [number, text] : d.texts) {
        EXPECT_TRUE(d.answers.contains(number) || d.crashes > 0) << "never answered: " << number;
      }
    }
    d.world.run_for(r.between(zc::nanoseconds(0), milliseconds(100)));
    d.world.disk().crash();
    d.crashes += 1;
    d.world.disk().set({});
    d.writer.reset();
    d.world.run_for(milliseconds(10));
    look(d);
    // What a crash leaves at the end may be torn: the next life begins on a line of its own, as a
    // reader that skips what it cannot parse needs it.
  }
  EXPECT_FALSE(d.world.stuck());
  return d.world.trace().hash();
}

TEST(SimDiskTest, WhatWasCalledDoneIsThereAfterAnyCrash) {
  over_seeds(1000, live);
}

// What the seeds above found first: a record that was written in one go with one that failed was
// called done without having been synced.
TEST(SimDiskTest, ARecordBeforeOneThatFailsIsPermanentToo) {
  desk d(1);
  sim_random r(1);
  ASSERT_TRUE(d.open());
  disk_profile small;
  small.capacity = 100;
  d.world.disk().set(small);
  const auto put = [&](std::size_t size) {
    d.texts[d.next] = std::string(size, static_cast<char>('a' + d.next));
    zc::bytes_chain body(zc::bytes::copy_of(d.texts[d.next]));
    ASSERT_TRUE(d.writer->try_append(std::move(body), d.on, [&d, n = d.next](const auto& how) {
      d.answers[n] = how.has_value();
    }));
    d.next += 1;
  };
  put(60);
  put(60);
  put(30);
  d.world.run_for(seconds(1));
  EXPECT_EQ(d.answers, (std::map<int, bool>{{0, true}, {1, false}, {2, true}}));
  d.world.disk().crash();
  d.writer.reset();
  EXPECT_EQ(d.everything(), d.texts[0] + d.texts[2]);
}

// Without sync nothing is promised, and crashes do lose records: the test above can fail.
TEST(SimDiskTest, AWriterThatDoesNotSyncIsCaught) {
  const auto loses = [](std::uint64_t seed) {
    desk d(seed);
    file_writer::options how;
    how.path = path;
    how.on = &d.world.disk();
    how.own_thread = false;
    auto made = file_writer::open(how);
    d.writer = std::move(*made);
    sim_random r = d.world.random().fork(5);
    for (int i = 0; i < 10; ++i) d.append(r);
    d.world.run_for(seconds(1));
    EXPECT_EQ(d.answers.size(), 10u);
    d.world.disk().crash();
    d.crashes += 1;
    d.writer.reset();
    const std::string left = d.everything();
    return std::ranges::any_of(
        d.texts, [&](const auto& t) { return left.find(t.second) == std::string::npos; });
  };
  const std::size_t found = seeds_until(10, loses);
  EXPECT_TRUE(found >= 1 && found <= 10);
}

}  // namespace
}  // namespace sluice::sim
