#include "gate/otlp/response.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"
#include "zc/mem/builder.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/writer.h"

namespace sluice::otlp {
namespace {

using zc::pb::wire;

constexpr std::uint32_t field_partial_success = 1;
constexpr std::uint32_t field_rejected = 1;
constexpr std::uint32_t field_message = 2;

// The next `size` bytes as text, at most message_bytes_max of them.
std::string text_of(zc::chain_cursor& at, std::size_t size) {
  std::string text(std::min(size, message_bytes_max), '\0');
  at.read_copy(std::as_writable_bytes(std::span(text)));
  return text;
}

zc::result<void> read_partial(zc::chain_cursor& at, std::size_t size, partial_success& into) {
  zc::pb::chain_reader r(at, size, zc::pb::depth_max - 1);
  while (r.next()) {
    if (r.is(field_rejected, wire::varint)) into.rejected = static_cast<std::int64_t>(r.value());
    if (r.is(field_message, wire::bytes)) into.message = text_of(at, r.size());
  }
  if (!r.ok()) return std::unexpected(r.failure());
  return {};
}

}  // namespace

zc::bytes encode_response(const partial_success& p) {
  if (!p.set()) return {};
  constexpr std::size_t around =
      3 * (1 + zc::pb::varint_bytes_max);  // three tags, and what follows
  auto room = zc::bytes_builder::with_capacity(p.message.size() + around);
  zc::pb::room_writer w(room.spare());
  w.message(field_partial_success, [&] {
    if (p.rejected != 0) w.signed_varint(field_rejected, p.rejected);
    if (!p.message.empty()) w.text(field_message, p.message);
  });
  ZC_CHECK(!w.full());
  room.commit(w.size());
  return std::move(room).freeze();
}

zc::result<partial_success> decode_response(const zc::bytes_chain& body) {
  partial_success p;
  zc::chain_cursor at(body);
  zc::pb::chain_reader r(at, at.left());
  while (r.next()) {
    if (!r.is(field_partial_success, wire::bytes)) continue;
    // A singular message that occurs twice merges: later scalars win.
    if (auto read = read_partial(at, r.size(), p); !read) return std::unexpected(read.error());
  }
  if (!r.ok()) return std::unexpected(r.failure());
  return p;
}

}  // namespace sluice::otlp
