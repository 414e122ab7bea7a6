// What must hold of the writer: every record that was called done is in the file, whole and in
// order, every other one is reported, the queue has its bounds, and no trouble with the disk stops
// it for good.
//
// Method: a shard that runs turns in the test's thread. What does not need the operating system
// runs over the real disk and the simulated one; a full real disk is RLIMIT_FSIZE, which cuts
// writes in the middle. What a crash leaves is tests/sim/disk_test.cc.

#include "zc/io/file_writer.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/epoll_poller.h"
#include "zc/io/fd.h"
#include "zc/io/file.h"
#include "zc/io/file_disk.h"
#include "zc/testing/seed.h"
#include "zc/testing/sim/disk.h"

namespace zc::io {
namespace {

using std::chrono::milliseconds;

enum class medium { real, simulated };

// A writer, the disk it writes on, and what it answered.
class desk {
 protected:
  explicit desk(medium on) {
    if (on == medium::simulated) {
      directory_ = "/data";
      EXPECT_TRUE(simulated_.make_directories(directory_));
      disk_ = how_.on = &simulated_;
    } else {
      std::string pattern = (std::filesystem::temp_directory_path() / "zc_writer_XXXXXX").string();
      directory_ = ::mkdtemp(pattern.data());
    }
    how_.path = directory_ + "/data.json";
  }
  desk(const desk&) = delete;
  desk& operator=(const desk&) = delete;
  ~desk() {
    writer_.reset();
    if (disk_ != &simulated_) std::filesystem::remove_all(directory_);
  }
  void open() {
    auto made = file_writer::open(how_);
    ASSERT_TRUE(made) << made.error().reason;
    writer_ = std::move(*made);
  }
  bool append(std::string text) {
    bytes_chain body(bytes::from_string(std::move(text)));
    return append(std::move(body));
  }
  bool append(bytes_chain body) {
    return writer_->try_append(std::move(body), shard_, [this, number = asked_++](auto& outcome) {
      EXPECT_EQ(std::this_thread::get_id(), thread_);
      order_.push_back(number);
      outcomes_[number] = outcome;
    });
  }
  // Waits for everything that was appended.
  void drain(std::size_t count) {
    for (int i = 0; i < 2000 && outcomes_.size() < count; ++i) shard_.run_turn(milliseconds(10));
    ASSERT_EQ(outcomes_.size(), count);
  }
  std::string content(const std::string& name = "data.json") {
    file_options how;
    how.readable = true;
    how.writable = how.create = false;
    const auto file = disk_->open(directory_ + "/" + name, how);
    return file ? read_all(**file, 1 << 28).value_or("(unreadable)") : "(none)";
  }
  void touch(const std::string& name) { ASSERT_TRUE(disk_->open(directory_ + "/" + name, {})); }
  std::vector<std::string> backups() {
    auto names = *disk_->list(directory_);
    std::erase(names, "data.json");
    return names;
  }

