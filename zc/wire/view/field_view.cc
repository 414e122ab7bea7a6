#include "zc/wire/view/field_view.h"

#include <algorithm>
#include <utility>

namespace zc {
namespace {

bool blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

// Where the quote that opens at `from` closes; the end of `text` when it does not.
std::size_t closing_quote(std::string_view text, std::size_t from) noexcept {
  std::size_t at = from + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

}  // namespace

bool field_reader::fail_at(errc code, const char* reason, std::size_t offset) noexcept {
  over_ = failed_ = true;
  failure_ = {code, reason, offset, 0};
  return false;
}

bool field_reader::next() noexcept {
  if (over_) return false;
  if (at_ == block_.size()) {
    over_ = true;
    return false;
  }
  const std::string_view left = block_.substr(at_);
  const std::size_t stop = left.find('\n');
  if (stop == std::string_view::npos) {
    return fail_at(errc::truncated, "a line does not end", block_.size());
  }
  if (stop == 0 || left[stop - 1] != '\r') {
    return fail_at(errc::malformed, "a line ends without CR", at_ + stop);
  }
  const std::string_view line = left.substr(0, stop - 1);
  if (line.empty()) {
    at_ += 2;
    over_ = true;
    return false;
  }
  if (count_ == fields_max) return fail_at(errc::too_large, "more fields than the limit", at_);
  const std::size_t name = token_bytes_in(line);
  if (name == 0 || name == line.size() || line[name] != ':') {
    return fail_at(errc::malformed, "not a field: name, colon, value", at_ + name);
  }
  const std::string_view value = line.substr(name + 1);
  const std::size_t good = value_bytes_in(value);
  if (good != value.size()) {
    return fail_at(errc::malformed, "control byte in a field", at_ + name + 1 + good);
  }
  field_ = {line.substr(0, name), trim_blanks(value), at_};
  at_ += stop + 1;
  count_ += 1;
  return true;
}

result<std::optional<std::string_view>> find_field(std::string_view block,
                                                   std::string_view lower) noexcept {
  std::optional<std::string_view> found;
  field_reader fields(block);
  while (fields.next()) {
    if (!found && fields.field().is(lower)) found = fields.field().value;
  }
  if (!fields.ok()) return std::unexpected(fields.failure());
  return found;
}

bool list_reader::next() noexcept {
  while (!left_.empty()) {
    std::size_t stop = 0;
    while (stop < left_.size() && left_[stop] != ',') {
      stop = left_[stop] == '"' ? closing_quote(left_, stop) : stop;
      if (stop < left_.size()) stop += 1;
    }
    member_ = trim_blanks(left_.substr(0, stop));
    left_.remove_prefix(std::min(stop + 1, left_.size()));
    if (!member_.empty()) return true;
  }
  member_ = {};
  return false;
}

bool list_has(std::string_view list, std::string_view lower) noexcept {
  list_reader members(list);
  while (members.next()) {
    if (is_ignoring_case(members.member(), lower)) return true;
  }
  return false;
}

parameter_reader::parameter_reader(std::string_view member) noexcept : whole_(member) {
  at_ = std::min(member.find(';'), member.size());
  value_ = trim_blanks(member.substr(0, at_));
}

bool parameter_reader::fail_at(const char* reason, std::size_t offset) noexcept {
  failed_ = true;
  failure_ = {errc::malformed, reason, offset, 0};
  at_ = whole_.size();
  return false;
}

bool parameter_reader::next() noexcept {
  const auto skip_blanks = [this] {
    while (at_ < whole_.size() && blank(whole_[at_])) ++at_;
  };
  // Empty parameters are allowed: "a;;b=c;".
  while (at_ < whole_.size() && whole_[at_] == ';') {
    ++at_;
    skip_blanks();
  }
  if (at_ == whole_.size()) return false;
  const std::size_t name = token_bytes_in(whole_.substr(at_));
  if (name == 0) return fail_at("not a parameter: name, equals, text", at_);
  name_ = whole_.substr(at_, name);
  at_ += name;
  if (at_ == whole_.size() || whole_[at_] != '=') {
    return fail_at("not a parameter: name, equals, text", at_);
  }
  ++at_;
  quoted_ = at_ < whole_.size() && whole_[at_] == '"';
  if (quoted_) {
    const std::size_t close = closing_quote(whole_, at_);
    if (close == whole_.size()) return fail_at("a quote does not end", at_);
    text_ = whole_.substr(at_ + 1, close - at_ - 1);
    if (value_bytes_in(text_) != text_.size()) return fail_at("control byte in a quote", at_);
    at_ = close + 1;
  } else {
    const std::size_t size = token_bytes_in(whole_.substr(at_));
    if (size == 0) return fail_at("not a parameter: name, equals, text", at_);
    text_ = whole_.substr(at_, size);
    at_ += size;
  }
  skip_blanks();
  if (at_ < whole_.size() && whole_[at_] != ';') {
    return fail_at("something behind a parameter", at_);
  }
  return true;
}

cow_text unquoted(std::string_view text) {
  const std::size_t first = text.find('\\');
  if (first == std::string_view::npos) return cow_text::borrow(text);
  std::string plain(text.substr(0, first));
  for (std::size_t i = first; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return cow_text::own(std::move(plain));
}

result<unsigned> weight_of(std::string_view member) noexcept {
  parameter_reader parameters(member);
  unsigned weight = 1000;
  while (parameters.next()) {
    if (!is_ignoring_case(parameters.name(), "q")) continue;
    const std::string_view q = parameters.text();
    const auto offset = static_cast<std::size_t>(q.data() - member.data());
    // "0" or "1", then at most three digits behind a point; not above 1.
    const bool form = !q.empty() && q.size() <= 5 && (q[0] == '0' || q[0] == '1') &&
                      (q.size() == 1 || q[1] == '.');
    if (!form) return fail(errc::malformed, "not a weight", offset);
    unsigned digit_worth = 100;
    weight = q[0] == '1' ? 1000 : 0;
    for (const char c : q.substr(std::min<std::size_t>(2, q.size()))) {
      if (c < '0' || c > '9') return fail(errc::malformed, "not a weight", offset);
      weight += static_cast<unsigned>(c - '0') * digit_worth;
      digit_worth /= 10;
    }
    if (weight > 1000) return fail(errc::malformed, "a weight above one", offset);
  }
  if (!parameters.ok()) return std::unexpected(parameters.failure());
  return weight;
}

bool media_type_is(std::string_view field, std::string_view lower) noexcept {
  return is_ignoring_case(trim_blanks(field.substr(0, field.find(';'))), lower);
}

}  // namespace zc
