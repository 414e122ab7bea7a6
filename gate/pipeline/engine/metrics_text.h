// gate/pipeline/engine/metrics_text.h - all shards' counters added up, in the Prometheus text
// format (0.0.4).
//
// Names are the Collector's (`otelcol_*`, without the `_total` suffix, as its default reader writes
// them) where it has one, else `sluice_*`. Any thread; shards go on counting meanwhile.
#pragma once

#include <span>
#include <string>

#include "gate/pipeline/engine/metrics.h"
#include "zc/base/lifetime.h"
#include "zc/mem/cow.h"

namespace sluice {

// Series of profiles appear when there is something to tell; those of the other signals always.
std::string prometheus_text(std::span<const metrics* const> shards);

// A label value, with backslash, quote and line feed escaped. Borrows one without any of them.
zc::cow_text escape_label(std::string_view value ZC_LIFETIMEBOUND);

}  // namespace sluice