  testing::sim_clock still_;
  testing::sim_trace trace_{still_};
  testing::sim_disk simulated_{testing::sim_random(1), trace_};
  disk* disk_ = &file_disk::instance();
  std::string directory_;
  file_writer::options how_;
  std::thread::id thread_ = std::this_thread::get_id();
  steady_clock time_;
  quota limits_{64_MiB};
  shard shard_{{}, make_epoll_poller(), limits_, time_};
  std::unique_ptr<file_writer> writer_;
  int asked_ = 0;
  std::vector<int> order_;
  std::map<int, result<void>> outcomes_;
};

class FileWriterTest : public ::testing::TestWithParam<medium>, protected desk {
 protected:
  FileWriterTest() : desk(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(, FileWriterTest, ::testing::Values(medium::real, medium::simulated),
                         [](const auto& of) { return of.param == medium::real ? "files" : "sim"; });

// What needs the operating system.
class FileWriterOnFilesTest : public ::testing::Test, protected desk {
 protected:
  FileWriterOnFilesTest() : desk(medium::real) {}
};

struct file_size_limit {
  explicit file_size_limit(rlim_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit now = before;
    now.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~file_size_limit() { ::setrlimit(RLIMIT_FSIZE, &before); }
  rlimit before{};
};

TEST_P(FileWriterTest, RecordsLandInOrderAndEveryOneIsAnswered) {
  open();
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    expected += std::to_string(i) + "\n";
    ASSERT_TRUE(append(std::to_string(i) + "\n"));
  }
  drain(3000);
  EXPECT_EQ(content(), expected);
  EXPECT_TRUE(std::ranges::is_sorted(order_));
  for (const auto& [number, outcome] : outcomes_) EXPECT_TRUE(outcome);
  EXPECT_EQ(writer_->read().records, 3000u);
  EXPECT_EQ(writer_->read().bytes, expected.size());
  EXPECT_EQ(writer_->read().queued_records, 0u);
  EXPECT_EQ(writer_->read().queued_bytes, 0u);
}

TEST_P(FileWriterTest, RecordsOfManyPiecesAndEmptyOnesLandWhole) {
  open();
  std::string expected;
  for (const int pieces : {1, 0, 1500, 2, 0, 4000, 3}) {
    bytes_chain body;
    for (int i = 0; i < pieces; ++i) {
      body.append(bytes::from_string(std::to_string(i) + ";"));
      expected += std::to_string(i) + ";";
    }
    ASSERT_TRUE(append(std::move(body)));
  }
  drain(7);
  EXPECT_EQ(content(), expected);
}

TEST_P(FileWriterTest, ClosingWritesWhatWaitsAndTakesNoMore) {
  open();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(append("x"));
  writer_->close();
  EXPECT_EQ(content(), std::string(500, 'x'));
  bytes_chain late(bytes::from_string("late"));
  EXPECT_FALSE(writer_->try_append(std::move(late), shard_, {}));
  EXPECT_EQ(late.size(), 4u) << "refused: nothing was taken";
  drain(500);
}

TEST_F(FileWriterOnFilesTest, AFullQueueRefusesAndGivesTheRecordBack) {
  // A pipe that nobody reads stops the writer's thread.
  how_.path = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(how_.path.c_str(), 0600), 0);
  fd reader(::open(how_.path.c_str(), O_RDONLY | O_NONBLOCK));
  how_.queue_records_max = 10;
  how_.queue_bytes_max = 1 << 20;
  open();
  ASSERT_TRUE(append(std::string((1 << 20) - 100, 'x')));
  EXPECT_FALSE(append(std::string(101, 'y'))) << "too many bytes";
  asked_ -= 1;
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(append("z"));
  bytes_chain eleventh(bytes::from_string("eleventh"));
  file_writer::done call = [](auto&) {};
  EXPECT_FALSE(writer_->try_append(std::move(eleventh), shard_, std::move(call)));
  EXPECT_EQ(eleventh.size(), 8u);
  EXPECT_TRUE(call);
  EXPECT_EQ(writer_->read().queued_records, 10u);

  std::string got;
  ::fcntl(reader.get(), F_SETFL, 0);
  while (got.size() < (1 << 20) - 100 + 9) {
    char part[4096];
    const ssize_t n = ::read(reader.get(), part, sizeof(part));
    ASSERT_GT(n, 0);
    got.append(part, static_cast<std::size_t>(n));
  }
  EXPECT_EQ(got, std::string((1 << 20) - 100, 'x') + std::string(9, 'z'));
  drain(10);
}

TEST_P(FileWriterTest, ARecordLongerThanTheQueueIsTakenWhenItIsEmpty) {
  how_.queue_bytes_max = 10;
  open();
  ASSERT_TRUE(append(std::string(1000, 'x')));
  drain(1);
  EXPECT_EQ(content().size(), 1000u);
}

TEST_P(FileWriterTest, WithoutACallbackOrAfterTheShardHasGoneRecordsAreWrittenAllTheSame) {
  open();
  {
    shard brief({}, make_epoll_poller(), limits_, time_);
    brief.request_stop();
    brief.run();
    ASSERT_TRUE(writer_->try_append(bytes::from_string("a"), brief, [](auto&) { FAIL(); }));
    ASSERT_TRUE(writer_->try_append(bytes::from_string("b"), brief, {}));
    writer_->close();
  }
  EXPECT_EQ(content(), "ab");
}

TEST_F(FileWriterOnFilesTest, AFullDiskFailsRecordsOneByOneLeavesNoHalvesAndIsSurvived) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  open();
  std::vector<std::string> records;
  {
    const file_size_limit limit(100'000);
    for (int i = 0; i < 400; ++i) {
      records.push_back(std::to_string(i) + std::string(random() % 1000, '.') + "\n");
      ASSERT_TRUE(append(records.back()));
    }
    drain(400);
  }
  for (int i = 400; i < 420; ++i) {
    records.push_back(std::to_string(i) + "\n");
    ASSERT_TRUE(append(records.back()));
  }
  drain(420);
  std::string expected;
  int failed = 0;
  for (int i = 0; i < 420; ++i) {
    if (outcomes_[i]) {
      expected += records[static_cast<std::size_t>(i)];
    } else {
      failed += 1;
      EXPECT_EQ(outcomes_[i].error().os, EFBIG);
      EXPECT_LT(i, 400);
    }
  }
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed, 400);
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(writer_->read().failed, static_cast<std::uint64_t>(failed));
}

TEST_F(FileWriterOnFilesTest, AFullDeviceFailsEveryRecord) {
  how_.path = "/dev/full";
  open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append("x"));
  drain(5);
  for (const auto& [number, outcome] : outcomes_) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().os, ENOSPC);
  }
}

