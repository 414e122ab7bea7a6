// Arbitrary bytes as a plain message, aligned and not: what is accepted lies inside.
#include <cstdint>
#include <cstring>
#include <vector>

#include "zc/base/check.h"
#include "zc/wire/view/plain_message.h"

namespace fuzzed {
struct sample {
  std::uint64_t at;
  double value;
};
ZC_PLAIN_LAYOUT(sample, 1, at, value);
}  // namespace fuzzed

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzzed::sample;
  // A copy on a boundary of its own; then the header repaired by and by, so that what lies behind
  // the first check is reached too.
  std::vector<std::uint64_t> memory(size / 8 + 2);
  auto* const at = reinterpret_cast<std::byte*>(memory.data());
  if (size > 0) std::memcpy(at, data, size);
  const zc::plain_header right = zc::plain_header::of<sample>(0);
  for (int repaired = 0; repaired < 3; ++repaired) {
    const std::span<const std::byte> message(at, size);
    if (const auto all = zc::view_plain<sample>(message)) {
      ZC_CHECK(all->size_bytes() <= size - sizeof(zc::plain_header));
      double sum = 0;
      for (const sample& s : *all) sum += s.value;
      (void)sum;
    } else {
      ZC_CHECK(all.error().offset <= sizeof(zc::plain_header));
    }
    (void)zc::copy_plain<sample>(message);
    if (size < sizeof(right)) break;
    if (repaired == 0) std::memcpy(at, &right, offsetof(zc::plain_header, count));
    if (repaired == 1) {
      std::memcpy(at + offsetof(zc::plain_header, hash), &right.hash, sizeof(right.hash));
    }
  }
  return 0;
}
