// What must hold of an identity: it survives the way through text, its text has one width and sorts
// as the numbers do, and text that is not one is told apart.
#include "gate/rig/identity.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

std::string text_of(const identity& id) {
  const identity_text text = encode(id);
  return std::string(text.data(), text.size());
}

TEST(IdentityTest, SurvivesTheWayThroughText) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const identity id{random(), static_cast<std::uint32_t>(random() % workers_max),
                      random() % sequences_max};
    ASSERT_EQ(decode_identity(text_of(id)), id);
  }
  const identity last{UINT64_MAX, workers_max - 1, sequences_max - 1};
  EXPECT_EQ(decode_identity(text_of(last)), last);
  EXPECT_EQ(decode_identity(text_of({})), identity{});
}

TEST(IdentityTest, TextSortsAsTheNumbersDo) {
  std::mt19937_64 random(8);
  const auto draw = [&] {
    return identity{random() % 3, static_cast<std::uint32_t>(random() % 3), random() % 5'000};
  };
  for (int i = 0; i < 20'000; ++i) {
    const identity a = draw();
    const identity b = draw();
    ASSERT_EQ(text_of(a) < text_of(b), a < b);
  }
}

TEST(IdentityTest, WritingOnlyTheSequenceEqualsWritingAll) {
  std::string text = text_of({5, 6, 7});
  encode_sequence(123'456'789'012, text.data() + identity_size - sequence_size);
  EXPECT_EQ(text, text_of({5, 6, 123'456'789'012}));
}

TEST(IdentityTest, OtherTextIsNoIdentity) {
  const std::string good = text_of({1, 2, 3});
  EXPECT_FALSE(decode_identity(""));
  EXPECT_FALSE(decode_identity(good.substr(1)));
  EXPECT_FALSE(decode_identity(good + "-"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'\0', ' ', '+', '/', '~', '\x80', '\xff'}) {
      std::string bad = good;
      bad[i] = c;
      EXPECT_FALSE(decode_identity(bad)) << i;
    }
  }
  std::string wide = good;
  wide[0] = 'z';  // a run of 66 bits
  EXPECT_FALSE(decode_identity(wide));
}

}  // namespace
}  // namespace sluice::rig
