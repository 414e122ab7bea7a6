// zc/wire/view/field_view.h - header fields where they lie: names in any case, values without the
// blanks around them, lists, parameters.
//
//     Accept: text/html; q=0.8 , application/json \r\n
//     ^name   ^value ............................
//             ^member(of list)  ^member
//             ^value    ^parameter q = 0.8
//
// Ownership  Everything is a view into the caller's text, which must outlive it; nothing is
//            allocated and nothing copied.
// Threads    Any; pure functions and small readers of one user each.
// Cost       One pass over what is asked for.
// Errors     Readers stop at the first byte that breaks the form, with a reason and its offset in
//            the text. They are strict where looseness lets two parties see different fields: lines
//            end in CRLF, no blank before the colon, no folded lines, no control bytes (RFC 9110,
//            5.5; RFC 9112, 5). Bounds: fields_max fields per block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/mem/cow.h"
#include "zc/wire/view/field_text.h"

namespace zc {

// ASCII case is ignored. `lower` has to be in lower case.
constexpr bool is_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower[i]) return false;
  }
  return true;
}

// Without blanks and tabs around it.
constexpr std::string_view trim_blanks(std::string_view text ZC_LIFETIMEBOUND) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct field_view {
  std::string_view name;   // as sent
  std::string_view value;  // trimmed; may be empty
  std::size_t offset = 0;  // of the name, in the block

  bool is(std::string_view lower) const noexcept { return is_ignoring_case(name, lower); }
};

// The fields of a block "name: value\r\n" "name: value\r\n" ..., up to its end or an empty line.
class field_reader {
 public:
  static constexpr std::size_t fields_max = 256;

  explicit field_reader(std::string_view block ZC_LIFETIMEBOUND) noexcept : block_(block) {}
  explicit field_reader(const std::string& block ZC_LIFETIMEBOUND) noexcept : block_(block) {}
  explicit field_reader(const char* block ZC_LIFETIMEBOUND) noexcept : block_(block) {}
  explicit field_reader(std::string&&) = delete;  // would be gone

  // False at the end and at an error: ask ok().
  bool next() noexcept;
  const field_view& field() const noexcept ZC_LIFETIMEBOUND { return field_; }
  bool ok() const noexcept { return !failed_; }
  const error& failure() const noexcept ZC_LIFETIMEBOUND { return failure_; }
  // Behind the last line that was read, the empty one included.
  std::size_t consumed() const noexcept { return at_; }

 private:
  bool fail_at(errc code, const char* reason, std::size_t offset) noexcept;

  std::string_view block_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  field_view field_;
  bool over_ = false;
  bool failed_ = false;
  error failure_;
};

// The value of the first field of that name; nothing when there is none. The whole block is
// checked.
result<std::optional<std::string_view>> find_field(std::string_view block ZC_LIFETIMEBOUND,
                                                   std::string_view lower) noexcept;

// The members of a comma-separated list, trimmed; empty ones are passed over (RFC 9110, 5.6.1).
// Commas inside of quotes do not separate. Never fails: a quote that is not closed reaches to the
// end.
class list_reader {
 public:
  explicit list_reader(std::string_view list ZC_LIFETIMEBOUND) noexcept : left_(list) {}

  bool next() noexcept;
  std::string_view member() const noexcept { return member_; }

 private:
  std::string_view left_;
  std::string_view member_;
};

// Whether a list has `lower` as one of its members.
bool list_has(std::string_view list, std::string_view lower) noexcept;

// "value; name=text; name=\"quoted text\"": one member with its parameters.
class parameter_reader {
 public:
  explicit parameter_reader(std::string_view member ZC_LIFETIMEBOUND) noexcept;

  // What stands before the first ';'.
  std::string_view value() const noexcept { return value_; }
  // The next parameter. False at the end and at an error: ask ok().
  bool next() noexcept;
  std::string_view name() const noexcept { return name_; }
  // The parameter's text; of a quoted one what is between the quotes, as sent: see unquoted().
  std::string_view text() const noexcept { return text_; }
  bool quoted() const noexcept { return quoted_; }
  bool ok() const noexcept { return !failed_; }
  const error& failure() const noexcept ZC_LIFETIMEBOUND { return failure_; }

 private:
  bool fail_at(const char* reason, std::size_t offset) noexcept;

  std::string_view whole_;
  std::size_t at_ = 0;
  std::string_view value_;
  std::string_view name_;
  std::string_view text_;
  bool quoted_ = false;
  bool failed_ = false;
  error failure_;
};

// What a quoted text says without its backslashes. Borrows one without any.
cow_text unquoted(std::string_view text ZC_LIFETIMEBOUND);

// The weight q of a list member in thousandths, 1000 when it says none (RFC 9110, 12.4.2).
result<unsigned> weight_of(std::string_view member) noexcept;

// Type and subtype of a media type: parameters, blanks and case do not count (RFC 9110, 8.3.1).
bool media_type_is(std::string_view field, std::string_view lower) noexcept;

}  // namespace zc
