// gate/app/liveness.h - do all shards still turn? The first one asks the others, again and again.
//
//     shard 0 -- call --> shard 1, 2, ...          an answer within `patience`: it turns
//
// A shard that hangs keeps its share of the listening sockets: the kernel goes on giving it
// connections, which nobody ever serves, while the others look well. So the health check says no
// until it answers again, and whoever watches over the process can end it. (When the first shard
// hangs, the health check does not answer at all.)
//
// Threads  The first shard's, which makes, asks and destroys it. The others outlive it.
// Cost     One call per shard and interval; nothing on the data path.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"

namespace sluice {

struct liveness_options {
  milliseconds every{1'000};
  milliseconds patience{5'000};
};

class liveness {
 public:
  // Begins to ask. `out` outlives it.
  liveness(zc::shard& home, const std::vector<zc::shard*>& others, log& out,
           liveness_options how = {});
  liveness(const liveness&) = delete;
  liveness& operator=(const liveness&) = delete;

  bool all_turn() const noexcept { return silent_ == 0; }
  // "shard 2 has not answered for 7 s, shard 3 ..."; empty when all turn.
  std::string complaint() const;

 private:
  struct neighbour {
    zc::shard* on;
    bool silent = false;
    zc::time_point asked{};  // what it has not answered, if silent
  };
  zc::task<> watch(neighbour& of);
  std::string complaint_about(const neighbour& of) const;

  zc::shard& home_;
  log& out_;
  const liveness_options how_;
  std::vector<neighbour> neighbours_;
  std::size_t silent_ = 0;
  zc::task_scope asking_;  // last: its tasks use all of the above
};

}  // namespace sluice
