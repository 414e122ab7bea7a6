// A17 Encoded once, straight into the send buffer, and frozen: no object tree, no serialised
//     string, no copy into a socket buffer. Here a message with a nested one, in protobuf.
#include <cstdio>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/mem/pool.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/writer.h"

int main() {
  zc::quota limits(1 << 20);
  zc::pool memory(limits);

  zc::bytes_builder block = memory.take(4096);
  const std::byte* const send_buffer = block.spare().data();
  zc::pb::room_writer message(block.spare());
  message.text(1, "GET /cart");
  message.message(2, [&] {  // the length is written in front when the content is known
    message.text(1, "user");
    message.varint(2, 42);
  });
  ZC_CHECK(!message.full());
  block.commit(message.size());
  const zc::bytes ready = std::move(block).freeze();
  ZC_CHECK(ready.data() == send_buffer);

  zc::pb::reader read(ready.view());
  ZC_CHECK(read.next() && read.text() == "GET /cart");
  ZC_CHECK(read.next() && read.number() == 2 && read.view().size() == 8);
  ZC_CHECK(!read.next() && read.ok());
  ZC_CHECK(zc::ledger::read().copied() == 0);
  std::printf("%zu bytes, written where they are sent from\n", ready.size());
}
