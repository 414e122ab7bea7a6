#include "zc/wire/http1/head_scanner.h"

#include <cstring>

namespace zc::http1 {

result<std::optional<std::size_t>> head_scanner::feed(std::string_view more) noexcept {
  std::size_t at = 0;
  while (at < more.size()) {
    const void* found = std::memchr(more.data() + at, '\n', more.size() - at);
    const std::size_t stop =
        found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - more.data())
                         : more.size();
    if (stop - at > limits_.bytes_max - bytes_) {
      return fail(errc::too_large, "the head is larger than the limit", limits_.bytes_max);
    }
    bytes_ += stop - at;
    line_bytes_ += stop - at;
    if (found == nullptr) break;
    const char before = stop > 0 ? more[stop - 1] : last_;
    if (line_bytes_ == 0 || before != '\r') {
      return fail(errc::malformed, "a line ends without CR", bytes_);
    }
    if (bytes_ == limits_.bytes_max) {
      return fail(errc::too_large, "the head is larger than the limit", limits_.bytes_max);
    }
    bytes_ += 1;
    at = stop + 1;
    const bool blank = line_bytes_ == 1;
    line_bytes_ = 0;
    if (blank && lines_ > 0) return at;
    if (blank) continue;  // before the first line
    lines_ += 1;
    if (lines_ - 1 > limits_.fields_max) {
      return fail(errc::too_large, "more fields than the limit", bytes_);
    }
  }
  if (!more.empty()) last_ = more.back();
  return std::nullopt;
}

}  // namespace zc::http1
