// zc/mem/cursor.h - a reading position in a chain; looks at bytes where they lie.
//
// Ownership  Borrows the chain, which must outlive the cursor and not change.
// Cost       peek O(1); skip O(pieces passed). read_copy copies (counted) only what it is asked
//            for.
#pragma once

#include <cstddef>
#include <span>

#include "zc/mem/chain.h"

namespace zc {

class chain_cursor {
 public:
  explicit chain_cursor(const bytes_chain& over) noexcept
      : pieces_(over.view()), left_(over.size()) {}
  explicit chain_cursor(bytes_chain&&) = delete;

  std::size_t left() const noexcept { return left_; }
  bool at_end() const noexcept { return left_ == 0; }
  std::size_t position() const noexcept { return position_; }

  // The longest contiguous run from here; empty only at the end.
  std::span<const std::byte> peek() const noexcept {
    if (pieces_.empty()) return {};
    return pieces_.front().view().subspan(at_);
  }
  void skip(std::size_t count);              // Requires: count <= left()
  void read_copy(std::span<std::byte> out);  // Requires: out.size() <= left()
  // The next `count` bytes contiguously: where they lie when one piece holds them, else copied to
  // `scratch`. Advances. Requires: count <= left() and count <= scratch.size().
  std::span<const std::byte> read(std::size_t count, std::span<std::byte> scratch);

 private:
  std::span<const bytes> pieces_;
  std::size_t at_ = 0;  // in pieces_.front()
  std::size_t left_;
  std::size_t position_ = 0;
};

}  // namespace zc
