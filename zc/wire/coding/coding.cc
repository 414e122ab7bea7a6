#include "zc/wire/coding/coding.h"

#include <algorithm>
#include <array>

#include "zc/base/check.h"

namespace zc {
namespace {

struct spelling {
  std::string_view name;
  coding means;
};

// The first `codings` entries are the names we write ourselves, in the order of the enumeration.
constexpr std::array<spelling, 9> spellings{{
    {"identity", coding::identity},
    {"gzip", coding::gzip},
    {"zstd", coding::zstd},
    {"snappy", coding::snappy},
    {"deflate", coding::deflate},
    {"x-snappy-framed", coding::snappy_framed},
    {"x-gzip", coding::gzip},
    {"zlib", coding::deflate},
    {"", coding::identity},
}};

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view text, std::string_view name) noexcept {
  return std::ranges::equal(text, name, {}, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string_view name_of(coding c) noexcept {
  const auto index = static_cast<std::size_t>(c);
  return index < codings ? spellings[index].name : std::string_view("unknown");
}

std::optional<coding> coding_named(std::string_view name) noexcept {
  const std::string_view wanted = trimmed(name);
  for (const spelling& s : spellings) {
    if (same_name(wanted, s.name)) return s.means;
  }
  return std::nullopt;
}

std::string_view grpc_name_of(coding c) noexcept {
  ZC_CHECK(c != coding::snappy);
  return name_of(c == coding::snappy_framed ? coding::snappy : c);
}

std::optional<coding> grpc_coding_named(std::string_view name) noexcept {
  const std::optional<coding> found = coding_named(name);
  return found == coding::snappy ? coding::snappy_framed : found;
}

}  // namespace zc
