// What must hold of the way out of the gateway: a request that is taken, queued, handed to the
// client and answered costs no allocation between the receiver and the client, once as many have
// been under way before.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "gate/pipeline/exporters/otlp_exporter.h"
#include "gate/pipeline/queues/sending_queue.h"
#include "zc/mem/recycled.h"

#define ZC_ALLOCATIONS_ELSEWHERE  // in otlp_text_memory_test.cc
#include "zc/testing/allocations.h"

namespace sluice {
namespace {

// Answers everything that it has when it is told to.
struct prompt_client final : zc::net::client {
  void send(zc::net::client_request&&, done then) override { open.push_back(std::move(then)); }
  std::size_t pending() const noexcept override { return open.size(); }
  std::size_t capacity() const noexcept override { return 64; }
  bool connected() const noexcept override { return true; }
  void answer_all() {
    while (!open.empty()) {
      done then = std::move(open.back());
      open.pop_back();
      zc::net::outcome o;
      o.grpc = zc::grpc::code::ok;
      o.http_status = 200;
      then(std::move(o));
    }
  }
  std::vector<done> open;
};

// A completion as receivers have them.
struct counting_completion final : completion, zc::recycled<counting_completion> {
  explicit counting_completion(int& to) : told(to) {}
  void on_verdict(verdict&& v) override { told += v.ok() ? 1 : 0; }
  int& told;
};

TEST(OtlpExporterMemoryTest, ARequestCostsNoAllocationFromPayloadToClient) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  kit::workplace at;
  exporter_settings how;
  how.id = "otlp_grpc";
  how.kind = exporter_kind::otlp_grpc;
  how.otlp.compression = zc::coding::identity;
  auto made = std::make_unique<prompt_client>();
  prompt_client& client = *made;
  queue_account account{how.queue.sizer, how.queue.queue_size, 64 << 20};
  sending_queue queue(at.context, how.id, how.queue, how.retry,
                      {.consumers = how.queue.num_consumers}, account,
                      std::make_unique<otlp_exporter>(at.context, how, std::move(made)));
  const zc::bytes body = zc::bytes::copy_of(kit::request_of(otlp::signal::logs, 10));
  int told = 0;
  const auto round = [&] {
    for (int i = 0; i < 8; ++i) {
      auto what = make_local<payload>(otlp::signal::logs, zc::bytes_chain(body),
                                      std::optional<std::uint64_t>(10));
      queue.consume({std::move(what), ack::on(std::make_unique<counting_completion>(told)), {}});
    }
    client.answer_all();
  };
  for (int i = 0; i < 3; ++i) round();
  const auto before = zc::testing::allocations();
  for (int i = 0; i < 100; ++i) round();
  const auto times = zc::testing::allocations().times - before.times;
  EXPECT_EQ(times, 0U) << "for 800 requests";
  EXPECT_EQ(told, 824);
}

}  // namespace
}  // namespace sluice
