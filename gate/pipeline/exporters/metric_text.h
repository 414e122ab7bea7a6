// gate/pipeline/exporters/metric_text.h - a metric of a request, with its points, as text for people.
#pragma once

#include <cstdint>

#include "gate/pipeline/exporters/otlp_page.h"

namespace sluice {

// A line (normal) or a block headed by its number `n` (detailed). False when the bytes break.
bool print_metric(otlp_page& page, otlp_page::message m, std::uint64_t n);

}  // namespace sluice
