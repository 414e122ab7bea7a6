// What must hold of a page latch: a reader gets a page whole or none, never an older one than
// before; a writer that stops in the middle harms nobody; a reader believes nothing that it reads
// about sizes.
//
// Method: examples on plain memory, some of it written by hand as a broken writer leaves it; any
// list of commands against a vector that is replaced; threads with pages of one repeated word,
// which mean something under ThreadSanitizer.

#include "zc/shard/page_latch.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/shard/commands_for_tests.h"

namespace zc {
namespace {

using for_tests::any_commands;
using for_tests::command;

constexpr std::size_t page_words = 64;
constexpr std::size_t page_size = page_words * 8;

using words = std::vector<std::uint64_t>;

struct room {
  words storage = words(page_latch::room_for(page_size) / 8);
  std::span<std::byte> all() { return std::as_writable_bytes(std::span(storage)); }
};

words page_of(std::uint64_t value) {
  return words(page_words, value);
}

// Of a temporary: for the call it is in.
std::span<const std::byte> as_page(const words& page) {
  return std::as_bytes(std::span(page));
}

words read_page(const page_latch::reader& from, std::uint64_t number) {
  words copy(page_words);
  const auto read = from.read(std::as_writable_bytes(std::span(copy)));
  EXPECT_TRUE(read) << read.error().reason;
  EXPECT_EQ(read.value_or(0), number);
  return copy;
}

TEST(PageLatchTest, AReaderGetsTheLatestPage) {
  room in;
  page_latch::writer writer(in.all(), page_size);
  const auto reader = page_latch::reader::over(in.all());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->page_size(), page_size);
  words copy(page_words, 7);
  EXPECT_EQ(reader->read(std::as_writable_bytes(std::span(copy))).error().code, errc::closed);
  EXPECT_EQ(copy, page_of(7)) << "nothing was read, nothing is written";
  for (std::uint64_t n = 1; n <= 5; ++n) {
    writer.publish(as_page(page_of(100 + n)));
    EXPECT_EQ(reader->completed(), n);
    EXPECT_EQ(read_page(*reader, n), page_of(100 + n));
    EXPECT_EQ(read_page(*reader, n), page_of(100 + n)) << "reading takes nothing away";
  }
}

TEST(PageLatchTest, AWriterThatStopsInTheMiddleLeavesThePageBefore) {
  room in;
  page_latch::writer writer(in.all(), page_size);
  const auto reader = page_latch::reader::over(in.all());
  ASSERT_TRUE(reader);
  writer.publish(as_page(page_of(1)));
  writer.publish(as_page(page_of(2)));
  // Page 3 goes where page 1 was, in the second place: half of it is written.
  std::fill_n(in.storage.begin() + 8 + page_words, page_words / 2, 3);
  EXPECT_EQ(read_page(*reader, 2), page_of(2));
  writer.publish(as_page(page_of(3)));
  EXPECT_EQ(read_page(*reader, 3), page_of(3));
}

TEST(PageLatchTest, AnotherWriterOfTheSameMemoryGoesOn) {
  room in;
  page_latch::writer(in.all(), page_size).publish(as_page(page_of(1)));
  page_latch::writer(in.all(), page_size).publish(as_page(page_of(2)));
  const auto reader = page_latch::reader::over(in.all());
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_page(*reader, 2), page_of(2));
}

TEST(PageLatchTest, SizesThatCannotBeAreRefused) {
  room in;
  page_latch::writer writer(in.all(), page_size);
  const auto over = [&](std::size_t count) {
    return page_latch::reader::over(in.all().first(count)).error().code;
  };
  EXPECT_EQ(over(0), errc::truncated);
  EXPECT_EQ(over(63), errc::truncated);
  EXPECT_EQ(over(64), errc::truncated);
  EXPECT_EQ(over(in.all().size() - 1), errc::truncated);
  EXPECT_TRUE(page_latch::reader::over(in.all()));
  const auto crooked = page_latch::reader::over(in.all().subspan(4));
  ASSERT_FALSE(crooked);
  EXPECT_STREQ(crooked.error().reason, "a latch that is not aligned");
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{7}, page_size + 1}) {
    in.storage[1] = size;
    EXPECT_EQ(page_latch::reader::over(in.all()).error().code, errc::malformed) << size;
  }
  for (const std::uint64_t size :
       {page_size + 8, std::uint64_t{1} << 63, UINT64_MAX - 7, std::uint64_t{1} << 32}) {
    in.storage[1] = size;
    EXPECT_EQ(page_latch::reader::over(in.all()).error().code, errc::truncated) << size;
  }
}

