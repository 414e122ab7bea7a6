// Any bytes as a chunked body, cut as the first byte says: must agree with the same body fed whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "zc/wire/http1/chunked.h"

namespace {

struct outcome {
  bool failed = false;
  bool done = false;
  std::string payload;
  std::size_t used = 0;
};

outcome decode(std::string_view text, std::size_t step) {
  outcome out;
  zc::http1::chunked_decoder d;
  for (std::size_t at = 0; at < text.size() && !out.failed && !d.done(); at += step) {
    zc::bytes input = zc::bytes::copy_of(text.substr(at, step));
    const std::size_t given = input.size();
    while (!input.empty() && !d.done()) {
      const std::size_t before = input.size();
      const auto part = d.next(input);
      if (!part) {
        out.failed = true;
        break;
      }
      if (input.size() == before) std::abort();  // no progress
      out.payload += part->text();
    }
    out.used += given - input.size();
  }
  out.done = d.done();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const outcome whole = decode(text, std::max<std::size_t>(text.size(), 1));
  const outcome cut = decode(text, 1 + data[0] % 16);
  if (whole.failed != cut.failed || whole.done != cut.done) std::abort();
  if (!whole.failed && (whole.payload != cut.payload || whole.used != cut.used)) std::abort();
  return 0;
}
