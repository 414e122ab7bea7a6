// gate/pipeline/exporters/log_text.h - a log record of a request as text for people.
#pragma once

#include <cstdint>

#include "gate/pipeline/exporters/otlp_page.h"

namespace sluice {

// A line (normal) or a block headed by its number `n` (detailed). False when the bytes break.
bool print_log(otlp_page& page, otlp_page::message m, std::uint64_t n);

}  // namespace sluice
