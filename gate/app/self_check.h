// gate/app/self_check.h - `sluice run --check`: does this configuration carry telemetry, on this
// machine, now?
//
// Starts the gateway as configured, with two changes: it listens on free ports of 127.0.0.1 (so
// that it may be run beside a gateway at work), and every exporter delivers to a local sink (so
// that no backend sees test data). Then it sends one generated batch of each signal through every
// receiver and protocol and compares what reaches the sink, item by item count and, where no
// processor stands between, byte by byte.
#pragma once

#include "gate/app/gateway.h"

namespace sluice {

// Prints what was tried and how it went to standard output. Returns 0 when everything arrived, else
// 1.
int self_check(gateway_settings settings, gateway_options options, log& out);

}  // namespace sluice
