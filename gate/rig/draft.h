// gate/rig/draft.h - a protobuf message being written, which remembers where its changeable words
// lie.
//
// Inner messages are drafts of their own and are put into outer ones, with their words' offsets
// moved along, so that the finished request knows every timestamp, trace id, span id and item
// identity that a copy of it must change.
//
// Ownership  The draft owns its bytes.
// Threads    One.
// Cost       Each level copies what it encloses: for templates that are made once, not for the data
// path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::rig {

// What lies at a changeable place.
enum class spot : std::uint8_t {
  time,      // 8 bytes: nanoseconds, relative to the template's epoch
  trace,     // 16 bytes: a trace id
  span,      // 8 bytes: a span id
  identity,  // identity_size characters
};

struct mark {
  spot what = spot::time;
  std::uint32_t offset = 0;
};

class draft {
 public:
  void number(std::uint32_t field, std::uint64_t value);  // varint
  void fixed(std::uint32_t field, std::uint64_t value);   // 64 bits
  void fixed32(std::uint32_t field, std::uint32_t value);
  void real(std::uint32_t field, double value);
  void text(std::uint32_t field, std::string_view value);  // string or bytes
  void message(std::uint32_t field, const draft& value);
  void append(const draft& fields);  // its fields, as fields of this message
  void packed(std::uint32_t field, const std::vector<std::uint64_t>& values);  // 64 bits each
  void packed(std::uint32_t field, const std::vector<double>& values);

  void time(std::uint32_t field, std::uint64_t nanoseconds);
  void trace_id(std::uint32_t field, std::uint64_t high, std::uint64_t low);
  void span_id(std::uint32_t field, std::uint64_t id);

  // Attributes: KeyValue messages in `field`.
  void attribute(std::uint32_t field, std::string_view key, std::string_view value);
  void attribute(std::uint32_t field, std::string_view key, const char* value) {
    attribute(field, key, std::string_view(value));
  }
  void attribute(std::uint32_t field, std::string_view key, std::int64_t value);
  void attribute(std::uint32_t field, std::string_view key, int value) {
    attribute(field, key, static_cast<std::int64_t>(value));
  }
  void attribute(std::uint32_t field, std::string_view key, double value);
  void attribute(std::uint32_t field, std::string_view key, bool value);
  void attribute(std::uint32_t field, std::string_view key, const std::vector<std::string>& value);
  void identity(std::uint32_t field);  // the attribute that names the item, to be filled in

  const std::string& bytes() const noexcept { return bytes_; }
  const std::vector<mark>& marks() const noexcept { return marks_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  void clear() noexcept;

 private:
  void varint(std::uint64_t value);
  void tag(std::uint32_t field, unsigned wire_type) { varint(field << 3 | wire_type); }
  void word(std::uint64_t value);
  void remember(spot what);

  std::string bytes_;
  std::vector<mark> marks_;
};

}  // namespace sluice::rig
