#include "zc/wire/http1/chunked.h"

#include <algorithm>
#include <utility>

namespace zc::http1 {
namespace {

int hex_value(unsigned char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool control(unsigned char c) noexcept {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

result<bytes> chunked_decoder::next(bytes& input) {
  std::size_t at = 0;
  const std::span<const std::byte> in = input.view();
  while (at < in.size() && at_ != place::data && at_ != place::done) {
    if (auto ok = step(std::to_integer<unsigned char>(in[at])); !ok) {
      return std::unexpected(ok.error());
    }
    ++at;
    ++position_;
  }
  input.advance(at);
  if (at_ != place::data || input.empty()) return bytes();
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  bytes part = input.split_to(n);
  left_ -= n;
  payload_ += n;
  position_ += n;
  if (left_ == 0) at_ = place::data_cr;
  return part;
}

result<void> chunked_decoder::step(unsigned char c) {
  switch (at_) {
    case place::size_first:
      line_ = 0;
      left_ = 0;
      if (hex_value(c) < 0) return fail(errc::malformed, "a chunk has no size", position_);
      at_ = place::size;
      return size_digit(c);
    case place::size:
      if (hex_value(c) >= 0) return size_digit(c);
      [[fallthrough]];
    case place::size_blank:
      // Blanks before the extension, or from senders that pad: another digit behind them would make
      // it a size that two readers read differently.
      if (c == '\r') {
        at_ = place::size_lf;
        return {};
      }
      if (c != ';' && c != ' ' && c != '\t') {
        return fail(errc::malformed, "not a chunk size", position_);
      }
      at_ = c == ';' ? place::extension : place::size_blank;
      return count_extension();
    case place::extension:
      if (c == '\r') {
        at_ = place::size_lf;
        return {};
      }
      if (control(c)) return fail(errc::malformed, "control byte in a chunk extension", position_);
      return count_extension();
    case place::size_lf:
      if (c != '\n') return fail(errc::malformed, "a chunk size ends without CRLF", position_);
      return end_of_size();
    case place::data_cr:
      if (c != '\r') return fail(errc::malformed, "a chunk ends without CRLF", position_);
      at_ = place::data_lf;
      return {};
    case place::data_lf:
      if (c != '\n') return fail(errc::malformed, "a chunk ends without CRLF", position_);
      at_ = place::size_first;
      return {};
    case place::trailer_start:
      if (c == '\r') {
        at_ = place::end_lf;
        return {};
      }
      at_ = place::trailer;
      [[fallthrough]];
    case place::trailer:
      if (++trailers_ > trailers_bytes_max) {
        return fail(errc::too_large, "the trailers are larger than the limit", position_);
      }
      if (c == '\r') {
        at_ = place::trailer_lf;
      } else if (control(c)) {
        return fail(errc::malformed, "control byte in a trailer", position_);
      }
      return {};
    case place::trailer_lf:
      if (c != '\n') return fail(errc::malformed, "a trailer ends without CRLF", position_);
      at_ = place::trailer_start;
      return {};
    case place::end_lf:
      if (c != '\n') return fail(errc::malformed, "the body ends without CRLF", position_);
      at_ = place::done;
      return {};
    case place::data:
    case place::done:
      break;
  }
  return {};
}

result<void> chunked_decoder::size_digit(unsigned char c) {
  if (left_ > UINT64_MAX >> 4)
    return fail(errc::too_large, "a chunk size of over 64 bits", position_);
  left_ = left_ << 4 | static_cast<std::uint64_t>(hex_value(c));
  if (++line_ > line_bytes_max)
    return fail(errc::too_large, "a chunk size line is too long", position_);
  return {};
}

result<void> chunked_decoder::count_extension() {
  if (++line_ > line_bytes_max || ++extensions_ > extensions_bytes_max + payload_) {
    return fail(errc::too_large, "chunk extensions are larger than the limit", position_);
  }
  return {};
}

result<void> chunked_decoder::end_of_size() {
  at_ = left_ > 0 ? place::data : place::trailer_start;
  return {};
}

}  // namespace zc::http1
