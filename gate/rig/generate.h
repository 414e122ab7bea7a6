// gate/rig/generate.h - Export requests at memory speed: templates drawn once, copies stamped in
// place.
//
//     template  [ ... time ... trace id ... "sluice.seq" = nobody ... ]   drawn from a seed,
//     encoded once, shared
//        |  one copy into a block of the pool
//     request   [ ... now  ... new id   ... "sluice.seq" = run, worker, sequence ... ]   <---.
//        |  sent, and nobody needs it any more                                                |
//        '-------------------------------- stamped again, where it lies ----------------------'
//
// Per request only timestamps, trace and span ids and item identities change; lengths never do.
// Within a request spans of one trace stay together, parents stay parents, and times keep their
// distances.
//
// Ownership  Templates are immutable and may be shared by all threads; a stamped request belongs to
//            its caller, who may hand it in again when it is over (load keeps such: spares.h).
// Cost       About 10 ns per item; and one copy of the request (counted in the ledger as copy_of)
//            unless one is handed in that nobody else holds.
// Errors     exhausted when a copy is needed and the pool gives no block; too_large when a request
//            would not fit into one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/rig/draft.h"
#include "gate/rig/identity.h"
#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/bytes.h"
#include "zc/mem/pool.h"

namespace sluice::rig {

using namespace zc::literals;

struct generator_options {
  otlp::signal signal = otlp::signal::traces;
  std::size_t items = 1'000;  // per request
  std::size_t resources = 0;  // per request; 0: one for every 250 items
  std::size_t variety = 8;    // templates with different content, used in turn
  std::uint64_t seed = 1;
};

// What makes one request different from all others.
struct stamp {
  identity first;          // of the first item; the others follow in sequence
  std::uint64_t time = 0;  // nanoseconds since 1970: the "present" of the request
  std::uint64_t ids = 0;   // changes trace and span ids; equal stamps give equal ids
};

class request_template {
 public:
  explicit request_template(draft&& from, std::size_t items);

  // As it was drawn: times around rig::epoch, identities of run 0. Shared, costs nothing.
  const zc::bytes& as_drawn() const noexcept { return body_; }
  std::size_t size() const noexcept { return body_.size(); }
  std::size_t items() const noexcept { return items_; }

  // `again`: a request that this template stamped before; one that others hold still is left as it
  // is. Requires: again is empty, or of this template.
  zc::result<zc::bytes> stamped(const stamp& how, zc::pool& from, zc::bytes again = {}) const;

 private:
  // `out` holds the template, stamped or as it was drawn.
  void write_stamps(const stamp& how, std::byte* out) const noexcept;

  zc::bytes body_;
  std::size_t items_;
  std::vector<std::uint32_t> times_, traces_, spans_, identities_;  // offsets
};

class generator {
 public:
  static constexpr std::size_t items_max = 1'000'000;
  static constexpr std::size_t variety_max = 1'024;
  static constexpr std::size_t request_bytes_max = 256_MiB;  // one block of a pool
  static constexpr std::size_t template_bytes_max = 2_GiB;   // all templates together

  // unsupported for profiles; too_large beyond the bounds above; malformed for zero items or
  // variety, or more resources than items.
  static zc::result<generator> make(const generator_options& how);

  otlp::signal signal() const noexcept { return signal_; }
  std::size_t variety() const noexcept { return templates_.size(); }
  // The template for the n-th request.
  const request_template& at(std::uint64_t n) const noexcept {
    return templates_[n % templates_.size()];
  }
  std::size_t mean_size() const noexcept;

 private:
  otlp::signal signal_ = otlp::signal::traces;
  std::vector<request_template> templates_;
};

}  // namespace sluice::rig