TEST_P(FileWriterTest, RotationCutsBetweenRecordsAndLosesNone) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  how_.rotate_bytes = 1000;
  how_.backups_max = 0;
  open();
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    // One in fifty is longer than a file may be: it gets one of its own.
    const std::string text =
        std::to_string(i) + std::string(random() % (i % 50 == 49 ? 5000 : 200), '.') + "\n";
    expected += text;
    ASSERT_TRUE(append(text));
  }
  drain(300);
  std::string all;
  for (const std::string& name : backups()) {  // sorted by name is sorted by time
    const std::string part = content(name);
    EXPECT_EQ(part.back(), '\n');
    EXPECT_TRUE(part.size() <= 1000 || std::ranges::count(part, '\n') == 1) << part.size();
    all += part;
  }
  all += content();
  EXPECT_EQ(all, expected);
  EXPECT_EQ(writer_->read().rotations, backups().size());
  const std::string name = backups().front();
  ASSERT_EQ(name.size(), std::string("data-2026-11-20T10-30-00.000.json").size());
  EXPECT_TRUE(name.starts_with("data-2") && name.ends_with(".json"));
}

TEST_P(FileWriterTest, OnlyTheNewestBackupsAreKeptAndForeignFilesStay) {
  how_.rotate_bytes = 10;
  how_.backups_max = 3;
  touch("data-notes.json");
  touch("data-2001-01-01T00-00-00.000.json");
  open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append("record " + std::to_string(10 + i)));
  drain(20);
  auto names = backups();
  EXPECT_EQ(std::erase(names, "data-notes.json"), 1u);
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(content(names[0]) + content(names[1]) + content(names[2]),
            "record 26record 27record 28");
  EXPECT_EQ(content(), "record 29");
}

TEST_P(FileWriterTest, BackupsThatAreTooOldGo) {
  how_.rotate_bytes = 10;
  how_.age_max = std::chrono::hours(24);
  touch("data-2001-01-01T00-00-00.000.json");
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append("0123456789"));
  drain(3);
  EXPECT_EQ(backups().size(), 2u);
}

TEST_P(FileWriterTest, AFileThatWasMovedAwayIsBegunAnewAtRotation) {
  how_.rotate_bytes = 10;
  open();
  ASSERT_TRUE(append("0123456789"));
  drain(1);
  ASSERT_TRUE(disk_->rename(how_.path, directory_ + "/moved"));
  ASSERT_TRUE(append("next"));
  drain(2);
  EXPECT_EQ(content(), "next");
  EXPECT_EQ(content("moved"), "0123456789");
}

TEST_P(FileWriterTest, ManyShardsWriteAtOnceAndEachKeepsItsOrder) {
  constexpr int shards = 3, each = 1000;
  open();
  std::atomic<int> answered{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < shards; ++t) {
      threads.emplace_back([&, t] {
        shard mine({}, make_epoll_poller(), limits_, time_);
        int back = 0;
        for (int i = 0; i < each; ++i) {
          bytes_builder room = mine.memory().take(100);  // given back by the writer's thread
          room.append_copy(std::to_string(t) + " " + std::to_string(i) + "\n");
          bytes_chain body(std::move(room).freeze());
          while (!writer_->try_append(std::move(body), mine, [&](auto&) { back += 1; })) {
            mine.run_turn(milliseconds(1));
          }
        }
        while (back < each) mine.run_turn(milliseconds(10));
        answered += back;
      });
    }
  }
  EXPECT_EQ(answered, shards * each);
  std::vector<int> next(shards, 0);
  const std::string text = content();
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const int t = text[at] - '0';
    ASSERT_EQ(std::stoi(text.substr(at + 2, 8)), next[static_cast<std::size_t>(t)]++);
  }
  EXPECT_EQ(next, std::vector<int>(shards, each));
  writer_.reset();
  EXPECT_EQ(limits_.used(), 0u);
}

TEST_P(FileWriterTest, APathThatCannotBeOpenedIsAnErrorValue) {
  how_.path = directory_ + "/none/file";
  const auto made = file_writer::open(how_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().os, ENOENT);
}

}  // namespace
}  // namespace zc::io
