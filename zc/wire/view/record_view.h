// zc/wire/view/record_view.h - records one behind the other, each with its length before it.
//
//     [ length | record ] [ length | record ] ...      lengths: varint, 4 bytes little- or
//                                                      big-endian
//
//     record_reader r(bytes, length_prefix::u32be, 64_MiB);
//     while (r.next()) use(r.record());                // views, no copy
//     if (!r.ok()) ... r.failure().reason at byte r.failure().offset
//
// Ownership  Views into the caller's bytes, which must outlive them.
// Threads    One per reader.
// Cost       next() O(1). The prefix to be written is made in place, no allocation.
// Errors     truncated: the bytes end inside of a record; consumed() is where it begins, so that a
//            stream goes on there when more has come. too_large: above record_max. malformed: a
//            varint of more than ten bytes or 64 bits. The offset is that of the record's prefix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/mem/bytes.h"

namespace zc {

enum class length_prefix : std::uint8_t { varint, u32le, u32be };

class record_reader {
 public:
  record_reader(std::span<const std::byte> records ZC_LIFETIMEBOUND, length_prefix how,
                std::size_t record_max) noexcept
      : all_(records), how_(how), record_max_(record_max) {}
  record_reader(const bytes& records ZC_LIFETIMEBOUND, length_prefix how,
                std::size_t record_max) noexcept
      : record_reader(records.view(), how, record_max) {}
  record_reader(bytes&&, length_prefix, std::size_t) = delete;  // would be gone

  // False at the end and at an error: ask ok().
  bool next() noexcept;
  std::span<const std::byte> record() const noexcept { return record_; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(record_.data()), record_.size()};
  }
  // Where the current record's prefix begins.
  std::size_t offset() const noexcept { return offset_; }
  // Behind the last whole record.
  std::size_t consumed() const noexcept { return at_; }
  bool ok() const noexcept { return !failed_; }
  const error& failure() const noexcept ZC_LIFETIMEBOUND { return failure_; }

 private:
  bool fail_here(errc code, const char* reason) noexcept;

  std::span<const std::byte> all_;
  length_prefix how_;
  std::size_t record_max_;
  std::size_t at_ = 0;
  std::size_t offset_ = 0;
  std::span<const std::byte> record_;
  bool failed_ = false;
  error failure_;
};

// The length as it stands before a record, where it is made.
class record_prefix {
 public:
  // too_large: `size` does not fit the prefix.
  static result<record_prefix> of(std::size_t size, length_prefix how) noexcept;
  std::span<const std::byte> view() const& noexcept ZC_LIFETIMEBOUND {
    return std::span(bytes_).first(size_);
  }
  std::span<const std::byte> view() const&& = delete;

 private:
  std::array<std::byte, 10> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace zc
