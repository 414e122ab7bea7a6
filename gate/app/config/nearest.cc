#include "gate/app/config/nearest.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sluice::config {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t names_max = 1'000;  // a hint is worth no more than this

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the classic table: a swap looks two rows back.
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& now = rows[i % 3];
    const auto& before = rows[(i + 2) % 3];
    const auto& two_before = rows[(i + 1) % 3];
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({before[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], two_before[j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  if (name.empty() || name.size() > name_bytes_max) return {};
  const std::string wanted = lower(name);
  const std::size_t allowed = std::max<std::size_t>(1, (name.size() + 2) / 3);
  std::size_t best = allowed + 1;
  std::string_view found;
  for (const std::string_view each : known.first(std::min(known.size(), names_max))) {
    if (each.size() > name_bytes_max || each == name) continue;
    const std::size_t longer = std::max(each.size(), name.size());
    if (longer - std::min(each.size(), name.size()) >= best) continue;
    const std::size_t distance = edit_distance(wanted, lower(each));
    // One that shares no letter in place is no hint: "ab" for "xy".
    if (distance >= best || distance >= longer) continue;
    best = distance;
    found = each;
  }
  return found;
}

std::string hint(std::string_view name, std::span<const std::string_view> known) {
  const std::string_view found = nearest(name, known);
  if (found.empty()) return {};
  return std::string("; did you mean \"").append(found).append("\"?");
}

}  // namespace sluice::config