enum class on_latch : std::uint8_t { publish, stop_halfway, read };
const char* name_of(on_latch what) {
  constexpr std::array names{"publish", "stop_halfway", "read"};
  return names[static_cast<std::size_t>(what)];
}

TEST(PageLatchTest, AgreesWithAVectorThatIsReplaced) {
  const auto property = [] {
    const auto count = *rc::gen::inRange<std::size_t>(1, 12);
    words storage(page_latch::room_for(count * 8) / 8 + *rc::gen::inRange<std::size_t>(0, 3));
    const auto room = std::as_writable_bytes(std::span(storage));
    std::optional<page_latch::writer> writer(std::in_place, room, count * 8);
    const auto reader = page_latch::reader::over(room);
    RC_ASSERT(reader.has_value());
    RC_ASSERT(reader->page_size() == count * 8);
    words model;
    std::uint64_t completed = 0;
    using enum on_latch;
    const auto all = *any_commands<on_latch>({{40, publish}, {20, stop_halfway}, {40, read}});
    for (const command<on_latch>& c : all) {
      switch (c.what) {
        case publish:
          model.assign(count, c.n);
          model[c.m % count] = c.m;
          writer->publish(std::as_bytes(std::span(model)));
          completed += 1;
          break;
        case stop_halfway: {
          // A writer dies when some words of the next page are written; another one goes on.
          const std::size_t at = page_latch::head_bytes / 8 + (completed + 1) % 2 * count;
          std::fill_n(storage.begin() + static_cast<long>(at), c.n % (count + 1), c.m);
          writer.emplace(room, count * 8);
          break;
        }
        case read: {
          words copy(count, 99);
          const auto number = reader->read(std::as_writable_bytes(std::span(copy)));
          RC_ASSERT(number.has_value() == (completed > 0));
          if (number) RC_ASSERT(*number == completed);
          if (!number) RC_ASSERT(number.error().code == errc::closed);
          RC_ASSERT(copy == (completed > 0 ? model : words(count, 99)));
        }
      }
      RC_ASSERT(reader->completed() == completed);
    }
  };
  EXPECT_TRUE(rc::check("a page latch agrees with a vector that is replaced", property));
}

// Pages that take some microseconds to copy: the writer overtakes the reader in the middle of most.
TEST(PageLatchTest, APageIsWholeWhileAnotherThreadGoesOnWriting) {
  constexpr std::size_t large = 4096;
  words storage(page_latch::room_for(large * 8) / 8);
  const auto all = std::as_writable_bytes(std::span(storage));
  page_latch::writer writer(all, large * 8);
  const auto reader = page_latch::reader::over(all);
  ASSERT_TRUE(reader);
  std::jthread writing([&](const std::stop_token& stop) {
    words page(large);
    for (std::uint64_t n = 1; !stop.stop_requested(); ++n) {
      std::ranges::fill(page, n);
      writer.publish(as_page(page));
    }
  });
  std::uint64_t last = 0;
  words copy(large);
  for (unsigned whole = 0; whole < 5'000 || last < 5'000;) {
    const auto read = reader->read(std::as_writable_bytes(std::span(copy)));
    if (!read) {
      ASSERT_TRUE(read.error().code == errc::closed || read.error().code == errc::timed_out);
      continue;
    }
    const bool same = std::ranges::all_of(copy, [&](std::uint64_t w) { return w == *read; });
    ASSERT_TRUE(same) << "words of two pages";
    ASSERT_GE(*read, last);
    last = *read;
    ++whole;
  }
}

TEST(PageLatchDeathTest, AMistakeOfTheWritersAborts) {
  room in;
  EXPECT_DEATH(page_latch::writer(in.all(), 12), "whole words");
  EXPECT_DEATH(page_latch::writer(in.all(), 0), "whole words");
  EXPECT_DEATH(page_latch::writer(in.all().subspan(4), 64), "aligned");
  EXPECT_DEATH(page_latch::writer(in.all(), page_size + 8), "two pages");
  EXPECT_DEATH(page_latch::writer(in.all(), SIZE_MAX - 7), "two pages");
  page_latch::writer writer(in.all(), page_size);
  EXPECT_DEATH(writer.publish(in.all().first(page_size - 8)), "a whole page");
}

}  // namespace
}  // namespace zc
