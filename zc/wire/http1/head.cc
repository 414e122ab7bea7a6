#include "zc/wire/http1/head.h"

#include <algorithm>

#include "zc/wire/view/field_text.h"

namespace zc::http1 {
namespace {

constexpr const char* bad_version = "this version of HTTP is not served";
constexpr const char* bad_length = "Content-Length does not fit 64 bits";

bool in_target(char c) noexcept {
  return c > 0x20 && c < 0x7f;
}

class line_reader {
 public:
  explicit line_reader(std::string_view head) noexcept : all_(head), left_(head) {}

  // The next line without its CRLF; false when the bytes break that form.
  bool next(std::string_view& line) noexcept {
    const std::size_t stop = left_.find('\n');
    if (stop == std::string_view::npos || stop == 0 || left_[stop - 1] != '\r') return false;
    line = left_.substr(0, stop - 1);
    left_.remove_prefix(stop + 1);
    return true;
  }
  std::size_t offset() const noexcept { return all_.size() - left_.size(); }
  bool at_end() const noexcept { return left_.empty(); }

 private:
  std::string_view all_;
  std::string_view left_;
};

bool first_line(line_reader& in, std::string_view& line) noexcept {
  do {
    if (!in.next(line)) return false;
  } while (line.empty() && !in.at_end());
  return !line.empty();
}

result<int> parse_version(std::string_view text) noexcept {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || text[6] != '.' || text[5] < '0' ||
      text[5] > '9' || text[7] < '0' || text[7] > '9') {
    return fail(errc::malformed, "not an HTTP version");
  }
  if (text[5] != '1') return fail(errc::unsupported, bad_version);
  return text[7] == '0' ? 0 : 1;  // a later minor version is understood as 1.1
}

std::unexpected<error> moved_by(std::size_t offset, error why) noexcept {
  why.offset += offset;
  return std::unexpected(why);
}

result<void> parse_fields(line_reader& in, std::vector<field>& fields) {
  fields.clear();
  for (std::string_view line;;) {
    const std::size_t at = in.offset();
    if (!in.next(line)) return fail(errc::malformed, "a line ends without CRLF", at);
    if (line.empty()) break;
    const std::size_t name_size = token_bytes_in(line);
    if (name_size == 0 || name_size == line.size() || line[name_size] != ':') {
      return fail(errc::malformed, "not a field: name, colon, value", at + name_size);
    }
    const std::string_view value = line.substr(name_size + 1);
    const std::size_t good = value_bytes_in(value);
    if (good != value.size()) {
      return fail(errc::malformed, "control byte in a field", at + name_size + 1 + good);
    }
    fields.push_back({line.substr(0, name_size), trim(value)});
  }
  if (!in.at_end()) return fail(errc::malformed, "bytes behind the head", in.offset());
  return {};
}

result<std::uint64_t> parse_length(std::string_view digits) noexcept {
  if (digits.empty()) return fail(errc::malformed, "Content-Length is empty");
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return fail(errc::malformed, "Content-Length is not a number");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return fail(errc::too_large, bad_length);
    value = value * 10 + digit;
  }
  return value;
}

// What the fields say about the message as a whole, gathered in one pass.
struct message_facts {
  unsigned lengths = 0;
  unsigned codings = 0;
  unsigned hosts = 0;
  std::string_view length;
  std::string_view coding;
  bool close = false;
  bool keep = false;
  bool expect = false;
};

message_facts gather(std::span<const field> fields) noexcept {
  message_facts facts;
  for (const field& f : fields) {
    switch (f.name.size()) {  // cheaper than comparing every name
      case 4:
        if (name_is(f.name, "host")) facts.hosts += 1;
        break;
      case 6:
        if (name_is(f.name, "expect")) facts.expect = name_is(f.value, "100-continue");
        break;
      case 10:
        if (name_is(f.name, "connection")) {
          facts.close = facts.close || list_has(f.value, "close");
          facts.keep = facts.keep || list_has(f.value, "keep-alive");
        }
        break;
      case 14:
        if (name_is(f.name, "content-length")) {
          facts.lengths += 1;
          facts.length = f.value;
        }
        break;
      case 17:
        if (name_is(f.name, "transfer-encoding")) {
          facts.codings += 1;
          facts.coding = f.value;
        }
        break;
      default:
        break;
    }
  }
  return facts;
}

