// What must hold of an archive: its requests are the bytes of the files, where they lie; each is
// counted and of the right signal; and a file that is not what it should be is named with the place
// where that shows.
#include "gate/rig/archive.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "gate/rig/archive_for_tests.h"
#include "gate/rig/drafts_for_tests.h"
#include "zc/testing/expect_copies.h"

namespace sluice::rig {
namespace {

using otlp::signal;
using testing::drawn;
using testing::record;
using testing::zstd;

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rig_archive_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ArchiveTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  // What is wrong with a file of this content.
  std::string wrong(const std::string& content, const std::string& name = "a.binpb") const {
    const auto opened = archive::open({write(name, content)});
    if (opened) return "nothing";
    const std::string text = text_of(opened.error());
    EXPECT_TRUE(text.starts_with(folder_ + "/" + name + ": ")) << text;
    return text.substr(std::min(text.size(), folder_.size() + name.size() + 3));
  }

  std::string folder_;
};

TEST_F(ArchiveTest, GivesTheRequestsOfAllFilesInOrderWhereTheyLie) {
  const std::string spans = drawn(signal::traces, 7);
  const std::string points = drawn(signal::metrics, 9);
  const std::string lines = drawn(signal::logs, 11);
  const auto files = {write("1", record(spans) + record(lines)), write("2", record(points))};
  EXPECT_USER_COPIES(0) {
    const auto a = archive::open(files);
    ASSERT_TRUE(a.has_value()) << text_of(a.error());
    ASSERT_EQ(a->size(), 3u);
    EXPECT_EQ(a->files(), 2u);
    EXPECT_EQ(a->items(), 7u + 9 + 11);
    EXPECT_TRUE(a->at(0).body == std::string_view(spans));
    EXPECT_TRUE(a->at(1).body == std::string_view(lines));
    EXPECT_TRUE(a->at(2).body == std::string_view(points));
    EXPECT_EQ(a->at(0).signal, signal::traces);
    EXPECT_EQ(a->at(1).signal, signal::logs);
    EXPECT_EQ(a->at(2).signal, signal::metrics);
    EXPECT_EQ(a->at(2).items, 9u);
    EXPECT_EQ(a->at(2).telemetry_bytes, points.size());
    EXPECT_EQ(a->at(0).body.from(), zc::backing::mapped_file);
    EXPECT_TRUE(a->at(0).body.shares_owner_with(a->at(1).body));
    EXPECT_TRUE(a->notes().empty());
    EXPECT_EQ(a->cut_bytes(), 0u);
  }
}

TEST_F(ArchiveTest, ABodyOutlivesTheArchive) {
  const std::string spans = drawn(signal::traces, 3);
  zc::bytes kept;
  {
    const auto a = archive::open({write("1", record(spans))});
    ASSERT_TRUE(a.has_value());
    kept = a->at(0).body;
  }
  EXPECT_EQ(kept.text(), spans);
}

TEST_F(ArchiveTest, CompressedRecordsAreCountedAndStayCompressed) {
  const std::string lines = drawn(signal::logs, 30);
  const std::string frame = zstd(lines);
  const auto a = archive::open({write("1", record(frame) + record(lines))});
  ASSERT_TRUE(a.has_value()) << text_of(a.error());
  EXPECT_EQ(a->at(0).form, zc::coding::zstd);
  EXPECT_TRUE(a->at(0).body == std::string_view(frame));
  EXPECT_EQ(a->at(0).telemetry_bytes, lines.size());
  EXPECT_EQ(a->at(0).items, 30u);
  EXPECT_EQ(a->at(0).signal, signal::logs);
  EXPECT_EQ(a->at(1).form, zc::coding::identity);
}

TEST_F(ArchiveTest, AFileThatEndsInsideOfARecordGivesTheWholeOnes) {
  const std::string whole = record(drawn(signal::logs, 5));
  const std::string next = record(drawn(signal::logs, 6));
  for (const std::size_t size : {1UL, 3UL, 4UL, 5UL, next.size() / 2, next.size() - 1}) {
    const auto a = archive::open({write("cut", whole + next.substr(0, size))});
    ASSERT_TRUE(a.has_value()) << text_of(a.error());
    ASSERT_EQ(a->size(), 1u);
    EXPECT_EQ(a->cut_bytes(), size);
    ASSERT_EQ(a->notes().size(), 1u);
    EXPECT_EQ(a->notes()[0], folder_ + "/cut: ends inside of the record at byte " +
                                 std::to_string(whole.size()) + ": its " + std::to_string(size) +
                                 " bytes are left out");
  }
}

TEST_F(ArchiveTest, EmptyFilesAreNotedUnlessThereIsNothingElse) {
  const auto a = archive::open({write("none", ""), write("one", record(drawn(signal::logs, 1)))});
  ASSERT_TRUE(a.has_value());
  EXPECT_EQ(a->size(), 1u);
  EXPECT_EQ(a->at(0).items, 1u);
  EXPECT_EQ(a->notes(), std::vector{folder_ + "/none: empty"});
  EXPECT_EQ(a->cut_bytes(), 0u);

  EXPECT_EQ(wrong(""), "nothing to send: no file has a record");
  const auto none = archive::open({write("x", ""), write("y", "")});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(text_of(none.error()), "nothing to send: no file has a record");
}

TEST_F(ArchiveTest, OtherFormatsAreNamed) {
  EXPECT_EQ(wrong(R"({"resourceLogs":[]})"),
            "JSON (format: json); only format: proto can be sent again, at byte 0");
  EXPECT_EQ(wrong("\x1f\x8b\x08 and so on"),
            "compressed as a whole with gzip: unpack it first, at byte 0");
  EXPECT_EQ(wrong(zstd(record(drawn(signal::logs, 3)))),
            "compressed as a whole with zstd: unpack it first, at byte 0");
  EXPECT_EQ(wrong("abc"),
            "no whole record: not an archive, or cut off in its first one, at byte 0");
  EXPECT_EQ(wrong(record(drawn(signal::logs, 3)).substr(0, 50)),
            "no whole record: not an archive, or cut off in its first one, at byte 0");
  const std::string good = record(drawn(signal::logs, 3));
  EXPECT_EQ(wrong(good + "\xff\xff\xff\xff..."),
            "a record longer than the limit, at byte " + std::to_string(good.size()));
}

TEST_F(ArchiveTest, ARecordThatIsNoRequestIsNamedWithItsPlace) {
  const std::string good = record(drawn(signal::logs, 3));
  const auto at = [&](std::size_t inside) {
    return "not an OTLP request in protobuf, at byte " + std::to_string(good.size() + 4 + inside);
  };
  // A log that says it is longer than the request is.
  EXPECT_EQ(wrong(good + record("\x0a\x7f"), "logs.binpb"), at(0));
  // A whole field before one that is none.
  EXPECT_EQ(wrong(good + record(std::string("\x0a\x00\x07", 3)), "logs.binpb"), at(2));
  // A frame that is not whole: the place is the record's.
  const std::string frame = zstd(drawn(signal::logs, 30));
  const std::string damaged = wrong(good + record(frame.substr(0, frame.size() - 1)));
  EXPECT_TRUE(damaged.ends_with(", at byte " + std::to_string(good.size() + 4))) << damaged;
  const std::string twice = zstd(drawn(signal::logs, 1)) + zstd(drawn(signal::logs, 2));
  EXPECT_EQ(wrong(record(twice)), "more than one zstd frame, at byte 4");
}

TEST_F(ArchiveTest, WhatCannotBeMappedIsNamed) {
  const auto nothing = archive::open({folder_ + "/nowhere"});
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().why.os, ENOENT);
  EXPECT_TRUE(text_of(nothing.error()).starts_with(folder_ + "/nowhere: "));
  const auto folder = archive::open({folder_});
  ASSERT_FALSE(folder.has_value());
  EXPECT_EQ(text_of(folder.error()), folder_ + ": only regular files are mapped");
}

