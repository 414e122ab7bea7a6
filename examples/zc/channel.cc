// A10 A bounded channel: full means that the producer waits, or is told. Bounded by items and by
//     weight, first in first out, and what was sent before close() still arrives.
#include "zc/shard/channel.h"

#include <cstdio>
#include <thread>

#include "zc/base/check.h"
#include "zc/mem/bytes.h"

namespace {
struct size_of {
  std::size_t operator()(const zc::bytes& b) const noexcept { return b.size(); }
};
}  // namespace

int main() {
  // At most 100 messages, and at most 4 MB of them together.
  zc::channel<zc::bytes, zc::spsc, size_of> outbox({.items_max = 100, .weight_max = 4'000'000});
  const zc::bytes message = zc::bytes::from_string(std::string(1'000'000, 'x'));

  for (int i = 0; i < 4; ++i) ZC_CHECK(outbox.try_send(zc::bytes(message)));
  zc::bytes fifth = message;
  const auto refused = outbox.try_send(std::move(fifth));
  ZC_CHECK(!refused && refused.error() == zc::refusal::full);
  // A send that fails has not touched its value. NOLINTNEXTLINE(bugprone-use-after-move)
  ZC_CHECK(fifth.size() == 1'000'000);

  std::size_t received = 0;
  std::thread consumer([&] {
    while (auto got = outbox.receive_blocking()) received += got->size();  // until closed and empty
  });
  for (int i = 0; i < 100; ++i)  // waits whenever 4 MB are inside
    ZC_CHECK(outbox.send_blocking(zc::bytes(message)));
  outbox.close();
  consumer.join();
  ZC_CHECK(received == 104'000'000);
  ZC_CHECK(outbox.stats().weight_high <= 4'000'000);
  std::puts("104 MB went through 4 MB");
}
