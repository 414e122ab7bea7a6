// A16 Plain-layout messages: a value of a fixed layout is sent as it lies in memory and read
//     where it lies. Another version, byte order or layout is refused with a reason, not misread.
#include "zc/wire/view/plain_message.h"

#include <cstdint>
#include <cstdio>

#include "zc/base/check.h"
#include "zc/base/ledger.h"

namespace example {

struct reading {
  std::uint64_t at = 0;
  double celsius = 0;
  std::uint32_t sensor = 0;
  std::uint32_t flags = 0;
};
ZC_PLAIN_LAYOUT(reading, 1, at, celsius, sensor, flags);  // every field, checked by the compiler

struct newer {
  std::uint64_t at = 0;
  double kelvin = 0;
  std::uint32_t sensor = 0;
  std::uint32_t flags = 0;
};
ZC_PLAIN_LAYOUT(newer, 2, at, kelvin, sensor, flags);

}  // namespace example

int main() {
  const zc::plain_message<example::reading> message({.at = 7, .celsius = 21.5, .sensor = 3});
  const std::span<const std::byte> sent = message.view();  // no serialisation

  const auto received = zc::view_plain<example::reading>(sent);  // no parsing
  ZC_CHECK(received && received->size() == 1);
  ZC_CHECK((*received)[0].celsius == 21.5);
  ZC_CHECK(received->data() == &message.value());

  const auto foreign = zc::view_plain<example::newer>(sent);
  ZC_CHECK(!foreign && foreign.error().code == zc::errc::unsupported);
  const auto cut = zc::view_plain<example::reading>(sent.first(sent.size() - 1));
  ZC_CHECK(!cut && cut.error().code == zc::errc::truncated);
  ZC_CHECK(zc::ledger::read().copied() == 0);
  std::printf("%zu bytes; refused: %s\n", sent.size(), foreign.error().reason);
}
