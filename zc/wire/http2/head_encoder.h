// zc/wire/http2/head_encoder.h - header blocks as a client sends them: the same fields again and
// again, so that after the first request nearly every field is one byte (HPACK, RFC 7541).
//
//     begin(); put(:path); put_common(); put(grpc-timeout); block()
//     -> [ be | bf c0 c1 ... | 0f .. ]
//
// Lasting fields enter the table of the connection when they are sent first, while there is room;
// nothing is ever evicted, so that an index once given stays good and the bytes of the common
// fields can be kept. Fields that change with each request refer to their name only. Strings are
// sent as they are, without Huffman coding: each is sent once, or is short.
//
// Ownership  `common` must outlive the encoder; fields are read during put() only. block() is valid
//            until the next begin().
// Bounds     The table: what the peer allows, and 4 KiB at most, by HPACK's reckoning.
// Cost       put(): a comparison per entry of the table; put_common(): a memcpy.
// Contract   A block that was begun must be sent, in this order: the peer's table follows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zc/wire/http2/field.h"

namespace zc::http2 {

class head_encoder {
 public:
  static constexpr std::uint32_t table_bytes_max = 4'096;
  static constexpr std::size_t entry_overhead = 32;  // HPACK's, per entry

  explicit head_encoder(std::span<const field> common = {}) noexcept : common_(common) {}

  // The peer's SETTINGS_HEADER_TABLE_SIZE. Takes effect with the next block.
  void peer_table_bytes(std::uint32_t n) noexcept;

  void begin();
  void put(const field& f);
  void put_common();
  std::string_view block() const noexcept { return block_; }

  std::size_t table_entries() const noexcept { return entries_.size(); }
  std::size_t table_bytes() const noexcept { return used_; }

 private:
  struct entry {
    std::string name;
    std::string value;
  };
  struct match {
    std::size_t whole = 0;  // index of name and value, or 0
    std::size_t name = 0;   // index of the name, or 0
  };

  match look_up(const field& f) const noexcept;
  std::size_t index_of(std::size_t at) const noexcept;
  bool worth_keeping(const field& f, const match& known) const noexcept;
  void put_number(unsigned pattern, unsigned prefix_bits, std::size_t n);
  void put_text(std::string_view text);
  void put_literal(unsigned pattern, unsigned prefix_bits, const field& f, std::size_t name_index);

  std::span<const field> common_;
  std::string block_;
  std::string common_block_;          // of the common fields,
  std::size_t common_at_ = SIZE_MAX;  // as long as the table has so many entries
  std::vector<entry> entries_;        // oldest first; bounded by table_bytes_max / entry_overhead
  std::size_t used_ = 0;
  std::uint32_t room_ = table_bytes_max;    // of the table, as the peer knows it
  std::uint32_t wanted_ = table_bytes_max;  // from the next block on,
  std::uint32_t lowest_ = table_bytes_max;  // and the smallest that was wanted since the last one
};

}  // namespace zc::http2
