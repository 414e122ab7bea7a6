// Arbitrary bytes as a body of any coding: no read outside, no hang, no output above the limit; the
// verdict and the bytes do not depend on how the body is cut nor on where the output goes; what
// inflates compresses and comes back.
//
// Input: one byte that picks the coding (low bits) and the size of pieces (high bits), then the
// body.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/wire/coding/chains_for_tests.h"
#include "zc/wire/coding/coder.h"

using namespace zc;
using namespace zc::literals;

namespace {

constexpr std::size_t limit = 300_KiB;

struct bench {
  quota limits{64_MiB};
  pool blocks{limits, 4_MiB};
  coder wire;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static bench b;
  if (size == 0) return 0;
  const auto c = static_cast<coding>((data[0] & 0x0f) % codings);
  const std::size_t piece = 1 + (data[0] >> 4) * 3u;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);

  unsigned parts = 0;
  const auto one =
      b.wire.inflate(coders::whole(body), c, limit, b.blocks, urgency::ordinary, &parts);
  coders::scratch_sink sink;
  const auto many = b.wire.inflate(coders::in_pieces(body, piece), c, limit, sink);
  // In one piece a gzip body may go through libdeflate, which forgives a little that ISA-L does
  // not, and the other way round (see deflate_coder.h).
  ZC_CHECK(c == coding::gzip || one.has_value() == many.has_value());
  if (!one || !many) return 0;
  ZC_CHECK(one->size() <= limit);
  ZC_CHECK(parts == many->parts);
  const std::string text = coders::text_of(*one);
  ZC_CHECK(text == sink.text);

  const int level = data[0] >> 4;
  const auto again = b.wire.deflate(*one, c, level, b.blocks);
  ZC_CHECK(again.has_value());
  const auto back = b.wire.inflate(*again, c, limit, b.blocks);
  ZC_CHECK(back.has_value() && coders::text_of(*back) == text);
  return 0;
}
