// reader and chain_reader must agree on any bytes, however cut; what was read can be written again
// and reads the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "zc/base/check.h"
#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/writer.h"

namespace {

using namespace zc::pb;

zc::bytes_chain cut(std::span<const std::byte> message, std::uint32_t seed) {
  zc::bytes_chain chain;
  while (!message.empty()) {
    seed = seed * 1664525 + 1013904223;
    const std::size_t n = std::min<std::size_t>(message.size(), 1 + (seed >> 24) % 9);
    chain.append(zc::bytes::copy_of(message.first(n)));
    message = message.subspan(n);
  }
  return chain;
}

void rewrite(string_writer& w, const reader& r) {
  switch (r.type()) {
    case wire::varint:
      return w.varint(r.number(), r.value());
    case wire::fixed64:
      return w.fixed64(r.number(), r.value());
    case wire::fixed32:
      return w.fixed32(r.number(), static_cast<std::uint32_t>(r.value()));
    case wire::bytes:
      return w.message(r.number(), [&] { w.raw(r.view()); });
    case wire::group:
    case wire::group_end:
      return w.raw(r.raw());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto message = std::as_bytes(std::span(data + 1, size - 1));
  const zc::bytes_chain chain = cut(message, data[0]);
  zc::chain_cursor at(chain);
  chain_reader slow(at, chain.size());
  reader fast(message);
  std::string again;
  string_writer w(again);
  std::size_t fields = 0;
  while (fast.next()) {
    ZC_CHECK(slow.next());
    ZC_CHECK(slow.number() == fast.number() && slow.type() == fast.type());
    ZC_CHECK(slow.field_at() == fast.field_at());
    ZC_CHECK(slow.field_end() == fast.field_at() + fast.raw().size());
    if (fast.type() == wire::bytes) {
      ZC_CHECK(slow.size() == fast.view().size() && at.position() == fast.value_at());
    } else if (fast.type() != wire::group) {
      ZC_CHECK(slow.value() == fast.value());
    }
    rewrite(w, fast);
    ++fields;
  }
  ZC_CHECK(!slow.next() && slow.ok() == fast.ok());
  if (!fast.ok()) {
    ZC_CHECK(slow.failure().code == fast.failure().code);
    ZC_CHECK(std::string_view(slow.failure().reason) == fast.failure().reason);
    ZC_CHECK(slow.failure().offset == fast.failure().offset);
  }
  reader back(std::as_bytes(std::span(again)));
  while (back.next()) --fields;
  ZC_CHECK(back.ok() && fields == 0 && again.size() <= message.size());
  return 0;
}
