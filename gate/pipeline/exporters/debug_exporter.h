// gate/pipeline/exporters/debug_exporter.h - tells people what passes: counts, or every record.
//
// Output goes to the log, bounded to `text_bytes_max` per batch, and sampled per second: the first
// `sampling_initial` batches, then every `sampling_thereafter`-th. Batches that are left out cost
// a counter. Printing flattens the body (a counted copy): this exporter is for looking, not for the
// data path.
//
// Threads  One shard.
// Errors   None: a body that cannot be read is reported in the log and acknowledged.
#pragma once

#include <cstdint>
#include <string>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"

namespace sluice {

class debug_exporter final : public consumer {
 public:
  static constexpr std::size_t text_bytes_max = 64_KiB;

  debug_exporter(shard_context& in, std::string id, const debug_exporter_settings& how);

  void configure(const debug_exporter_settings& how) noexcept { how_ = how; }  // while it runs
  void consume(batch&& b) override;

 private:
  bool sampled() noexcept;
  void print(payload& p);

  shard_context& in_;
  const std::string id_;
  debug_exporter_settings how_;
  exporter_metrics& counts_;
  zc::time_point second_{};
  std::uint64_t in_second_ = 0;
};

}  // namespace sluice