result<void> frame_by_fields(message_head& head, const message_facts& facts) noexcept {
  head.keep_alive = head.minor == 0 ? facts.keep && !facts.close : !facts.close;
  if (facts.codings > 0) {
    if (facts.lengths > 0) {
      return fail(errc::malformed, "Content-Length and Transfer-Encoding exclude each other");
    }
    if (head.minor == 0) return fail(errc::malformed, "Transfer-Encoding in HTTP/1.0");
    if (facts.codings > 1) return fail(errc::malformed, "more than one Transfer-Encoding");
    if (!name_is(facts.coding, "chunked")) {
      const bool last = facts.coding.size() > 7 &&
                        name_is(facts.coding.substr(facts.coding.size() - 7), "chunked");
      return last ? fail(errc::unsupported, "unknown transfer coding")
                  : fail(errc::malformed, "the last transfer coding is not chunked");
    }
    head.body = framing::chunked;
    return {};
  }
  if (facts.lengths == 0) return {};
  if (facts.lengths > 1) return fail(errc::malformed, "more than one Content-Length");
  const auto length = parse_length(facts.length);
  if (!length) return std::unexpected(length.error());
  head.length = *length;
  head.body = framing::length;
  return {};
}

// absolute-form: the scheme and the authority are for proxies; the path is what we serve (RFC
// 9112, 3.2.2).
std::string_view path_of(std::string_view target) noexcept {
  if (target.front() == '/') return target;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;  // "*", or the authority of a CONNECT
  const std::size_t path = target.find_first_of("/?", scheme + 3);
  if (path == std::string_view::npos) return "/";
  return target.substr(path);
}

result<void> parse_request_line(std::string_view line, request_head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(errc::malformed, "not a request line");
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (!is_token(head.method)) return fail(errc::malformed, "not a method");
  if (head.target.empty() || !std::ranges::all_of(head.target, in_target)) {
    return fail(errc::malformed, "not a request target", first + 1);
  }
  const auto version = parse_version(line.substr(last + 1));
  if (!version) return std::unexpected(version.error());
  head.minor = *version;
  head.path = path_of(head.target);
  if (const std::size_t mark = head.path.find('?'); mark != std::string_view::npos) {
    head.query = head.path.substr(mark + 1);
    head.path = mark > 0 ? head.path.substr(0, mark) : std::string_view("/");
  }
  return {};
}

result<void> parse_status_line(std::string_view line, response_head& head) {
  // HTTP/1.1 200 OK, and leniently without the blank that comes before an empty reason.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) {
    return fail(errc::malformed, "not a status line");
  }
  const auto version = parse_version(line.substr(0, 8));
  if (!version) return std::unexpected(version.error());
  head.minor = *version;
  for (std::size_t i = 9; i < 12; ++i) {
    if (line[i] < '0' || line[i] > '9') return fail(errc::malformed, "not a status code", i);
    head.status = head.status * 10 + (line[i] - '0');
  }
  if (head.status < 100) return fail(errc::malformed, "not a status code", 9);
  if (line.size() > 13) head.reason = line.substr(13);
  if (const std::size_t good = value_bytes_in(head.reason); good != head.reason.size()) {
    return fail(errc::malformed, "control byte in the reason", 13 + good);
  }
  return {};
}

}  // namespace

result<request_head> parse_request(std::string_view text, std::vector<field>& fields) {
  request_head head;
  line_reader in(text);
  std::string_view line;
  if (!first_line(in, line)) return fail(errc::malformed, "no request line");
  if (auto parsed = parse_request_line(line, head); !parsed) {
    return moved_by(in.offset() - line.size() - 2, parsed.error());
  }
  if (auto parsed = parse_fields(in, fields); !parsed) return std::unexpected(parsed.error());
  head.fields = fields;
  const message_facts facts = gather(fields);
  if (facts.hosts > 1 || (facts.hosts == 0 && head.minor > 0)) {
    return fail(errc::malformed, "exactly one Host is needed");
  }
  if (auto framed = frame_by_fields(head, facts); !framed) return std::unexpected(framed.error());
  head.expect_continue = facts.expect && head.minor > 0 && head.body != framing::none;
  return head;
}

result<response_head> parse_response(std::string_view text, std::vector<field>& fields,
                                     bool to_head) {
  response_head head;
  line_reader in(text);
  std::string_view line;
  if (!first_line(in, line)) return fail(errc::malformed, "no status line");
  if (auto parsed = parse_status_line(line, head); !parsed) {
    return moved_by(in.offset() - line.size() - 2, parsed.error());
  }
  if (auto parsed = parse_fields(in, fields); !parsed) return std::unexpected(parsed.error());
  head.fields = fields;
  if (auto framed = frame_by_fields(head, gather(fields)); !framed) {
    return std::unexpected(framed.error());
  }
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) {
    head.body = framing::none;
    head.length = 0;
  } else if (head.body == framing::none) {
    head.body = framing::until_close;
    head.keep_alive = false;
  }
  return head;
}

int error_status(const error& why) noexcept {
  switch (why.code) {
    case errc::too_large:
      return why.reason == bad_length ? 413 : 431;
    case errc::unsupported:
      return why.reason == bad_version ? 505 : 501;
    default:
      return 400;
  }
}

std::string_view find(std::span<const field> fields, std::string_view lower) noexcept {
  for (const field& f : fields) {
    if (name_is(f.name, lower)) return f.value;
  }
  return {};
}

}  // namespace zc::http1
