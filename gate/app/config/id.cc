#include "gate/app/config/id.h"

#include <algorithm>
#include <cstddef>

#include "gate/app/config/report.h"

namespace sluice::config {
namespace {

constexpr std::size_t type_bytes_max = 63;
constexpr std::size_t name_bytes_max = 1'024;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_type(std::string_view text) {
  return !text.empty() && text.size() <= type_bytes_max && is_letter(text[0]) &&
         std::ranges::all_of(
             text, [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
  });
}

}  // namespace

std::expected<component_id, std::string> split_id(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view type = text.substr(0, slash);
  if (!is_type(type)) {
    return std::unexpected(
        quoted(text) +
        " is no valid name: write type or type/name, the type in letters, digits and _");
  }
  if (slash == std::string_view::npos) return component_id{type, {}};
  const std::string_view name = text.substr(slash + 1);
  if (!is_name(name)) {
    return std::unexpected(
        quoted(text) + " is no valid name: what follows the / is empty, too long or has blanks");
  }
  return component_id{type, name};
}

}  // namespace sluice::config
