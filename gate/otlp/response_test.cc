// What must hold of responses: golden bytes, all-default is nothing, and reading follows the wire
// law.

#include "gate/otlp/response.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "gate/otlp/specimen.h"
#include "zc/testing/expect_copies.h"

namespace sluice::otlp {
namespace {

using namespace std::string_view_literals;

std::string encoded(const partial_success& p) {
  const zc::bytes answer = encode_response(p);
  return std::string(answer.text());
}

zc::result<partial_success> decoded(std::string_view text) {
  const auto whole = decode_response(zc::bytes::copy_of(text));
  const auto pieces = decode_response(specimen::cut(text, 1, 1));
  EXPECT_EQ(whole.has_value(), pieces.has_value());
  if (whole && pieces) {
    EXPECT_EQ(whole->rejected, pieces->rejected);
    EXPECT_EQ(whole->message, pieces->message);
  }
  return whole;
}

TEST(ResponseTest, AFullSuccessIsNoBytes) {
  EXPECT_TRUE(encode_response({}).empty());
  const auto p = decoded("");
  ASSERT_TRUE(p);
  EXPECT_FALSE(p->set());
}

TEST(ResponseTest, PartialSuccessHasItsGoldenBytes) {
  EXPECT_EQ(encoded({3, "no"}), "\x0a\x06\x08\x03\x12\x02no"sv);
  EXPECT_EQ(encoded({0, "warn"}), "\x0a\x06\x12\x04warn"sv);
  EXPECT_EQ(encoded({200, ""}), "\x0a\x03\x08\xc8\x01"sv);
}

// A17: what is encoded is what is sent.
TEST(ResponseTest, AnAnswerIsEncodedWhereItIsSentFrom) {
  EXPECT_USER_COPIES(0) {
    const zc::bytes answer = encode_response({7, std::string(10'000, 'm')});
    EXPECT_EQ(answer.from(), zc::backing::heap);  // one block, header and payload
    EXPECT_EQ(answer.size(), 10'008U);
  }
}

TEST(ResponseTest, WhatIsWrittenReadsTheSame) {
  for (const partial_success& p :
       {partial_success{1, "x"}, {INT64_MAX, std::string(300, 'y')}, {-1, ""}, {0, "only text"}}) {
    const auto back = decoded(encoded(p));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->rejected, p.rejected);
    EXPECT_EQ(back->message, p.message);
  }
}

TEST(ResponseTest, AnEmptyPartialSuccessIsAFullSuccess) {
  const auto p = decoded("\x0a\x00"sv);
  ASSERT_TRUE(p);
  EXPECT_FALSE(p->set());
}

TEST(ResponseTest, FragmentsMergeAndUnknownFieldsArePassedOver) {
  const auto p = decoded("\x0a\x04\x12\x02no\x7a\x01z\x0a\x06\x08\x02\x08\x03\x18\x01\x10\x01"sv);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->rejected, 3);
  EXPECT_EQ(p->message, "no");
}

TEST(ResponseTest, LongMessagesAreCut) {
  const auto p = decoded(encoded({1, std::string(message_bytes_max + 5, 'm')}));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->message.size(), message_bytes_max);
}

TEST(ResponseTest, BrokenAnswersAreRefused) {
  EXPECT_FALSE(decoded("\x0a\x05\x08\x01"sv));
  EXPECT_FALSE(decoded("\x0a\x02\x12\x05"sv));
  EXPECT_FALSE(decoded("<html>"sv));
}

}  // namespace
}  // namespace sluice::otlp
