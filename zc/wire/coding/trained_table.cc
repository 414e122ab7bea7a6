#include "zc/wire/coding/trained_table.h"

#include <cstdint>
#include <memory>
#include <string>

#include <isa-l.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/wire/coding/sample.h"

namespace zc::coders {
namespace {

// Many short samples rather than one long one: the table is for small bodies, where names are still
// new.
inline constexpr unsigned samples = 24;
inline constexpr std::size_t sample_bytes = 6_KiB;

std::unique_ptr<const isal_hufftables> train() {
  auto seen = std::make_unique<isal_huff_histogram>();
  for (unsigned seed = 1; seed <= samples; ++seed) {
    std::string body = sample_body(seed, sample_bytes);
    isal_update_histogram(reinterpret_cast<std::uint8_t*>(body.data()),
                          static_cast<int>(body.size()), seen.get());
  }
  auto table = std::make_unique<isal_hufftables>();
  const int made = isal_create_hufftables(table.get(), seen.get());
  ZC_CHECK(made == 0);
  return table;
}

}  // namespace

const isal_hufftables& trained_table() {
  static const std::unique_ptr<const isal_hufftables> table = train();
  return *table;
}

}  // namespace zc::coders
