#include "gate/pipeline/exporters/sheet.h"

#include <ctime>

#include "zc/wire/protobuf/utf8.h"

namespace sluice {

zc::cow_text shown(std::string_view raw) {
  const bool utf8 = zc::pb::is_utf8(std::as_bytes(std::span(raw)));
  const auto escaped = [utf8](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f || (u >= 0x80 && !utf8);
  };
  const auto first = std::ranges::find_if(raw, escaped);
  if (first == raw.end()) return zc::cow_text::borrow(raw);
  std::string text;
  text.reserve(raw.size() + 16);
  text.append(raw.begin(), first);
  for (const char c : raw.substr(static_cast<std::size_t>(first - raw.begin()))) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (escaped(c)) {
      text += "\\x";
      text += hex_digits[u >> 4];
      text += hex_digits[u & 15];
    } else {
      text += c;
    }
  }
  return zc::cow_text::own(std::move(text));
}

std::string real(double value, const char* format) {
  std::array<char, 352> buffer{};  // the longest double in %f: 309 digits, sign, point, six digits
  const int n = std::snprintf(buffer.data(), buffer.size(), format, value);
  return {buffer.data(), static_cast<std::size_t>(std::max(n, 0))};
}

short_text time_text(std::uint64_t nanoseconds) {
  short_text text;
  const std::time_t seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  const auto fraction = static_cast<unsigned>(nanoseconds % 1'000'000'000);
  std::tm at{};
  if (::gmtime_r(&seconds, &at) == nullptr) {
    text.append("%llu", static_cast<unsigned long long>(nanoseconds));
    return text;
  }
  text.append("%04d-%02d-%02d %02d:%02d:%02d", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday,
              at.tm_hour, at.tm_min, at.tm_sec);
  if (fraction != 0) {
    text.append(".%09u", fraction);
    text.drop_zeros();
  }
  text.append("%s", " +0000 UTC");
  return text;
}

}  // namespace sluice
