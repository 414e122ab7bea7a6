// Any bytes as a head: the scanner finds the same end cut or whole, and what parses obeys its own
// promises.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "zc/wire/http1/head.h"
#include "zc/wire/http1/head_scanner.h"
#include "zc/wire/http1/retry_after.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t step = 1 + data[0] % 32;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const zc::http1::head_limits limits{2'000, 20};

  zc::http1::head_scanner whole(limits);
  const auto end = whole.feed(text);
  zc::http1::head_scanner cut(limits);
  std::optional<std::size_t> cut_end;
  bool failed = false;
  for (std::size_t at = 0; at < text.size() && !cut_end && !failed; at += step) {
    const auto found = cut.feed(text.substr(at, step));
    failed = !found;
    if (found && *found) cut_end = at + **found;
  }
  if (failed != !end || (end && *end != cut_end)) std::abort();

  std::vector<zc::http1::field> fields;
  const std::string_view head = end && *end ? text.substr(0, **end) : text;
  if (const auto request = zc::http1::parse_request(head, fields)) {
    if (request->path.empty() || request->method.empty()) std::abort();
    for (const auto& f : fields) {
      if (f.name.empty() || f.value.find('\n') != std::string_view::npos) std::abort();
    }
  }
  (void)zc::http1::parse_response(head, fields);
  (void)zc::http1::parse_retry_after(text, {});
  return 0;
}
