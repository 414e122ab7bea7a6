// What must hold of status.h: the encodings are those that other gRPC implementations read, golden
// bytes included, and no bytes of a peer can make a decoder fail harder than saying "nothing".

#include "zc/wire/grpc/status.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace zc::grpc {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

status busy() {
  status s;
  s.grpc = code::unavailable;
  s.message = "busy";
  s.retry_after = 1s;
  return s;
}

TEST(GrpcStatusTest, AThrottleOfOneSecondIsTheKnown58Bytes) {
  const std::string golden = std::string(
                                 "\x08\x0e\x12\x04"
                                 "busy\x1a\x30\x0a\x28",
                                 12) +
                             "type.googleapis.com/google.rpc.RetryInfo" +
                             std::string("\x12\x04\x0a\x02\x08\x01", 6);
  EXPECT_EQ(encode_status(busy()), golden);
  EXPECT_EQ(golden.size(), 58u);
  // 80 characters with its padding, which we leave away.
  EXPECT_EQ(base64_encode(golden),
            "CA4SBGJ1c3kaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ");
  EXPECT_EQ(base64_encode(golden).size(), 78u);
}

TEST(GrpcStatusTest, StatusReadsBackWhatItWrote) {
  const std::string encoded = encode_status(busy());
  EXPECT_EQ(message_in_status(encoded), "busy");
  EXPECT_EQ(retry_delay_in_status(encoded), nanoseconds(1s));
  status plain;
  plain.grpc = code::internal;
  EXPECT_EQ(encode_status(plain), "\x08\x0d");
  EXPECT_EQ(retry_delay_in_status(encode_status(plain)), std::nullopt);
  EXPECT_EQ(message_in_status(encode_status(plain)), "");
}

TEST(GrpcStatusTest, RetryInfoKeepsNanosecondsAndWritesNoDefaults) {
  EXPECT_EQ(encode_retry_info(1500ms), std::string("\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01", 10));
  EXPECT_EQ(encode_retry_info(0s), std::string("\x0a\x00", 2));
  EXPECT_EQ(encode_retry_info(-5s), std::string("\x0a\x00", 2));
  for (const nanoseconds t : {nanoseconds(1), nanoseconds(999'999'999), nanoseconds(36h + 7ns)}) {
    status s = busy();
    s.retry_after = t;
    EXPECT_EQ(retry_delay_in_status(encode_status(s)), t);
  }
}

TEST(GrpcStatusTest, BadBytesAreNoDelay) {
  const std::string good = encode_status(busy());
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(retry_delay_in_status(good.substr(0, cut)), std::nullopt) << cut;
  }
  std::mt19937 random(7);
  for (int round = 0; round < 2'000; ++round) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    (void)retry_delay_in_status(bad);
    (void)message_in_status(bad);
  }
  EXPECT_EQ(retry_delay_in_status(std::string(20, '\xff')), std::nullopt);
}

TEST(GrpcStatusTest, NegativeDelaysAreNone) {
  // seconds = -1 as a ten-byte varint.
  std::string any = "\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0d\x0a\x0b\x08";
  any += "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  const std::string encoded = std::string("\x1a") + static_cast<char>(any.size()) + any;
  EXPECT_EQ(retry_delay_in_status(encoded), std::nullopt);
}

TEST(GrpcStatusTest, MessagesArePercentEncoded) {
  EXPECT_EQ(encode_message("plain text, ~!"), "plain text, ~!");
  EXPECT_EQ(encode_message("50% \xc3\xa9\n"), "50%25 %C3%A9%0A");
  EXPECT_EQ(decode_message("50%25 %C3%a9%0A"), "50% \xc3\xa9\n");
  EXPECT_EQ(decode_message("100%, %zz, %4"), "100%, %zz, %4");  // no escapes: kept as they are
  EXPECT_EQ(decode_message("%"), "%");
}

TEST(GrpcStatusTest, MessagesAreCutBetweenEscapes) {
  EXPECT_EQ(encode_message("ab%", 4), "ab");
  EXPECT_EQ(encode_message("ab%", 5), "ab%25");
  EXPECT_EQ(encode_message("abc", 0), "");
  EXPECT_EQ(encode_message(std::string(5'000, 'x')).size(), 1'024u);
}

TEST(GrpcStatusTest, AnyTextSurvivesEncoding) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(decode_message(encode_message(all)), all);
}

TEST(GrpcStatusTest, Base64TakesEveryForm) {
  const struct {
    std::string_view raw, text;
  } cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}};
  for (const auto& c : cases) {
    EXPECT_EQ(base64_encode(c.raw), c.text);
    EXPECT_EQ(base64_decode(c.text), std::string(c.raw));
  }
  EXPECT_EQ(base64_decode("Zg=="), "f");
  EXPECT_EQ(base64_decode("Zm8="), "fo");
  EXPECT_EQ(base64_decode("+/+/").value(), base64_decode("-_-_").value());
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (std::size_t n = 0; n <= all.size(); ++n) {
    EXPECT_EQ(base64_decode(base64_encode(all.substr(0, n))), all.substr(0, n));
  }
}

