// Arbitrary bytes as frames of an arbitrary format: the first six bytes choose it.
#include <cstdint>

#include "zc/base/check.h"
#include "zc/wire/view/frame_view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  zc::frame_format f{data[0], data[1], data[2]};
  f.order = data[3] % 2 == 0 ? std::endian::big : std::endian::little;
  f.length_covers_header = data[4] % 2 == 0;
  if (data[5] != 0) f.payload_max = data[5];
  if (!f.valid()) return 0;
  auto left = std::as_bytes(std::span(data + 6, size - 6));
  while (true) {
    const auto frame = zc::parse_frame(left, f);
    if (!frame) {
      if (frame.error().code == zc::errc::truncated) ZC_CHECK(frame.error().offset > left.size());
      return 0;
    }
    ZC_CHECK(frame->header.data() == left.data() && frame->header.size() == f.header_bytes);
    ZC_CHECK(frame->size() <= left.size() && frame->payload.size() <= f.payload_max);
    if (frame->size() == 0) return 0;
    left = left.subspan(frame->size());
  }
}
