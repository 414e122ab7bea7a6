// What must hold of a gRPC request whose peer misbehaves: whatever the answer lacks, breaks or
// comes as - HTTP statuses, resets, compressed, too large, too early - there is one outcome that
// says so.
//
// Method: a peer that is scripted frame by frame (grpc_script_for_tests.h).

#include "zc/net/grpc_call.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/net/grpc_script_for_tests.h"
#include "zc/wire/coding/coder.h"
#include "zc/wire/grpc/status.h"

namespace zc::net {
namespace {

using GrpcCallTest = scripted_peer;

TEST_F(GrpcCallTest, AnAnswerWithoutGrpcStatusIsReadFromItsHttpStatus) {
  answer_with({{":status", "503"}, {"content-type", "text/html"}}, "<html>no</html>");
  start_script();
  outcome& o = ask(random_bytes(10, 1));
  EXPECT_EQ(o.what, kind::answered);
  EXPECT_EQ(o.http_status, 503);
  EXPECT_EQ(o.grpc, grpc::code::unavailable);
  EXPECT_TRUE(o.body.empty());
}

TEST_F(GrpcCallTest, DelaysAreReadFromAllThreeForms) {
  grpc::status s;
  s.grpc = grpc::code::resource_exhausted;
  s.message = "x";
  s.retry_after = 3s;
  const std::string details = grpc::base64_encode(grpc::encode_status(s));
  const std::string info = grpc::base64_encode(grpc::encode_retry_info(2s));
  const std::vector<field> refusal{ok, grpc_content, {"grpc-status", "8"}};
  const auto with = [&](std::vector<field> more) {
    std::vector<field> all = refusal;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  answer_with({});
  start_script();
  const std::pair<std::vector<field>, std::optional<nanoseconds>> cases[] = {
      {with({{"grpc-retry-pushback-ms", "700"},
             {"google.rpc.retryinfo-bin", info},
             {"grpc-status-details-bin", details}}),
       3s},
      {with({{"grpc-retry-pushback-ms", "700"}, {"google.rpc.retryinfo-bin", info}}), 2s},
      {with({{"grpc-retry-pushback-ms", "700"}}), 700ms},
      {with({{"grpc-retry-pushback-ms", "-1"}}), std::nullopt},
      {with({{"grpc-status-details-bin", "!!"}}), std::nullopt},
      {with({}), std::nullopt},
  };
  for (const auto& [head, delay] : cases) {
    answer_with(head);
    if (!peers.empty()) peers.back()->on_request_end = on_end;
    outcome& o = ask(random_bytes(10, 1));
    EXPECT_EQ(o.grpc, grpc::code::resource_exhausted);
    EXPECT_EQ(o.retry_after, delay);
  }
}

TEST_F(GrpcCallTest, ResetsBecomeGrpcCodes) {
  const std::pair<http2::error_code, grpc::code> cases[] = {
      {http2::error_code::cancel, grpc::code::cancelled},
      {http2::error_code::enhance_your_calm, grpc::code::resource_exhausted},
      {http2::error_code::internal_error, grpc::code::internal},
  };
  http2::error_code next = http2::error_code::no_error;
  on_head = [&](scripted_stream& s) { s.home.http.reset(s, next); };
  start_script();
  for (const auto& [why, code] : cases) {
    next = why;
    outcome& o = ask(random_bytes(10, 1));
    EXPECT_EQ(o.what, kind::answered);
    EXPECT_EQ(o.grpc, code);
  }
  next = http2::error_code::refused_stream;
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::refused_stream);
}

TEST_F(GrpcCallTest, ATimeoutStopsALargeUploadAtItsSource) {
  const bytes body = random_bytes(40'000'000, 1);
  on_head = [](scripted_stream& s) { s.home.http.hold_window(true); };
  start_script();
  on.run_turn(0ms);  // the shard's time is that of its last turn
  send(body, 300ms);
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::timed_out);
  until([&] { return peers.at(0)->streams.at(0)->closed; });
  EXPECT_EQ(peers[0]->streams[0]->why, http2::error_code::cancel);
}

TEST_F(GrpcCallTest, ATooLargeResponseIsRefused) {
  how.response_bytes_max = 1'000;
  std::string message(1'006, 'x');
  message.replace(0, 5, std::string("\0\0\0\x03\xe9", 5));
  answer_with({ok, grpc_content}, message);
  start_script();
  EXPECT_EQ(ask(random_bytes(10, 1)).what, kind::too_large);
}

// As grpc-go answers a compressed request, whatever the client says it accepts.
TEST_F(GrpcCallTest, ACompressedResponseIsInflated) {
  how.response_bytes_max = 1'000;
  answer_with({});
  start_script();
  const auto answer = [&](std::string_view coding_name, coding c, std::string_view text) {
    const bytes_chain plain = bytes::from_string(std::string(text));
    const std::string packed = text_of(*coder().deflate(plain, c, 0, on.memory()));
    std::string message("\1\0\0\0", 4);
    message += static_cast<char>(packed.size());
    message += packed;
    std::vector<field> head{ok, grpc_content, {"grpc-status", "0"}};
    if (!coding_name.empty()) head.push_back({"grpc-encoding", coding_name});
    answer_with(head, message);
    if (!peers.empty()) peers.back()->on_request_end = on_end;
    return ask(random_bytes(10, 1));
  };
  for (const coding c : {coding::gzip, coding::zstd, coding::snappy_framed, coding::deflate}) {
    for (const std::string_view text : {"", "a message"}) {
      const outcome& o = answer(grpc_name_of(c), c, text);
      EXPECT_EQ(o.what, kind::answered) << name_of(c) << ": " << o.message;
      EXPECT_EQ(text_of(o.body), text) << name_of(c);
    }
  }
  EXPECT_EQ(answer("gzip", coding::gzip, std::string(2'000, 'x')).what, kind::too_large);
  EXPECT_EQ(answer("gzip", coding::zstd, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("br", coding::gzip, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("identity", coding::gzip, "a message").what, kind::protocol_error);
  EXPECT_EQ(answer("", coding::gzip, "a message").what, kind::protocol_error);
}

TEST_F(GrpcCallTest, AnAnswerThatCameBeforeAResetIsNotLost) {
  start_script();
  on_head = [](scripted_stream& s) {
    constexpr std::array<field, 3> no{ok, grpc_content, field{"grpc-status", "8"}};
    s.home.http.respond(s, no, {});
    s.home.push();
    s.home.vanish_when_sent = true;
  };
  send(random_bytes(40'000'000, 1));
  until([&] { return came == 1; });
  EXPECT_EQ(outcomes[0]->what, kind::answered) << outcomes[0]->message;
  EXPECT_EQ(outcomes[0]->grpc, grpc::code::resource_exhausted);
}

}  // namespace
}  // namespace zc::net
