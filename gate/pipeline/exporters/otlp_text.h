// gate/pipeline/exporters/otlp_text.h - OTLP requests as text for people, as the Collector's debug
// exporter prints them.
//
// Reads untrusted bytes; text that is no UTF-8 or would break a line is escaped.
//
// Threads  Any: pure functions.
// Errors   malformed / truncated with the offset; too_large for nesting beyond otlp::depth_max.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/base/result.h"

namespace sluice {

struct otlp_tally {
  std::uint64_t resources = 0;
  std::uint64_t metrics = 0;  // metrics only
  std::uint64_t items = 0;    // spans, data points, log records; profiles: samples are not counted
};

zc::result<otlp_tally> tally(otlp::signal s, std::string_view request);

// `Traces {"resource spans": 1, "spans": 2}`
std::string tally_text(otlp::signal s, const otlp_tally& t);

// One line per resource, scope and record (normal), or a block per record (detailed). At most
// `bytes_max` and a closing line that says so. Profiles print nothing beyond their tally.
zc::result<std::string> request_text(otlp::signal s, std::string_view request, debug_verbosity how,
                                     std::size_t bytes_max);

}  // namespace sluice
