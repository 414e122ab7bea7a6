// What must hold of both clients alike.

#include "zc/net/client.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "zc/testing/shard_rig.h"

namespace zc::net {
namespace {

class EveryClientTest : public ::testing::TestWithParam<bool> {
 protected:
  void send(std::size_t size) {
    client_request r;
    r.path = "/x";
    r.body = bytes_chain(bytes::from_string(std::string(size, 'b')));
    c->send(std::move(r), [](outcome&&) {});
  }

  testing::shard_rig rig;
  std::unique_ptr<client> c =
      GetParam() ? client::grpc(rig.worker, options()) : client::http1(rig.worker, options());

 private:
  static client_options options() {
    client_options how;
    how.to.host = "127.0.0.1";
    how.to.port = 1;
    how.connections_max = 4;
    return how;
  }
};

// Large bodies leave while they are in the cache, small ones together.
TEST_P(EveryClientTest, ALargeBodyEndsTheTurnAndASmallOneDoesNot) {
  send(body_bytes_hurried - 1);
  EXPECT_EQ(rig.io->early_ends, 0);
  send(body_bytes_hurried);
  EXPECT_EQ(rig.io->early_ends, 1);
}

INSTANTIATE_TEST_SUITE_P(GrpcAndHttp1, EveryClientTest, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Grpc" : "Http1"; });

}  // namespace
}  // namespace zc::net
