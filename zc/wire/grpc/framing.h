// zc/wire/grpc/framing.h - one gRPC message on the wire: a 5-byte prefix {flag, length in big
// endian}, then the message.
//
//     DATA payloads   [ 00 00 | 00 01 2c m m m m m | m m m m ... ]
//                             '------------------'-- cut anywhere, the prefix included
//
// Unary calls only: a stream carries exactly one message. A second one, or bytes behind the first,
// are malformed.
//
// Ownership  The message is made of slices of the pieces that were fed; nothing is copied but small
//            pieces that follow one another (see pieces.h).
// Threads    One shard (that of the pool).
// Errors     feed(): too_large, decided from the prefix, before any of the message is kept (its
//            offset is the length that was announced); malformed (flag above 1, bytes behind the
//            message; offset = where); exhausted (the pool refused a block for small pieces).
//            finish(): truncated, when the stream ended too early (also when it ended without a
//            message). After an error the assembler is spent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/grpc/pieces.h"

namespace zc::grpc {

inline constexpr std::size_t prefix_bytes = 5;
inline constexpr std::size_t message_bytes_max = UINT32_MAX;  // what a prefix can say

class message_assembler {
 public:
  // Messages above `bytes_max` are refused. Blocks for small pieces come from `from` (and so are
  // charged to its quota); without it from the heap.
  explicit message_assembler(std::size_t bytes_max, pool* from = nullptr) noexcept
      : bytes_max_(bytes_max), body_(from) {}

  result<void> feed(bytes piece);
  result<void> finish() const;  // the peer sends nothing more: is the message whole?

  bool started() const noexcept { return have_ > 0; }  // a byte has come
  bool prefix_known() const noexcept { return have_ == prefix_bytes; }
  bool complete() const noexcept { return prefix_known() && received_ == expected_; }
  bool compressed() const noexcept { return prefix_[0] == std::byte{1}; }
  std::size_t expected() const noexcept {
    return expected_;
  }  // of the message; 0 until prefix_known()
  std::size_t received() const noexcept { return received_; }  // of the message

  // The message without its prefix, once complete(). Later bytes are still malformed.
  bytes_chain take() { return body_.take(); }
  void drop() { body_.clear(); }  // gives the memory back

 private:
  result<void> read_prefix(bytes& piece);

  std::size_t bytes_max_;
  std::size_t expected_ = 0;
  std::size_t received_ = 0;
  std::size_t have_ = 0;  // bytes of the prefix
  std::array<std::byte, prefix_bytes> prefix_{};
  piece_collector body_;
};

// The prefix of a message of `length` bytes. Requires: length <= message_bytes_max.
std::array<std::byte, prefix_bytes> encode_prefix(std::size_t length, bool compressed) noexcept;

// The same as a piece to put before the message. The prefix of an empty message is static; others
// allocate.
bytes prefix_piece(std::size_t length, bool compressed);

}  // namespace zc::grpc
