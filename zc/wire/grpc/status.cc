#include "zc/wire/grpc/status.h"

#include <array>
#include <charconv>
#include <limits>

namespace zc::grpc {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view retry_info_url = "type.googleapis.com/google.rpc.RetryInfo";

constexpr std::array<std::string_view, 17> names = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// Protobuf, as little of it as three tiny messages need. The room's own, since rooms of wire/ do
// not know each other.

void put_varint(std::string& out, std::uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>((v & 0x7f) | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

void put_number(std::string& out, unsigned field, std::uint64_t v) {
  if (v == 0) return;  // the default is not written
  put_varint(out, field << 3);
  put_varint(out, v);
}

void put_text(std::string& out, unsigned field, std::string_view text) {
  put_varint(out, field << 3 | 2);
  put_varint(out, text.size());
  out.append(text);
}

struct pb_field {
  std::uint64_t number = 0;
  unsigned type = 0;
  std::uint64_t value = 0;   // varint, or fixed (not decoded)
  std::string_view content;  // length-delimited
};

class pb_reader {
 public:
  explicit pb_reader(std::string_view in) noexcept : in_(in) {}

  // The next field; false at the end and at bad bytes.
  bool next(pb_field& f) noexcept {
    std::uint64_t key = 0;
    if (in_.empty() || !varint(key) || key >> 3 == 0) return false;
    f = {key >> 3, static_cast<unsigned>(key & 7), 0, {}};
    switch (f.type) {
      case 0:
        return varint(f.value);
      case 1:
        return skip(8);
      case 2: {
        std::uint64_t size = 0;
        if (!varint(size) || size > in_.size()) return false;
        f.content = in_.substr(0, size);
        in_.remove_prefix(size);
        return true;
      }
      case 5:
        return skip(4);
      default:
        return false;  // groups do not occur in these messages
    }
  }

 private:
  bool varint(std::uint64_t& v) noexcept {
    v = 0;
    for (unsigned shift = 0; shift < 64 && !in_.empty(); shift += 7) {
      const auto b = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) return true;
    }
    return false;
  }

  bool skip(std::size_t n) noexcept {
    if (n > in_.size()) return false;
    in_.remove_prefix(n);
    return true;
  }

  std::string_view in_;
};

std::optional<nanoseconds> read_duration(std::string_view encoded) {
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  pb_reader in(encoded);
  for (pb_field f; in.next(f);) {
    if (f.type != 0) continue;
    if (f.number == 1) seconds = static_cast<std::int64_t>(f.value);
    if (f.number == 2) nanos = static_cast<std::int32_t>(f.value);
  }
  constexpr std::int64_t seconds_max = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  if (seconds < 0 || nanos < 0 || nanos > 999'999'999) return std::nullopt;
  if (seconds > seconds_max) seconds = seconds_max;
  return std::chrono::seconds(seconds) + nanoseconds(nanos);
}

std::optional<nanoseconds> read_retry_info(std::string_view encoded) {
  pb_reader in(encoded);
  std::optional<nanoseconds> delay;
  for (pb_field f; in.next(f);) {
    if (f.number == 1 && f.type == 2) delay = read_duration(f.content);
  }
  return delay;
}

std::optional<nanoseconds> read_detail(std::string_view any) {
  std::string_view url;
  std::string_view value;
  pb_reader in(any);
  for (pb_field f; in.next(f);) {
    if (f.type != 2) continue;
    if (f.number == 1) url = f.content;
    if (f.number == 2) value = f.content;
  }
  // Only what follows the last '/' names the type; the host before it may be another.
  if (url.substr(url.rfind('/') + 1) != "google.rpc.RetryInfo") return std::nullopt;
  return read_retry_info(value);
}

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> base64_values = [] {
  std::array<std::int8_t, 256> t{};
  t.fill(-1);
  for (std::size_t i = 0; i < 64; ++i) {
    t[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<std::int8_t>(i);
  }
  t['-'] = 62;  // the URL-safe forms
  t['_'] = 63;
  return t;
}();

// The length of the UTF-8 character at the front of `text`; 0 when there is none.
std::size_t utf8_size(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  // Overlong forms, surrogates and what lies above U+10FFFF differ in the second byte.
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  return size;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string_view name_of(code c) noexcept {
  const auto i = static_cast<std::size_t>(c);
  return i < names.size() ? names[i] : "UNKNOWN";
}

bool retryable(code c, bool has_retry_info) noexcept {
  switch (c) {
    case code::cancelled:
    case code::deadline_exceeded:
    case code::aborted:
    case code::out_of_range:
    case code::unavailable:
    case code::data_loss:
      return true;
    case code::resource_exhausted:
      return has_retry_info;
    default:
      return false;
  }
}

code from_http(int http_status) noexcept {
  switch (http_status) {
    case 400:
      return code::internal;
    case 401:
      return code::unauthenticated;
    case 403:
      return code::permission_denied;
    case 404:
      return code::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return code::unavailable;
    default:
      return code::unknown;
  }
}

code from_h2_error(std::uint32_t error_code) noexcept {
  switch (error_code) {
    case 0:   // NO_ERROR
    case 1:   // PROTOCOL_ERROR
    case 2:   // INTERNAL_ERROR
    case 3:   // FLOW_CONTROL_ERROR
    case 4:   // SETTINGS_TIMEOUT
    case 6:   // FRAME_SIZE_ERROR
    case 9:   // COMPRESSION_ERROR
    case 10:  // CONNECT_ERROR
      return code::internal;
    case 7:  // REFUSED_STREAM
      return code::unavailable;
    case 8:  // CANCEL
      return code::cancelled;
    case 11:  // ENHANCE_YOUR_CALM
      return code::resource_exhausted;
    case 12:  // INADEQUATE_SECURITY
      return code::permission_denied;
    default:  // STREAM_CLOSED has no mapping: there is no open stream left to tell
      return code::unknown;
  }
}

std::string encode_message(std::string_view text, std::size_t max) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() < max ? text.size() : max);
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    const bool plain = b >= 0x20 && b <= 0x7e && c != '%';
    if (max - out.size() < (plain ? 1u : 3u)) break;
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', hex[b >> 4], hex[b & 15]});
    }
  }
  return out;
}

