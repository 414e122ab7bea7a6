// What must hold of `token_of`: every known name has its token, and nothing else has one.

#include "zc/wire/http2/field.h"

#include <array>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace zc::http2 {
namespace {

constexpr std::array<std::pair<std::string_view, token>, 22> known{{
    {":authority", token::authority},
    {":method", token::method},
    {":path", token::path},
    {":scheme", token::scheme},
    {":status", token::status},
    {"accept-encoding", token::accept_encoding},
    {"content-encoding", token::content_encoding},
    {"content-length", token::content_length},
    {"content-type", token::content_type},
    {"expect", token::expect},
    {"grpc-accept-encoding", token::grpc_accept_encoding},
    {"grpc-encoding", token::grpc_encoding},
    {"grpc-message", token::grpc_message},
    {"grpc-retry-pushback-ms", token::grpc_retry_pushback_ms},
    {"grpc-status", token::grpc_status},
    {"grpc-status-details-bin", token::grpc_status_details_bin},
    {"grpc-timeout", token::grpc_timeout},
    {"host", token::host},
    {"retry-after", token::retry_after},
    {"google.rpc.retryinfo-bin", token::retryinfo_bin},
    {"te", token::te},
    {"user-agent", token::user_agent},
}};

TEST(FieldTest, EveryKnownNameHasItsToken) {
  for (const auto& [name, t] : known) EXPECT_EQ(token_of(name), t) << name;
}

TEST(FieldTest, NamesThatDifferInOneCharacterAreOthers) {
  for (const auto& [name, t] : known) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string changed(name);
      changed[i] = '#';
      EXPECT_EQ(token_of(changed), token::other) << changed;
    }
    EXPECT_EQ(token_of(std::string(name) + "x"), token::other);
    EXPECT_EQ(token_of(name.substr(1)), token::other) << name;
  }
  EXPECT_EQ(token_of(""), token::other);
}

}  // namespace
}  // namespace zc::http2
