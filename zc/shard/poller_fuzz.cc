// Endpoints from anywhere: parsing never fails in another way than by value, and what parses prints
// to a text that parses to the same.

#include <cstddef>
#include <cstdint>

#include "zc/base/check.h"
#include "zc/shard/poller.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto made = zc::endpoint::parse(text);
  if (!made) {
    ZC_CHECK(made.error().offset <= size);
    return 0;
  }
  const auto again = zc::endpoint::parse(made->text());
  ZC_CHECK(again);
  ZC_CHECK(again->host == made->host && again->port == made->port);
  ZC_CHECK(again->unix_path == made->unix_path);
  return 0;
}
