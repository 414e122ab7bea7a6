// Any bytes printed as any signal: no crash, no hang, no output beyond the bound, nothing that
// breaks a terminal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gate/pipeline/exporters/otlp_text.h"
#include "zc/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<sluice::otlp::signal>(data[0] & 3);
  const auto how =
      (data[0] & 4) != 0 ? sluice::debug_verbosity::detailed : sluice::debug_verbosity::normal;
  const std::string_view request(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::size_t bound = 4096;
  const auto text = sluice::request_text(kind, request, how, bound);
  if (text) {
    ZC_CHECK(text->size() <= bound + 64);
    for (const char c : *text) ZC_CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  }
  if (const auto counted = sluice::tally(kind, request)) {
    ZC_CHECK(!sluice::tally_text(kind, *counted).empty());
  }
  return 0;
}
