// gate/pipeline/exporters/file_exporter.h - OTLP requests into a file, as the Collector's file
// exporter with `format: proto` writes them.
//
//     record  [ length, 4 bytes, big-endian | Export...ServiceRequest in protobuf ]
//                                             or (compression: zstd) one zstd frame of it
//
// One file writer serves all shards. A batch is acknowledged when its record is written; a full
// writer or a failed write refuses it retryably.
//
// Bounds   The writer's queue.
// Threads  One shard per exporter; the writer is shared.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "zc/mem/builder.h"

namespace zc::io {
class file_writer;
}

namespace sluice {

class file_exporter final : public consumer {
 public:
  // `in` and `to` outlive the exporter. Batches whose record is not written when the exporter goes
  // are refused retryably.
  file_exporter(shard_context& in, std::string id, const file_exporter_settings& how,
                zc::io::file_writer& to);
  ~file_exporter() override;

  void consume(batch&& b) override;
  bool inflates(zc::coding as) const noexcept override {
    return as != zc::coding::identity && as != form();
  }
  void drain(zc::time_point deadline) override;
  bool drained() const noexcept override;

 private:
  struct link;  // tells late answers that the exporter is gone; counted by the writer's thread too
  struct write;

  zc::coding form() const noexcept { return how_.zstd ? zc::coding::zstd : zc::coding::identity; }
  zc::bytes framing(std::span<const std::byte> prefix);
  void fail(batch& b, verdict&& v);
  void on_written(std::list<write>::iterator which, const zc::result<void>& outcome);
  void note_failure(std::string_view why);

  shard_context& in_;
  const std::string id_;
  const file_exporter_settings how_;
  exporter_metrics& counts_;
  log_gate failed_gate_;
  zc::io::file_writer& to_;
  zc::bytes_builder prefixes_;
  std::shared_ptr<link> link_;
  std::list<write> under_way_;
  bool draining_ = false;
};

}  // namespace sluice