TEST(GrpcStatusTest, Base64RefusesWhatIsNone) {
  for (const std::string_view bad :
       {"Z", "Zg=", "Zg===", "=", "====", "Z g=", "Zm9v=", "Zm\n9", "Zm9vY"}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(GrpcStatusTest, TimeoutsAreDigitsAndAUnit) {
  EXPECT_EQ(parse_timeout("9974m"), nanoseconds(9'974ms));
  EXPECT_EQ(parse_timeout("5S"), nanoseconds(5s));
  EXPECT_EQ(parse_timeout("1H"), nanoseconds(1h));
  EXPECT_EQ(parse_timeout("2M"), nanoseconds(2min));
  EXPECT_EQ(parse_timeout("3u"), nanoseconds(3us));
  EXPECT_EQ(parse_timeout("99999999n"), nanoseconds(99'999'999));
  EXPECT_EQ(parse_timeout("99999999H"), nanoseconds::max());  // longer than we can count
  for (const std::string_view bad :
       {"", "S", "5", "5s", "-1S", "+1S", "1 S", "123456789n", "1.5S", "0x1S"}) {
    EXPECT_FALSE(parse_timeout(bad)) << bad;
  }
}

TEST(GrpcStatusTest, TimeoutsAreWrittenInTheFinestUnitThatFitsRoundedUp) {
  EXPECT_EQ(encode_timeout(5ns), "5n");
  EXPECT_EQ(encode_timeout(1s), "1000000u");
  EXPECT_EQ(encode_timeout(100s), "100000m");
  EXPECT_EQ(encode_timeout(nanoseconds(99'999'999)), "99999999n");
  EXPECT_EQ(encode_timeout(nanoseconds(100'000'001)), "100001u");
  EXPECT_EQ(encode_timeout(0s), "1n");
  EXPECT_EQ(encode_timeout(nanoseconds::max()), "2562048H");
  for (const nanoseconds t : {1ns, nanoseconds(123'456'789'012), nanoseconds(50h)}) {
    EXPECT_GE(parse_timeout(encode_timeout(t)).value(), t);
  }
}

TEST(GrpcStatusTest, CodesMapAsTheSpecificationSays) {
  EXPECT_EQ(from_http(400), code::internal);
  EXPECT_EQ(from_http(401), code::unauthenticated);
  EXPECT_EQ(from_http(403), code::permission_denied);
  EXPECT_EQ(from_http(404), code::unimplemented);
  for (const int busy_status : {429, 502, 503, 504})
    EXPECT_EQ(from_http(busy_status), code::unavailable);
  for (const int other : {200, 302, 413, 500}) EXPECT_EQ(from_http(other), code::unknown);
  EXPECT_EQ(from_h2_error(0), code::internal);
  EXPECT_EQ(from_h2_error(7), code::unavailable);
  EXPECT_EQ(from_h2_error(8), code::cancelled);
  EXPECT_EQ(from_h2_error(11), code::resource_exhausted);
  EXPECT_EQ(from_h2_error(12), code::permission_denied);
  EXPECT_EQ(from_h2_error(5), code::unknown);
  EXPECT_EQ(from_h2_error(0xffffffff), code::unknown);
  EXPECT_EQ(name_of(code::unavailable), "UNAVAILABLE");
  EXPECT_EQ(name_of(code::unauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(name_of(static_cast<code>(77)), "UNKNOWN");
}

TEST(GrpcStatusTest, OnlyTheSpecifiedCodesAreRetried) {
  int retried = 0;
  for (int c = 0; c <= 16; ++c) retried += retryable(static_cast<code>(c), false);
  EXPECT_EQ(retried, 6);
  EXPECT_TRUE(retryable(code::unavailable, false));
  EXPECT_FALSE(retryable(code::resource_exhausted, false));
  EXPECT_TRUE(retryable(code::resource_exhausted, true));
  EXPECT_FALSE(retryable(code::invalid_argument, true));
}

TEST(StatusTest, WhatIsNoUtf8IsReplacedByteByByte) {
  const std::string good = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
  EXPECT_EQ(valid_utf8(good), good);
  EXPECT_EQ(valid_utf8("\x80"), "?");
  EXPECT_EQ(valid_utf8("a\xff\xfe"
                       "b"),
            "a??b");
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(valid_utf8("\xe0\x80\x80"), "???");       // overlong
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "???");       // a surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(valid_utf8("x\xe2\x82"), "x??");          // cut off
  EXPECT_EQ(valid_utf8("\xe2\x28\xa1"), "?(?");
}

TEST(StatusTest, AnEncodedStatusIsAlwaysProtobufThatOthersCanRead) {
  status s;
  s.grpc = code::unavailable;
  s.message = "backend said \xff";
  EXPECT_EQ(message_in_status(encode_status(s)), "backend said ?");
}

}  // namespace
}  // namespace zc::grpc
