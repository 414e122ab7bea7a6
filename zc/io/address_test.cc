// What must hold of addresses: numbers resolve to themselves, names to something, and errors are
// values.

#include "zc/io/address.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>

#include <gtest/gtest.h>

namespace zc::io {
namespace {

TEST(AddressTest, NumbersResolveToThemselves) {
  for (const char* text : {"127.0.0.1:80", "[::1]:443", "[2001:db8::7]:1", "unix:/run/x"}) {
    const auto places = resolve(*endpoint::parse(text), purpose::connecting);
    ASSERT_TRUE(places) << text << ": " << places.error().reason;
    EXPECT_EQ(places->front().text(), text);
  }
}

TEST(AddressTest, IPv4InsideIPv6IsWrittenAsIPv4) {
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(77);
  const unsigned char number[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3};
  std::memcpy(&mapped.sin6_addr, number, sizeof(number));
  EXPECT_EQ(address(reinterpret_cast<const sockaddr*>(&mapped), sizeof(mapped)).text(),
            "10.1.2.3:77");
}

TEST(AddressTest, AnEmptyHostIsEverywhereOrHere) {
  const auto here = resolve(*endpoint::parse(":80"), purpose::connecting);
  ASSERT_TRUE(here);
  EXPECT_TRUE(here->front().text() == "127.0.0.1:80" || here->front().text() == "[::1]:80");
  const auto everywhere = resolve(*endpoint::parse(":80"), purpose::listening);
  ASSERT_TRUE(everywhere);
  EXPECT_TRUE(everywhere->front().text() == "[::]:80" ||
              everywhere->front().text() == "0.0.0.0:80");
}

TEST(AddressTest, AnUnknownNameIsAnErrorWithAReason) {
  const auto places = resolve(*endpoint::parse("no-such-host.invalid:1"), purpose::connecting);
  ASSERT_FALSE(places);
  EXPECT_STRNE(places.error().reason, "");
}

TEST(AddressTest, SystemErrorsBecomeCodesAndKeepTheirNumber) {
  EXPECT_EQ(os_error(ECONNREFUSED).code, errc::refused);
  EXPECT_EQ(os_error(ETIMEDOUT).code, errc::timed_out);
  EXPECT_EQ(os_error(EPIPE).code, errc::closed);
  EXPECT_EQ(os_error(EMFILE).code, errc::exhausted);
  EXPECT_EQ(os_error(ENOSPC).code, errc::system);
  EXPECT_EQ(os_error(ENOSPC).os, ENOSPC);
  EXPECT_STREQ(os_error(123456).reason, "unknown system error");
}

}  // namespace
}  // namespace zc::io
