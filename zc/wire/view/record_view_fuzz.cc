// Arbitrary bytes as records: the first byte chooses the prefix and the limit. What was read is
// written again and must be the same bytes, but for varints that were longer than they need be.
#include <cstdint>
#include <string>

#include "zc/base/check.h"
#include "zc/wire/view/record_view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto how = static_cast<zc::length_prefix>(data[0] % 3);
  const std::size_t most = data[0] >= 128 ? SIZE_MAX : data[0];
  const auto all = std::as_bytes(std::span(data + 1, size - 1));
  zc::record_reader r(all, how, most);
  std::string again;
  std::size_t expected = 0;
  while (r.next()) {
    ZC_CHECK(r.offset() == expected);
    ZC_CHECK(r.record().size() <= most);
    ZC_CHECK(r.record().data() + r.record().size() == all.data() + r.consumed());
    expected = r.consumed();
    const auto prefix = zc::record_prefix::of(r.record().size(), how);
    ZC_CHECK(prefix.has_value());
    again.append(reinterpret_cast<const char*>(prefix->view().data()), prefix->view().size());
    again.append(r.text());
  }
  ZC_CHECK(again.size() <= r.consumed());
  if (how != zc::length_prefix::varint) ZC_CHECK(again.size() == r.consumed());
  if (r.ok()) ZC_CHECK(r.consumed() == all.size());
  if (!r.ok()) ZC_CHECK(r.failure().offset == r.consumed());
  return 0;
}
