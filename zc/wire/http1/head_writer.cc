#include "zc/wire/http1/head_writer.h"

#include <array>
#include <charconv>
#include <utility>

namespace zc::http1 {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), written.ptr);
}

bool harmless(char c) noexcept {
  const auto b = static_cast<unsigned char>(c);
  return (b >= 0x20 && b != 0x7f) || c == '\t';
}

}  // namespace

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

head_writer head_writer::response(int status, std::size_t room) {
  head_writer w;
  w.text_.reserve(room);
  w.text_ = "HTTP/1.1 ";
  append_number(w.text_, static_cast<std::uint64_t>(status < 100 || status > 999 ? 500 : status));
  w.text_.push_back(' ');
  w.text_.append(reason_of(status)).append("\r\n");
  return w;
}

head_writer head_writer::request(std::string_view method, std::string_view target,
                                 std::size_t room) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  head_writer w;
  w.text_.reserve(room);
  w.text_.append(method).push_back(' ');
  if (target.empty()) w.text_.push_back('/');
  for (const char c : target) {
    const auto b = static_cast<unsigned char>(c);
    if (b > 0x20 && b < 0x7f) {
      w.text_.push_back(c);
    } else {
      w.text_.append({'%', hex[b >> 4], hex[b & 15]});
    }
  }
  w.text_.append(" HTTP/1.1\r\n");
  return w;
}

head_writer& head_writer::field(std::string_view name, std::string_view value) {
  text_.append(name).append(": ");
  for (const char c : value) text_.push_back(harmless(c) ? c : ' ');
  text_.append("\r\n");
  return *this;
}

head_writer& head_writer::field(std::string_view name, std::uint64_t value) {
  text_.append(name).append(": ");
  append_number(text_, value);
  text_.append("\r\n");
  return *this;
}

head_writer& head_writer::lines(std::string_view ready) {
  text_.append(ready);
  return *this;
}

bytes head_writer::finish() {
  return bytes::from_string(text());
}

std::string head_writer::text() {
  text_.append("\r\n");
  return std::move(text_);
}

}  // namespace zc::http1
