// zc/wire/coding/piece_reader.h - a reading position in a chain that can also step back.
//
// Decoders read ahead: when a stream ends, some bytes that they took belong to what follows. A
// chain_cursor cannot give them back, even less across the edge of a piece; this can.
//
// Ownership  Borrows the chain, which must outlive the reader and not change. Copying a reader
//            saves the position.
// Cost       peek O(1), skip and back O(pieces passed). look and read copy framing only, which is
//            not counted; run copies small pieces, which is.
#pragma once

#include <cstddef>
#include <span>

#include "zc/mem/chain.h"

namespace zc::coders {

class piece_reader {
 public:
  explicit piece_reader(const bytes_chain& over) noexcept
      : pieces_(over.view()), left_(over.size()) {}
  explicit piece_reader(bytes_chain&&) = delete;

  std::size_t left() const noexcept { return left_; }
  std::size_t position() const noexcept { return position_; }

  // The longest contiguous run from here; empty only at the end.
  std::span<const std::byte> peek() const noexcept {
    return left_ == 0 ? std::span<const std::byte>() : pieces_[index_].view().subspan(at_);
  }
  // The same for decoders that pay for each call: a piece below `small_bytes` comes joined with the
  // small ones behind it, in `scratch` (counted as `coalesce`). A body may arrive in pieces of one
  // byte, and that must not cost a hundred times as much. Valid while `scratch` is.
  std::span<const std::byte> run(std::span<std::byte> scratch) const;
  static constexpr std::size_t small_bytes = 1024;

  void skip(std::size_t count);  // Requires: count <= left()
  void back(std::size_t count);  // Requires: count <= position()

  // Fills as much of `out` as there is input, without advancing; returns how much.
  std::size_t look(std::span<std::byte> out) const noexcept;
  // Fills `out` and advances; false, and nothing happens, when less is left.
  bool read(std::span<std::byte> out);

 private:
  std::span<const bytes> pieces_;
  std::size_t index_ = 0;  // of the piece that holds the next byte
  std::size_t at_ = 0;     // within it
  std::size_t left_;
  std::size_t position_ = 0;
};

}  // namespace zc::coders
