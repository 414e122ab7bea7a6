// Arbitrary text as a block of fields, a list, parameters: every view lies inside, every error has
// a place, and reading ends.
#include <cstdint>
#include <string_view>

#include "zc/base/check.h"
#include "zc/wire/view/field_view.h"

namespace {

void inside(std::string_view whole, std::string_view part) {
  if (part.empty()) return;
  ZC_CHECK(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  zc::field_reader fields(text);
  std::size_t n = 0;
  while (fields.next()) {
    n += 1;
    inside(text, fields.field().name);
    inside(text, fields.field().value);
    ZC_CHECK(zc::is_token(fields.field().name));
    ZC_CHECK(zc::trim_blanks(fields.field().value) == fields.field().value);
  }
  ZC_CHECK(n <= zc::field_reader::fields_max && fields.consumed() <= size);
  if (!fields.ok()) ZC_CHECK(fields.failure().offset <= size);
  (void)zc::find_field(text, "content-type");

  zc::list_reader list(text);
  while (list.next()) {
    inside(text, list.member());
    ZC_CHECK(!list.member().empty());
    if (const auto weight = zc::weight_of(list.member())) ZC_CHECK(*weight <= 1000);
    zc::parameter_reader parameters(list.member());
    while (parameters.next()) {
      inside(list.member(), parameters.name());
      inside(list.member(), parameters.text());
      ZC_CHECK(zc::unquoted(parameters.text()).size() <= parameters.text().size());
    }
    if (!parameters.ok()) ZC_CHECK(parameters.failure().offset <= list.member().size());
  }
  (void)zc::media_type_is(text, "application/x-protobuf");
  return 0;
}
