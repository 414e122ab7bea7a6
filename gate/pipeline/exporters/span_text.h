// gate/pipeline/exporters/span_text.h - a span of a request as text for people.
#pragma once

#include <cstdint>

#include "gate/pipeline/exporters/otlp_page.h"

namespace sluice {

// A line (normal) or a block headed by its number `n` (detailed). False when the bytes break.
bool print_span(otlp_page& page, otlp_page::message m, std::uint64_t n);

}  // namespace sluice
