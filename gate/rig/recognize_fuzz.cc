// Any bytes as a request: recognize reads nothing outside, ends, and says the same of the same
// bytes elsewhere.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gate/rig/recognize.h"
#include "zc/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> request = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> elsewhere(request.begin(), request.end());
  ZC_CHECK(sluice::rig::recognize(request) == sluice::rig::recognize(elsewhere));
  return 0;
}
