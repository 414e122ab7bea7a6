// Memory from a pool, a message written into it, read back where it lies, on a shard with the
// kernel's poller.
#include <cstdio>
#include <memory>
#include <string_view>

#include "zc/base/ledger.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/pool.h"
#include "zc/shard/shard_group.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/writer.h"

namespace {

bool speaks_protobuf(zc::pool& memory) {
  zc::bytes_builder block = memory.take(4096);
  zc::pb::room_writer writer(block.spare());
  writer.text(1, "zero");
  writer.varint(2, 7);
  block.commit(writer.size());
  const zc::bytes message = std::move(block).freeze();

  zc::pb::reader reader(message.view());
  const bool text = reader.next() && reader.text() == "zero";
  return text && reader.next() && reader.value() == 7 && !reader.next() && reader.ok();
}

bool speaks_http() {
  std::vector<zc::http1::field> fields;
  const auto head = zc::http1::parse_request(
      "GET /v1 HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n", fields);
  return head && head->path == "/v1" && head->length == 3;
}

}  // namespace

int main() {
  zc::quota limits(16 << 20);
  zc::steady_clock time;
  zc::shard_group::options how;
  how.shards = 1;
  zc::shard_group group(
      how, []() -> std::unique_ptr<zc::poller> { return zc::io::make_epoll_poller(); }, limits,
      time);
  bool right = false;
  const zc::result<void> started = group.start([&](zc::shard& here) -> zc::result<void> {
    right = speaks_protobuf(here.memory());
    return {};
  });
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().reason);
    return 1;
  }
  group.stop();
  group.join();
  return right && speaks_http() && zc::ledger::read().copied() == 0 ? 0 : 1;
}
