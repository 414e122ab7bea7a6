#include "gate/app/config/section.h"

#include <algorithm>
#include <optional>

#include "gate/app/config/nearest.h"
#include "gate/app/config/scalar.h"

namespace sluice::config {
namespace {

const node nothing;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string range_message(std::int64_t value, std::int64_t least, std::int64_t most) {
  const std::string got = ", got " + std::to_string(value);
  if (value > most) return "must be at most " + std::to_string(most) + got;
  if (least == 0) return "must not be negative" + got;
  if (least == 1) return "must be greater than 0" + got;
  return "must be at least " + std::to_string(least) + got;
}

// Why a value is no whole number, as far as more can be said than that.
std::string integer_hint(const node& value) {
  return value.kind == node_kind::text && parse_integer(value.text) ? " (leave the quotes away)"
                                                                    : "";
}

std::string duration_message(const node& value) {
  std::string out = "expected a duration such as 5s, got " + describe(value);
  if (value.kind == node_kind::integer || value.kind == node_kind::number) {
    return out + " (the unit is missing)";
  }
  if (value.kind == node_kind::text) {
    if (const auto parsed = parse_duration(value.text); !parsed) {
      out.append(" (").append(parsed.error().reason).append(")");
    }
  }
  return out;
}

// 0 needs no unit; every other number does.
std::optional<std::chrono::nanoseconds> duration_of(const node& value) {
  if (value.kind != node_kind::text && value.kind != node_kind::integer) return std::nullopt;
  const auto parsed = parse_duration(value.text);
  if (!parsed) return std::nullopt;
  return *parsed;
}

bool asks_for_nothing(const node& value) {
  switch (value.kind) {
    case node_kind::null:
    case node_kind::broken:
      return true;
    case node_kind::flag:
      return parse_flag(value.text) == false;
    case node_kind::text:
      return value.text.empty();
    case node_kind::integer:
      return parse_integer(value.text) == 0;
    case node_kind::list:
      return value.items.empty();
    case node_kind::number:
    case node_kind::map:
      return false;
  }
  return false;
}

std::string_view name_of(shape expected) {
  switch (expected) {
    case shape::integer:
      return "a whole number";
    case shape::number:
      return "a number";
    case shape::flag:
      return "true or false";
    case shape::text:
      return "a text";
    case shape::duration:
      return "a duration such as 5s";
    case shape::list:
      return "a list";
    case shape::map:
      return "a map";
    case shape::any:
      break;
  }
  return "a value";
}

bool fits(const node& value, shape expected) {
  switch (expected) {
    case shape::integer:
      return value.kind == node_kind::integer;
    case shape::number:
      return value.kind == node_kind::integer || value.kind == node_kind::number;
    case shape::flag:
      return value.kind == node_kind::flag;
    case shape::text:
      return text_of(value) != nullptr;
    case shape::duration:
      return duration_of(value).has_value();
    case shape::list:
      return value.kind == node_kind::list;
    case shape::map:
      return value.kind == node_kind::map;
    case shape::any:
      break;
  }
  return true;
}

bool is_nothing(const node& value) {
  return value.kind == node_kind::null || value.kind == node_kind::broken;
}

}  // namespace

const std::string* text_of(const node& value) {
  if (value.raw) return &*value.raw;
  return value.kind == node_kind::text ? &value.text : nullptr;
}

section::section(report& to, const node& value, place at, std::string path)
    : report_(&to), value_(&value), at_(at), path_(std::move(path)) {
  if (value.kind == node_kind::map) return;
  if (!is_nothing(value)) error_here("expected a map, got " + describe(value));
  sound_ = value.kind == node_kind::null;
  value_ = &nothing;
}

std::span<const entry> section::entries() const {
  return value_->entries;
}

const entry* section::find(std::string_view key) const {
  return value_->find(key);
}

bool section::has(std::string_view key) const {
  const entry* found = find(key);
  return found != nullptr && found->value.kind != node_kind::null;
}

place section::where(std::string_view key) const {
  const entry* found = find(key);
  return found == nullptr ? at_ : found->where();
}

const node* section::take(std::string_view key) {
  know(key);
  const entry* found = find(key);
  return found == nullptr || is_nothing(found->value) ? nullptr : &found->value;
}

void section::read(std::string_view key, bool& into) {
  const node* value = take(key);
  if (value == nullptr) return;
  const auto parsed = value->kind == node_kind::flag ? parse_flag(value->text) : std::nullopt;
  if (!parsed) return error(key, "expected true or false, got " + describe(*value));
  into = *parsed;
}

void section::read(std::string_view key, std::string& into) {
  const node* value = take(key);
  if (value == nullptr) return;
  const std::string* text = text_of(*value);
  if (text == nullptr) {
    const bool needs_quotes = value->scalar();
    return error(key, "expected a text, got " + describe(*value) +
                          (needs_quotes ? " (put it in quotes)" : ""));
  }
  into = *text;
}

bool section::require(std::string_view key, std::string& into) {
  const bool missing = !has(key);
  into.clear();
  read(key, into);
  if (!into.empty()) return true;
  const entry* found = find(key);
  if (missing) {
    if (sound_) error_here("requires " + quoted(key));
  } else if (const std::string* text = text_of(found->value); text != nullptr && text->empty()) {
    error(key, "must not be empty");
  }
  return false;
}

void section::read(std::string_view key, std::chrono::milliseconds& into) {
  const node* value = take(key);
  if (value == nullptr) return;
  const auto parsed = duration_of(*value);
  if (!parsed) return error(key, duration_message(*value));
  if (parsed->count() < 0) return error(key, "must not be negative, got " + describe(*value));
  into = in_milliseconds(*parsed);
}

void section::read(std::string_view key, double& into, double least, double most) {
  const node* value = take(key);
  if (value == nullptr) return;
  const bool number = value->kind == node_kind::integer || value->kind == node_kind::number;
  const auto parsed = number ? parse_number(value->text) : std::nullopt;
  if (!parsed) return error(key, "expected a number, got " + describe(*value));
  const auto shown = [](double bound) {
    std::string out = std::to_string(bound);
    out.erase(out.find_last_not_of('0') + 1);
    return out.ends_with('.') ? out.substr(0, out.size() - 1) : out;
  };
  if (*parsed < least)
    return error(key, "must be at least " + shown(least) + ", got " + value->text);
  if (*parsed > most) return error(key, "must be at most " + shown(most) + ", got " + value->text);
  into = *parsed;
}

void section::read_bytes(std::string_view key, std::size_t& into, std::size_t least,
                         std::size_t most) {
  const node* value = take(key);
  if (value == nullptr) return;
  if (value->kind == node_kind::integer && value->text.starts_with('-')) {
    return error(key, "must not be negative, got " + value->text);
  }
  const bool readable = value->kind == node_kind::integer || value->kind == node_kind::text;
  const auto parsed = parse_byte_size(value->text);
  if (!readable || !parsed) {
    std::string message =
        "expected a number of bytes such as 1048576 or 1MiB, got " + describe(*value);
    if (readable) message.append(" (").append(parsed.error().reason).append(")");
    return error(key, std::move(message));
  }
  if (*parsed < least) {
    return error(key, "must be at least " + std::to_string(least) + " bytes, got " + value->text);
  }
  if (*parsed > most) {
    return error(key, "must be at most " + std::to_string(most) + " bytes, got " + value->text);
  }
  into = *parsed;
}

bool section::read_integer(std::string_view key, std::int64_t& into, std::int64_t least,
                           std::int64_t most) {
  const node* value = take(key);
  if (value == nullptr) return false;
  const auto parsed = value->kind == node_kind::integer ? parse_integer(value->text) : std::nullopt;
  if (!parsed) {
    error(key, "expected a whole number, got " + describe(*value) + integer_hint(*value));
    return false;
  }
  if (*parsed < least || *parsed > most) {
    error(key, range_message(*parsed, least, most));
    return false;
  }
  into = *parsed;
  return true;
}

std::size_t section::read_word(std::string_view key, std::span<const std::string_view> names) {
  const node* value = take(key);
  if (value == nullptr) return names.size();
  if (value->scalar()) {
    const std::string word = lower(text_of(*value) != nullptr ? *text_of(*value) : value->text);
    const auto found = std::ranges::find(names, word);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  }
  std::string message = "expected one of ";
  bool first = true;
  for (const std::string_view name : names) {
    if (name.empty()) continue;
    if (!std::exchange(first, false)) message.append(", ");
    message.append(name);
  }
  message.append("; got ").append(describe(*value));
  if (value->kind == node_kind::text) message.append(hint(value->text, names));
  error(key, std::move(message));
  return names.size();
}

std::span<const node> section::list(std::string_view key) {
  const node* value = take(key);
  if (value == nullptr) return {};
  if (value->kind != node_kind::list) {
    error(key, "expected a list, got " + describe(*value));
    return {};
  }
  return value->items;
}

std::vector<placed_text> section::texts(std::string_view key) {
  std::vector<placed_text> out;
  const std::string list_path = join_path(path_, key);
  for (const node& item : list(key)) {
    if (item.kind == node_kind::broken) continue;
    const std::string* text = text_of(item);
    if (text == nullptr) {
      report_->error(item.at, list_path, "expected a text, got " + describe(item));
      continue;
    }
    out.push_back({*text, item.at});
  }
  return out;
}

std::vector<std::pair<placed_text, std::string>> section::text_map(std::string_view key) {
  std::vector<std::pair<placed_text, std::string>> out;
  const node* value = take(key);
  if (value == nullptr) return out;
  const std::string map_path = join_path(path_, key);
  if (value->kind == node_kind::list) {
    for (std::size_t i = 0; i < value->items.size(); ++i) {
      const node& item = value->items[i];
      section pair(*report_, item, item.at, join_path(map_path, std::to_string(i)));
      placed_text name{{}, item.at};
      std::string text;
      pair.read("name", name.text);
      pair.read("value", text);
      if (!pair.has("name") && item.kind != node_kind::broken) pair.error_here("requires \"name\"");
      pair.finish();
      if (!name.text.empty()) out.emplace_back(std::move(name), std::move(text));
    }
    return out;
  }
  const section map(*report_, *value, where(key), map_path);
  for (const entry& each : map.entries()) {
    if (each.value.kind == node_kind::broken) continue;
    const std::string* text = text_of(each.value);
    if (text == nullptr && each.value.kind != node_kind::null) {
      report_->error(each.where(), join_path(map_path, each.key),
                     each.value.scalar() ? "expected a text (put it in quotes)"
                                         : "expected a text, got " + describe(each.value));
      continue;
    }
    out.emplace_back(placed_text{each.key, each.key_at}, text == nullptr ? std::string() : *text);
  }
  return out;
}

section section::below(std::string_view key) {
  know(key);
  const entry* found = find(key);
  if (found == nullptr) return {*report_, nothing, at_, join_path(path_, key)};
  return {*report_, found->value, found->key_at, join_path(path_, key)};
}

void section::check(const entry& found, shape expected) const {
  if (is_nothing(found.value) || fits(found.value, expected)) return;
  if (expected == shape::duration) return error(found.key, duration_message(found.value));
  error(found.key, "expected " + std::string(name_of(expected)) + ", got " + describe(found.value));
}

void section::ignore(std::string_view key, shape expected) {
  know(key);
  const entry* found = find(key);
  if (found == nullptr) return;
  check(*found, expected);
  report_->note(found->key_at, join_path(path_, key), "accepted, and without effect here");
}

void section::ignore(std::initializer_list<std::string_view> keys, shape expected) {
  for (const std::string_view key : keys) ignore(key, expected);
}

void section::unsupported(std::string_view key) {
  know(key);
  const entry* found = find(key);
  if (found == nullptr || asks_for_nothing(found->value)) return;
  report_->unsupported(found->key_at, path_, quoted(key) + " is not supported yet");
}

void section::unsupported(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) unsupported(key);
}

void section::error(std::string_view key, std::string message) const {
  report_->error(where(key), join_path(path_, key), std::move(message));
}

void section::not_yet(std::string_view key, std::string message) const {
  report_->unsupported(where(key), join_path(path_, key), std::move(message));
}

void section::warning(std::string_view key, std::string message) const {
  report_->warning(where(key), join_path(path_, key), std::move(message));
}

void section::error_here(std::string message) const {
  report_->error(at_, path_, std::move(message));
}

void section::finish() {
  for (const entry& each : value_->entries) {
    if (std::ranges::find(known_, each.key) != known_.end()) continue;
    const std::string meant = report_->full() ? std::string() : hint(each.key, known_);
    report_->error(each.key_at, path_, "unknown key " + quoted(each.key) + meant);
  }
}

}  // namespace sluice::config
