// What must hold of the formatter: printable ASCII whatever goes in, and a bounded length.

#include "zc/mem/bytes_fmt.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(BytesFmtTest, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(fmt::format("{}", "GET \"/\" \\ \r\n\t"_bytes), R"("GET \"/\" \\ \r\n\t")");
  EXPECT_EQ(fmt::format("{}", bytes::copy_of(std::string_view("\0\x7f\xc3\xff", 4))),
            R"("\x00\x7f\xc3\xff")");
  EXPECT_EQ(fmt::format("{}", bytes()), R"("")");
}

TEST(BytesFmtTest, ShowsAtMostWhatIsAskedForAndSaysHowMuchThereIs) {
  EXPECT_EQ(fmt::format("{:3}", "abcdef"_bytes), R"("abc"...(6 bytes))");
  EXPECT_EQ(fmt::format("{:6}", "abcdef"_bytes), R"("abcdef")");
  EXPECT_EQ(fmt::format("{:0}", "abcdef"_bytes), R"(""...(6 bytes))");
  const bytes large = bytes::copy_of(std::string(1'000'000, '\xff'));
  EXPECT_LE(fmt::format("{}", large).size(), 64u * 4 + 32);
  EXPECT_THROW((void)fmt::format(fmt::runtime("{:4097}"), large), fmt::format_error);
  EXPECT_THROW((void)fmt::format(fmt::runtime("{:99999999999999999999999}"), large),
               fmt::format_error);
  EXPECT_THROW((void)fmt::format(fmt::runtime("{:x}"), large), fmt::format_error);
}

TEST(BytesFmtTest, AChainLooksLikeTheBytesItStandsFor) {
  bytes_chain c(bytes::copy_of("abc"));
  c.append("def\n"_bytes);
  EXPECT_EQ(fmt::format("{}", c), R"("abcdef\n")");
  EXPECT_EQ(fmt::format("{:4}", c), R"("abcd"...(7 bytes))");
  EXPECT_EQ(fmt::format("{:3}", c), R"("abc"...(7 bytes))");
  EXPECT_EQ(fmt::format("{}", bytes_chain()), R"("")");
}

}  // namespace
}  // namespace zc
