// What must hold of cow: nothing is copied and nothing allocated until somebody writes, then once;
// and a borrowed value never survives its source unseen.
#include "zc/mem/cow.h"

#include <array>
#include <cctype>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/mem/pool.h"
#include "zc/mem/quota.h"

namespace zc {
namespace {

std::uint64_t copied() {
  return ledger::read().copied();
}

cow_text lower(std::string_view text) {
  cow_text out = cow_text::borrow(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] >= 'A' && text[i] <= 'Z') out.to_mut()[i] = static_cast<char>(text[i] - 'A' + 'a');
  }
  return out;
}

static_assert(!std::is_copy_constructible_v<cow_text> && !std::is_copy_constructible_v<cow_bytes>);
static_assert(std::is_nothrow_move_constructible_v<cow_text>);
static_assert(std::is_nothrow_move_constructible_v<cow_bytes>);

TEST(CowTextTest, TextThatIsNormalAlreadyIsNotCopied) {
  const std::string text = "content-type of a length that would be allocated";
  const auto before = copied();
  const cow_text same = lower(text);
  EXPECT_TRUE(same.is_borrowed());
  EXPECT_EQ(same.view().data(), text.data());
  EXPECT_EQ(copied(), before);
}

TEST(CowTextTest, WritingCopiesOnceAndLeavesTheSourceAlone) {
  const std::string text = "Content-Type Of A Length That Would Be Allocated";
  const auto before = copied();
  const cow_text changed = lower(text);
  EXPECT_TRUE(changed.is_owned());
  EXPECT_EQ(changed.view(), "content-type of a length that would be allocated");
  EXPECT_EQ(text.front(), 'C');
  EXPECT_EQ(copied(), before + text.size());
}

TEST(CowTextTest, AnOwnedValueIsHandedOnWithoutACopy) {
  std::string text(100, 'x');
  const char* const at = text.data();
  const auto before = copied();
  cow_text mine = cow_text::own(std::move(text));
  mine.to_mut()[0] = 'y';
  const std::string back = std::move(mine).into_owned();
  EXPECT_EQ(back.data(), at);
  EXPECT_EQ(copied(), before);
}

TEST(CowTextTest, MovingKeepsWhatItIs) {
  const std::string text = "borrowed";
  cow_text a = cow_text::borrow(text);
  cow_text b = std::move(a);
  EXPECT_EQ(b.view().data(), text.data());
  b = cow_text::own("ab");  // short: inside of the string itself
  cow_text c = std::move(b);
  EXPECT_EQ(c.view(), "ab");
  EXPECT_TRUE(c == std::string_view("ab"));
  EXPECT_TRUE(cow_text().empty());
}

TEST(CowTextTest, BehavesAsAStringThatIsAlwaysCopied) {
  const auto property = [](const std::string& source, const std::vector<std::uint8_t>& steps) {
    std::string model = source;
    cow_text real = cow_text::borrow(source);
    const std::string untouched = source;
    for (const std::uint8_t step : steps) {
      if (step % 3 == 0) {
        real.to_mut() += static_cast<char>(step);
        model += static_cast<char>(step);
      } else if (step % 3 == 1 && !model.empty()) {
        real.to_mut()[step % model.size()] = 'z';
        model[step % model.size()] = 'z';
      } else {
        real = cow_text::own(std::move(real).into_owned());
      }
      RC_ASSERT(real.view() == model);
    }
    RC_ASSERT(source == untouched);
    RC_ASSERT(std::move(real).into_owned() == model);
  };
  EXPECT_TRUE(rc::check("random writes", property));
}

TEST(CowBytesTest, SharesUntilSomebodyWrites) {
  const bytes source = bytes::copy_of("payload");
  const auto before = copied();
  cow_bytes c = cow_bytes::share(source);
  EXPECT_EQ(c.view().data(), source.data());
  const bytes same = std::move(c).into_bytes();
  EXPECT_TRUE(same.shares_owner_with(source));
  EXPECT_EQ(copied(), before);
}

TEST(CowBytesTest, WritingCopiesOnceAndTheResultIsHandedOnWithoutACopy) {
  const bytes source = bytes::copy_of("payload");
  const auto before = copied();
  cow_bytes c = cow_bytes::share(source);
  c.to_mut()[0] = std::byte{'P'};
  c.to_mut()[6] = std::byte{'D'};
  EXPECT_TRUE(c.is_owned());
  const std::byte* const at = c.view().data();
  cow_bytes moved = std::move(c);
  const bytes result = std::move(moved).into_bytes();
  EXPECT_EQ(result.text(), "PayloaD");
  EXPECT_EQ(result.data(), at);
  EXPECT_EQ(source.text(), "payload");
  EXPECT_EQ(copied(), before + 7);
}

