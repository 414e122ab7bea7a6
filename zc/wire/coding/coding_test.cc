// What must hold of the names of codings: each has one that we write, and those we read are the
// ones senders use.
#include "zc/wire/coding/coding.h"

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(CodingTest, EveryCodingIsKnownByItsOwnName) {
  for (std::size_t i = 0; i < codings; ++i) {
    const auto c = static_cast<coding>(i);
    EXPECT_EQ(coding_named(name_of(c)), c) << name_of(c);
  }
}

TEST(CodingTest, NamesAreTheRegisteredOnes) {
  EXPECT_EQ(name_of(coding::identity), "identity");
  EXPECT_EQ(name_of(coding::gzip), "gzip");
  EXPECT_EQ(name_of(coding::zstd), "zstd");
  EXPECT_EQ(name_of(coding::snappy), "snappy");
  EXPECT_EQ(name_of(coding::deflate), "deflate");
  EXPECT_EQ(name_of(coding::snappy_framed), "x-snappy-framed");
}

TEST(CodingTest, OtherNamesOfTheSameCodingAreUnderstood) {
  EXPECT_EQ(coding_named("zlib"), coding::deflate);
  EXPECT_EQ(coding_named("x-gzip"), coding::gzip);
  EXPECT_EQ(coding_named(""), coding::identity);
}

TEST(CodingTest, CaseAndSurroundingBlanksDoNotMatter) {
  EXPECT_EQ(coding_named(" GZip\t"), coding::gzip);
  EXPECT_EQ(coding_named(" \t "), coding::identity);
  EXPECT_EQ(coding_named("X-Snappy-Framed"), coding::snappy_framed);
}

TEST(CodingTest, InGrpcSnappyIsTheFramedStream) {
  EXPECT_EQ(grpc_coding_named("snappy"), coding::snappy_framed);
  EXPECT_EQ(grpc_name_of(coding::snappy_framed), "snappy");
  for (const coding c : {coding::identity, coding::gzip, coding::zstd, coding::deflate}) {
    EXPECT_EQ(grpc_coding_named(grpc_name_of(c)), c) << name_of(c);
    EXPECT_EQ(grpc_name_of(c), name_of(c));
  }
  EXPECT_EQ(grpc_coding_named("br"), std::nullopt);
}

TEST(CodingTest, UnknownNamesAndListsAreNothing) {
  for (const char* name : {"br", "gzip, zstd", "gzip,", "gzi", "gzipp", "g zip", "*", "gzip;q=1"}) {
    EXPECT_EQ(coding_named(name), std::nullopt) << name;
  }
  EXPECT_EQ(coding_named(std::string_view("gzip\0", 5)), std::nullopt);
}

}  // namespace
}  // namespace zc
