// Any answer of a server is read or refused; what was read is written and reads the same.
#include <cstdint>
#include <string_view>

#include "gate/otlp/response.h"
#include "gate/otlp/specimen.h"
#include "zc/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::otlp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = decode_response(zc::bytes::from_static(text));
  const auto pieces = decode_response(specimen::cut(text, size, 3));
  ZC_CHECK(whole.has_value() == pieces.has_value());
  if (!whole) return 0;
  ZC_CHECK(whole->rejected == pieces->rejected && whole->message == pieces->message);
  const zc::bytes again = encode_response(*whole);
  ZC_CHECK(again.empty() == !whole->set());
  const auto back = decode_response(again);
  ZC_CHECK(back && back->rejected == whole->rejected && back->message == whole->message);
  return 0;
}
