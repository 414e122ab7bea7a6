#include "gate/app/config/report.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace sluice::config {
namespace {

constexpr std::size_t shown_bytes_max = 80;
constexpr std::size_t path_bytes_max = 400;

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
    return;
  }
  out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
}

// Shortens without cutting a UTF-8 character: steps back over continuation bytes.
std::string_view shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::string quoted(std::string_view text) {
  const std::string_view shown = shortened(text, shown_bytes_max);
  std::string out = "\"";
  for (const char c : shown) append_escaped(out, c);
  if (shown.size() < text.size()) out.append("...");
  return out.append("\"");
}

std::string join_path(std::string_view path, std::string_view key) {
  std::string out(path);
  if (!out.empty()) out.append("::");
  for (const char c : shortened(key, shown_bytes_max)) append_escaped(out, c);
  if (out.size() > path_bytes_max) out = std::string(shortened(out, path_bytes_max)).append("...");
  return out;
}

std::uint32_t report::add_source(std::string label) {
  labels_.push_back(std::move(label));
  return static_cast<std::uint32_t>(labels_.size() - 1);
}

void report::add(bin& to, place at, std::string&& path, std::string&& message) {
  ++to.total;
  if (to.kept.size() >= errors_max) return;
  to.kept.push_back({at, to.total, std::move(path), std::move(message)});
}

void report::error(place at, std::string path, std::string message) {
  add(errors_, at, std::move(path), std::move(message));
}

void report::warning(place at, std::string path, std::string message) {
  add(warnings_, at, std::move(path), std::move(message));
}

void report::note(place at, std::string path, std::string message) {
  add(notes_, at, std::move(path), std::move(message));
}

void report::unsupported(place at, std::string path, std::string message) {
  add(lenient_ ? warnings_ : errors_, at, std::move(path), std::move(message));
}

std::vector<diagnostic> report::sorted(bin&& from, std::string_view kind) const {
  // `order` keeps messages about one place as they came. (std::stable_sort draws a warning from
  // Clang here.)
  std::ranges::sort(from.kept, {}, [](const entry& e) {
    return std::tuple(e.at.source, e.at.line, e.at.column, e.order);
  });
  std::vector<diagnostic> out;
  for (entry& e : from.kept) {
    std::string label = e.at.source < labels_.size() ? labels_[e.at.source] : std::string();
    out.push_back(
        {std::move(label), e.at.line, e.at.column, std::move(e.path), std::move(e.message)});
  }
  if (from.total > out.size()) {
    const std::string more = std::to_string(from.total - out.size());
    out.push_back({{}, 0, 0, {}, "and " + more + " more " + std::string(kind)});
  }
  return out;
}

diagnostics report::take() {
  return {sorted(std::exchange(errors_, {}), "errors"),
          sorted(std::exchange(warnings_, {}), "warnings"),
          sorted(std::exchange(notes_, {}), "notes")};
}

}  // namespace sluice::config