// The requests below have no items, so nothing inside of them tells.
TEST_F(ArchiveTest, WhereARequestDoesNotTellItsSignalTheFileDoes) {
  const std::string silent = for_tests::request_of({});
  const std::string spans = drawn(signal::traces, 2);
  const std::string lines = drawn(signal::logs, 2);
  const std::string unknown =
      "nothing tells which signal this request is: name it with --signal, at byte ";

  EXPECT_EQ(wrong(record(silent)), unknown + "4");
  EXPECT_EQ(wrong(record(silent), "logs-and-traces"), unknown + "4");
  EXPECT_EQ(wrong(record(spans) + record(lines) + record(silent)),
            unknown + std::to_string(spans.size() + lines.size() + 12));

  const auto by_name = archive::open({write("metrics-0.otlp", record(silent))});
  ASSERT_TRUE(by_name.has_value()) << text_of(by_name.error());
  EXPECT_EQ(by_name->at(0).signal, signal::metrics);
  EXPECT_EQ(by_name->at(0).items, 0u);
  const auto by_others = archive::open({write("x", record(silent) + record(spans))});
  ASSERT_TRUE(by_others.has_value()) << text_of(by_others.error());
  EXPECT_EQ(by_others->at(0).signal, signal::traces);
  // What is in the request comes before the name, and what the caller says before both.
  const auto content = archive::open({write("metrics", record(spans))});
  ASSERT_TRUE(content.has_value());
  EXPECT_EQ(content->at(0).signal, signal::traces);
  const auto said = archive::open({write("metrics", record(silent))}, signal::logs);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->at(0).signal, signal::logs);
}

TEST_F(ArchiveTest, ItemsAreCountedAsTheSignalThatWasSettledHasThem) {
  // A metric without a name: nothing tells, and its points count as metrics only.
  const std::string request = for_tests::request_of({[](draft& metric) {
    metric.message(5, [&] {
      for (int i = 0; i < 3; ++i) metric.message(1);
    });
  }});
  for (const std::string& body : {request, zstd(request)}) {
    const auto a = archive::open({write("metrics", record(body))});
    ASSERT_TRUE(a.has_value()) << text_of(a.error());
    EXPECT_EQ(a->at(0).items, 3u);
    EXPECT_EQ(a->items(), 3u);
  }
}

TEST_F(ArchiveTest, AskingBehindTheEndBreaksTheContract) {
  const auto a = archive::open({write("1", record(drawn(signal::logs, 1)))});
  ASSERT_TRUE(a.has_value());
  EXPECT_DEATH((void)a->at(1), "n < size");
}

}  // namespace
}  // namespace sluice::rig
