// What must hold of `output_window`: the sink hears of every byte once and of none above the limit;
// the checksum does not depend on how rooms cut the output.
#include "zc/wire/coding/output_window.h"

#include <cstring>
#include <string>
#include <zlib.h>

#include <gtest/gtest.h>

#include "zc/wire/coding/chains_for_tests.h"

namespace zc::coders {
namespace {

void write(output_window& out, std::string_view text) {
  while (!text.empty()) {
    const auto room = out.room();
    ASSERT_TRUE(room);
    const std::size_t count = std::min(text.size(), room->size());
    std::memcpy(room->data(), text.data(), count);
    ASSERT_TRUE(out.wrote(count));
    text.remove_prefix(count);
  }
}

TEST(OutputWindowTest, TheSinkIsToldOncePerRoom) {
  struct counting final : coding_sink {
    std::span<std::byte> room() override { return memory; }
    result<void> produced(std::span<const std::byte>) override {
      ++calls;
      return {};
    }
    std::vector<std::byte> memory = std::vector<std::byte>(100);
    int calls = 0;
  } sink;
  output_window out(sink, 1000);
  for (int i = 0; i < 250; ++i) write(out, "x");
  EXPECT_EQ(sink.calls, 2);
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(sink.calls, 3);
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(sink.calls, 3);
  EXPECT_EQ(out.total(), 250u);
}

TEST(OutputWindowTest, ChecksumsCoverWhatWasWrittenSinceTheirStart) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text.push_back(static_cast<char>(i * 7));
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t size : {1u, 7u, 4096u, 10000u}) {
    scratch_sink sink(size);
    output_window out(sink, SIZE_MAX);
    write(out, "before");
    out.start_sum(checksum::crc32);
    write(out, text);
    EXPECT_EQ(out.sum(), crc32(0, data, static_cast<unsigned>(text.size())));
    out.start_sum(checksum::adler32);
    write(out, text.substr(0, 3000));
    EXPECT_EQ(out.sum(), adler32(1, data, 3000));
    ASSERT_TRUE(out.finish());
    EXPECT_EQ(sink.text, "before" + text + text.substr(0, 3000));
  }
}

TEST(OutputWindowTest, ShowsOneByteMoreThanTheLimitAndRefusesToHearOfIt) {
  scratch_sink sink(4096);
  output_window out(sink, 10);
  const auto room = out.room();
  ASSERT_TRUE(room);
  EXPECT_EQ(room->size(), 11u);
  const auto wrote = out.wrote(11);
  ASSERT_FALSE(wrote);
  EXPECT_EQ(wrote.error().code, errc::too_large);
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(sink.text, "");
}

TEST(OutputWindowTest, ExactlyTheLimitIsFine) {
  scratch_sink sink(4096);
  output_window out(sink, 10);
  write(out, "0123456789");
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(sink.text, "0123456789");
  EXPECT_EQ(out.left(), 0u);
}

TEST(OutputWindowTest, NoLimitDoesNotWrap) {
  scratch_sink sink(4096);
  output_window out(sink, SIZE_MAX);
  ASSERT_TRUE(out.room());
  EXPECT_EQ(out.room()->size(), 4096u);
}

TEST(OutputWindowTest, AFreshRoomIsAskedForOnlyWhenThisOneIsTooSmall) {
  scratch_sink sink(100);
  output_window out(sink, SIZE_MAX);
  write(out, std::string(40, 'a'));
  EXPECT_EQ(out.room(60)->size(), 60u);
  EXPECT_EQ(sink.text, "");
  EXPECT_EQ(out.room(61)->size(), 100u);
  EXPECT_EQ(sink.text, std::string(40, 'a'));
  EXPECT_EQ(out.room(500)->size(), 100u);  // the best that this sink has
}

TEST(OutputWindowTest, WhatTheSinkRefusesEndsIt) {
  scratch_sink dry;
  dry.rooms_left = 0;
  output_window a(dry, SIZE_MAX);
  ASSERT_FALSE(a.room());
  EXPECT_EQ(a.room().error().code, errc::exhausted);

  scratch_sink full(10);
  full.stop_at = 10;
  output_window b(full, SIZE_MAX);
  write(b, "0123456789");
  const auto room = b.room();
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().code, errc::refused);
}

}  // namespace
}  // namespace zc::coders
