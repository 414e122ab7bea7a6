// zc/wire/http2/head_decoder.h - header blocks as they arrive (HPACK). nghttp2 decodes; blocks that
// were seen before are remembered.
//
// A server's answers repeat: a few bytes, each the index of a field that both sides know. What such
// a block says changes only when the table does, so up to eight of them are kept with their fields
// and compared first. A block that changes the table makes them all be forgotten.
//
// Ownership  Views that a sink gets are valid during the call.
// Bounds     Kept: 8 blocks of at most 32 fields and 1 KiB. How many fields a block may bring is
//            for the sink to say.
// Threads    One.
// Errors     decode(): malformed when the block breaks HPACK, too_large when the sink refuses to go
//            on. The decoder is spent then, and so is the connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zc/base/result.h"
#include "zc/wire/http2/field.h"

struct nghttp2_hd_inflater;

namespace zc::http2 {

class field_sink {
 public:
  // False: enough of this block.
  virtual bool on_decoded(token known, std::string_view name, std::string_view value) = 0;

 protected:
  ~field_sink() = default;
};

class head_decoder {
 public:
  head_decoder();  // throws std::bad_alloc
  head_decoder(const head_decoder&) = delete;
  head_decoder& operator=(const head_decoder&) = delete;
  ~head_decoder();

  result<void> decode(std::span<const std::byte> block, field_sink& to);

  std::uint64_t remembered() const noexcept { return remembered_; }  // blocks known at sight

 private:
  static constexpr std::size_t blocks_max = 8;
  static constexpr std::size_t block_bytes_max = 32;  // and so many fields
  static constexpr std::size_t text_bytes_max = 1'024;

  struct known_field {
    token known;
    std::uint16_t name_size;
    std::uint16_t value_size;
  };
  struct known_block {
    std::string as_sent;  // empty: none
    std::vector<known_field> fields;
    std::string text;  // names and values, one behind the other
  };

  const known_block* find(std::string_view block) const noexcept;
  static bool replay(const known_block& known, field_sink& to);
  result<void> inflate(std::span<const std::byte> block, field_sink& to, known_block* keep);
  void forget_all() noexcept;

  nghttp2_hd_inflater* handle_ = nullptr;
  std::array<known_block, blocks_max> known_;
  std::size_t next_ = 0;  // is replaced next
  std::uint64_t remembered_ = 0;
};

// What the first byte of each field of a block says. Public for its test.
// All fields are indexes of one byte: the block depends on the table, and leaves it as it is.
bool only_short_indexes(std::string_view block) noexcept;
// The block inserts fields, or resizes the table, or is malformed.
bool may_change_table(std::string_view block) noexcept;

}  // namespace zc::http2