std::string decode_message(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && text.size() - i > 2) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out.push_back(static_cast<char>(high << 4 | low));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8_size(text);
    if (size > 0) {
      out.append(text.substr(0, size));
    } else {
      out.push_back('?');
    }
    text.remove_prefix(size > 0 ? size : 1);
  }
  return out;
}

std::string encode_retry_info(nanoseconds delay) {
  if (delay < nanoseconds(0)) delay = nanoseconds(0);
  std::string duration;
  put_number(duration, 1, static_cast<std::uint64_t>(delay.count() / 1'000'000'000));
  put_number(duration, 2, static_cast<std::uint64_t>(delay.count() % 1'000'000'000));
  std::string out;
  put_text(out, 1, duration);
  return out;
}

std::string encode_status(const status& s) {
  std::string out;
  put_number(out, 1, static_cast<std::uint64_t>(s.grpc));
  if (!s.message.empty()) put_text(out, 2, valid_utf8(s.message));
  if (s.retry_after) {
    std::string any;
    put_text(any, 1, retry_info_url);
    put_text(any, 2, encode_retry_info(*s.retry_after));
    put_text(out, 3, any);
  }
  return out;
}

std::optional<nanoseconds> retry_delay_in_status(std::string_view encoded) {
  pb_reader in(encoded);
  for (pb_field f; in.next(f);) {
    if (f.number != 3 || f.type != 2) continue;
    if (const auto delay = read_detail(f.content)) return delay;
  }
  return std::nullopt;
}

std::string message_in_status(std::string_view encoded) {
  std::string_view message;
  pb_reader in(encoded);
  for (pb_field f; in.next(f);) {
    if (f.number == 2 && f.type == 2) message = f.content;
  }
  return std::string(message);
}

std::string base64_encode(std::string_view raw) {
  std::string out;
  out.reserve((raw.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : raw) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    held += 8;
    while (held >= 6) {
      held -= 6;
      out.push_back(base64_alphabet[bits >> held & 63]);
    }
  }
  if (held > 0) out.push_back(base64_alphabet[bits << (6 - held) & 63]);
  return out;
}

result<std::string> base64_decode(std::string_view text) {
  std::size_t size = text.size();
  // Padding: at most two, and only where it fills the last group of four.
  for (unsigned pads = 0; pads < 2 && size > 0 && text[size - 1] == '=' && text.size() % 4 == 0;
       ++pads) {
    --size;
  }
  if (size % 4 == 1) return fail(errc::truncated, "base64 ends inside a byte", size);
  std::string out;
  out.reserve(size * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::int8_t v = base64_values[static_cast<unsigned char>(text[i])];
    if (v < 0) return fail(errc::malformed, "not a base64 character", i);
    bits = bits << 6 | static_cast<std::uint32_t>(v);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> held & 0xff));
    }
  }
  return out;
}

result<nanoseconds> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return fail(errc::malformed, "grpc-timeout: bad length");
  std::int64_t count = 0;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9')
      return fail(errc::malformed, "grpc-timeout: not a digit", i);
    count = count * 10 + (text[i] - '0');
  }
  std::int64_t unit = 0;
  switch (text.back()) {
    case 'H':
      unit = 3'600'000'000'000;
      break;
    case 'M':
      unit = 60'000'000'000;
      break;
    case 'S':
      unit = 1'000'000'000;
      break;
    case 'm':
      unit = 1'000'000;
      break;
    case 'u':
      unit = 1'000;
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return fail(errc::malformed, "grpc-timeout: unknown unit", text.size() - 1);
  }
  // 99,999,999 hours do not fit 64 bits of nanoseconds: that is for ever.
  constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  return nanoseconds(count > longest / unit ? longest : count * unit);
}

std::string encode_timeout(nanoseconds t) {
  struct unit {
    std::int64_t nanos;
    char letter;
  };
  constexpr std::array<unit, 6> units = {{{1, 'n'},
                                          {1'000, 'u'},
                                          {1'000'000, 'm'},
                                          {1'000'000'000, 'S'},
                                          {60'000'000'000, 'M'},
                                          {3'600'000'000'000, 'H'}}};
  const std::int64_t total = t.count() > 0 ? t.count() : 1;  // zero is not allowed on the wire
  for (const unit& u : units) {
    // Rounded up: a deadline must not become shorter than it was, least of all zero.
    const std::int64_t count = total / u.nanos + (total % u.nanos != 0 ? 1 : 0);
    if (count <= 99'999'999) return std::to_string(count) + u.letter;
  }
  return "99999999H";
}

}  // namespace zc::grpc
