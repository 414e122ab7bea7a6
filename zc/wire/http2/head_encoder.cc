#include "zc/wire/http2/head_encoder.h"

#include <algorithm>

#include "zc/wire/http2/static_table.h"

namespace zc::http2 {
namespace {

// First bits of a field's representation, and how many bits of its number follow in that byte.
constexpr unsigned indexed = 0x80, indexed_bits = 7;
constexpr unsigned kept = 0x40, kept_bits = 6;
constexpr unsigned table_size = 0x20, table_size_bits = 5;
constexpr unsigned not_kept = 0x00, not_kept_bits = 4;
constexpr unsigned never_kept = 0x10, never_kept_bits = 4;
constexpr unsigned text_bits = 7;

// A field that changes is kept once, for its name's sake, unless it is longer than this.
constexpr std::size_t sample_bytes_max = 128;

}  // namespace

void head_encoder::peer_table_bytes(std::uint32_t n) noexcept {
  wanted_ = std::min(n, table_bytes_max);
  lowest_ = std::min(lowest_, wanted_);
}

void head_encoder::begin() {
  block_.clear();
  if (lowest_ == room_ && wanted_ == room_) return;
  // Empties the peer's table, then gives it its new size. (Shrinking alone would evict by age; and
  // the peer waits to hear of the smallest size in between, RFC 7541, 4.2.)
  if (!entries_.empty() || lowest_ < wanted_) put_number(table_size, table_size_bits, 0);
  put_number(table_size, table_size_bits, wanted_);
  entries_.clear();
  used_ = 0;
  common_at_ = SIZE_MAX;
  room_ = lowest_ = wanted_;
}

// The entry that was inserted last has the lowest index.
std::size_t head_encoder::index_of(std::size_t at) const noexcept {
  return static_table.size() + (entries_.size() - at);
}

head_encoder::match head_encoder::look_up(const field& f) const noexcept {
  match found;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name != f.name) continue;
    found.name = index_of(i);
    if (entries_[i].value != f.value) continue;
    found.whole = found.name;
    return found;
  }
  // A name that had to enter the table is not in the static one, or not with values of use.
  if (found.name != 0) return found;
  for (std::size_t i = 0; i < static_table.size(); ++i) {
    if (static_table[i].name != f.name) continue;
    if (found.name == 0) found.name = i + 1;
    if (static_table[i].value != f.value) continue;
    found.whole = i + 1;
    return found;
  }
  return found;
}

bool head_encoder::worth_keeping(const field& f, const match& known) const noexcept {
  if (f.never_indexed) return false;
  if (!f.lasting && (known.name != 0 || f.value.size() > sample_bytes_max)) return false;
  const std::size_t left = room_ - used_;
  if (entry_overhead > left || f.name.size() > left - entry_overhead) return false;
  return f.value.size() <= left - entry_overhead - f.name.size();
}

void head_encoder::put(const field& f) {
  const match known = look_up(f);
  if (known.whole != 0 && !f.never_indexed) {
    put_number(indexed, indexed_bits, known.whole);
  } else if (worth_keeping(f, known)) {
    put_literal(kept, kept_bits, f, known.name);
    entries_.push_back({std::string(f.name), std::string(f.value)});
    used_ += entry_overhead + f.name.size() + f.value.size();
  } else if (f.never_indexed) {
    put_literal(never_kept, never_kept_bits, f, known.name);
  } else {
    put_literal(not_kept, not_kept_bits, f, known.name);
  }
}

void head_encoder::put_common() {
  if (common_at_ == entries_.size()) {
    block_ += common_block_;
    return;
  }
  const std::size_t from = block_.size();
  const std::size_t before = entries_.size();
  for (const field& f : common_) put(f);
  if (entries_.size() != before) return;  // it can be said in fewer bytes next time
  common_block_.assign(block_, from);
  common_at_ = before;
}

void head_encoder::put_literal(unsigned pattern, unsigned prefix_bits, const field& f,
                               std::size_t name_index) {
  put_number(pattern, prefix_bits, name_index);
  if (name_index == 0) put_text(f.name);
  put_text(f.value);
}

void head_encoder::put_text(std::string_view text) {
  put_number(0, text_bits, text.size());
  block_ += text;
}

void head_encoder::put_number(unsigned pattern, unsigned prefix_bits, std::size_t n) {
  const std::size_t most = (std::size_t{1} << prefix_bits) - 1;
  if (n < most) {
    block_ += static_cast<char>(pattern | n);
    return;
  }
  block_ += static_cast<char>(pattern | most);
  for (n -= most; n >= 128; n >>= 7) block_ += static_cast<char>((n & 127) | 128);
  block_ += static_cast<char>(n);
}

}  // namespace zc::http2
