#include "zc/wire/grpc/framing.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "zc/base/check.h"
#include "zc/wire/view/frame_view.h"

namespace zc::grpc {

static_assert(prefix_bytes == frames::grpc.header_bytes);

result<void> message_assembler::feed(bytes piece) {
  if (have_ < prefix_bytes) {
    if (auto read = read_prefix(piece); !read) return read;
  }
  if (piece.empty()) return {};
  const std::size_t left = expected_ - received_;
  if (piece.size() > left) {
    return fail(errc::malformed, "bytes behind the message", prefix_bytes + expected_);
  }
  const std::size_t size = piece.size();
  if (!body_.append(std::move(piece), left - size)) {
    return fail(errc::exhausted, "no memory for a message in small pieces", received_);
  }
  received_ += size;
  return {};
}

result<void> message_assembler::read_prefix(bytes& piece) {
  const std::size_t now = std::min(prefix_bytes - have_, piece.size());
  if (now == 0) return {};
  std::memcpy(prefix_.data() + have_, piece.data(), now);
  have_ += now;
  piece.advance(now);
  if (std::to_integer<unsigned>(prefix_[0]) > 1) {
    return fail(errc::malformed, "the compressed flag is neither 0 nor 1", 0);
  }
  if (have_ < prefix_bytes) return {};
  expected_ = *payload_size(prefix_, frames::grpc);  // any length of four bytes is one
  if (expected_ > bytes_max_) {
    return fail(errc::too_large, "the message is larger than the limit", expected_);
  }
  return {};
}

result<void> message_assembler::finish() const {
  if (complete()) return {};
  if (have_ == 0) return fail(errc::truncated, "no message", 0);
  if (have_ < prefix_bytes) return fail(errc::truncated, "the message prefix is cut off", have_);
  return fail(errc::truncated, "the message is cut off", prefix_bytes + received_);
}

std::array<std::byte, prefix_bytes> encode_prefix(std::size_t length, bool compressed) noexcept {
  ZC_CHECK(length <= message_bytes_max);
  return {std::byte{compressed}, static_cast<std::byte>(length >> 24 & 0xff),
          static_cast<std::byte>(length >> 16 & 0xff), static_cast<std::byte>(length >> 8 & 0xff),
          static_cast<std::byte>(length & 0xff)};
}

bytes prefix_piece(std::size_t length, bool compressed) {
  if (length == 0 && !compressed) return bytes::from_static({"\0\0\0\0\0", prefix_bytes});
  const auto prefix = encode_prefix(length, compressed);
  bytes_builder room = bytes_builder::with_capacity(prefix_bytes);
  std::memcpy(room.spare().data(), prefix.data(), prefix_bytes);  // framing, not payload: uncounted
  room.commit(prefix_bytes);
  return std::move(room).freeze();
}

}  // namespace zc::grpc