TEST(CowBytesTest, OwnedBytesOfABuilderAreChangedWhereTheyLie) {
  bytes_builder made = bytes_builder::with_capacity(64);
  made.append_copy("taken");
  const bytes taken = made.take();
  made.append_copy("mine");
  const auto before = copied();
  cow_bytes c = cow_bytes::own(std::move(made));
  ASSERT_EQ(c.size(), 4U);
  c.to_mut()[0] = std::byte{'M'};
  const bytes result = std::move(c).into_bytes();
  EXPECT_EQ(result.text(), "Mine");
  EXPECT_EQ(taken.text(), "taken");
  EXPECT_EQ(copied(), before);
}

TEST(CowBytesTest, TheLastHolderWritesWhereTheBytesLie) {
  bytes source = bytes::copy_of("payload");
  bytes other = source;
  const std::byte* const at = source.data();
  const auto before = copied();
  cow_bytes c = cow_bytes::share(std::move(source));
  other.clear();
  c.to_mut()[0] = std::byte{'P'};
  EXPECT_TRUE(c.is_owned());
  const bytes result = std::move(c).into_bytes();
  EXPECT_EQ(result.text(), "Payload");
  EXPECT_EQ(result.data(), at);
  EXPECT_EQ(copied(), before);
}

TEST(CowBytesTest, ASliceThatIsLeftOfItsBlockIsWrittenInPlaceAndNothingElseIs) {
  bytes_builder made = bytes_builder::with_capacity(64);
  made.append_copy("--middle--");
  bytes whole = std::move(made).freeze();
  bytes part = whole.slice(2, 6);
  const std::byte* const at = part.data();
  whole.clear();
  cow_bytes c = cow_bytes::share(std::move(part));
  ASSERT_EQ(c.to_mut().size(), 6U);
  EXPECT_EQ(c.to_mut().data(), at);
  c.to_mut()[0] = std::byte{'M'};
  EXPECT_EQ(std::move(c).into_bytes().slice(0, 6), "Middle");
}

TEST(CowBytesTest, MemoryThatMustNotBeWrittenIsCopiedEvenForASoleHolder) {
  const auto before = copied();
  static constexpr std::array<std::byte, 3> table{};
  cow_bytes fixed = cow_bytes::share(bytes::from_static(table));
  cow_bytes foreign = cow_bytes::share(bytes::adopt(table, [] {}));
  fixed.to_mut()[0] = std::byte{1};
  foreign.to_mut()[0] = std::byte{1};
  EXPECT_EQ(copied(), before + 6);
}

TEST(CowBytesTest, ACopyThatIsNeededComesFromThePoolOrNotAtAll) {
  quota limits(64 * 1024);
  pool memory(limits, 0);
  const bytes source = bytes::copy_of(std::string(5000, 's'));
  const auto before = copied();
  cow_bytes c = cow_bytes::share(source);
  ASSERT_TRUE(c.try_own(memory));
  EXPECT_EQ(copied(), before + 5000);
  c.to_mut()[0] = std::byte{'S'};
  bytes mine = std::move(c).into_bytes();
  EXPECT_EQ(mine.from(), backing::pool);
  EXPECT_EQ(source.text().front(), 's');

  // What comes back is written again where it lies, also when the pool has nothing left.
  const bytes_builder all = memory.take(48 * 1024);
  ASSERT_TRUE(all);
  const std::byte* const at = mine.data();
  cow_bytes again = cow_bytes::share(std::move(mine));
  ASSERT_TRUE(again.try_own(memory));
  EXPECT_EQ(again.to_mut().data(), at);
  EXPECT_EQ(copied(), before + 5000);

  const bytes held = bytes::copy_of(std::string(60 * 1024, 'x'));
  cow_bytes refused = cow_bytes::share(held);
  EXPECT_FALSE(refused.try_own(memory));
  EXPECT_TRUE(refused.is_borrowed());
  EXPECT_EQ(refused.view().data(), held.data());
}

TEST(CowBytesTest, IntoOwnedPinsNothingOfTheSource) {
  const bytes source = bytes::copy_of(std::string(1000, 'x'));
  const bytes part = cow_bytes::share(source.slice(10, 10)).into_owned();
  EXPECT_FALSE(part.shares_owner_with(source));
  EXPECT_EQ(part.text(), std::string(10, 'x'));
}

TEST(CowBytesTest, NothingIsEmptyAndStaysSo) {
  cow_bytes none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.to_mut().empty());
  EXPECT_TRUE(std::move(none).into_bytes().empty());
}

}  // namespace
}  // namespace zc
