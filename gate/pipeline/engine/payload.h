// gate/pipeline/engine/payload.h - a request as received, shared by the consumers of a shard,
// and the forms of it that somebody asked for: inflated at most once for all, compressed at most
// once per coding and level for all.
//
// Ownership  zc::local_ptr<payload>; the body's memory is shared (`bytes`).
// Threads    One shard; debug builds check.
// Cost       as(): the received bytes for nothing; else one conversion, remembered as long as the
//            payload lives.
// Bounds     At most `forms_max` compressed forms are remembered; the oldest makes room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/metrics.h"
#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/mem/local_ptr.h"
#include "zc/mem/pool.h"
#include "zc/mem/recycled.h"
#include "zc/wire/coding/coder.h"
#include "zc/wire/coding/coding.h"

namespace sluice {

using zc::make_local;

// What a conversion works with. Borrowed for one call.
struct conversion {
  zc::coder& with;
  zc::pool& from;
  std::size_t inflated_bytes_max;
  conversion_metrics& counts;
  zc::urgency need = zc::urgency::ordinary;
};

class payload final : public zc::local_counted, public zc::recycled<payload> {
 public:
  static constexpr std::size_t forms_max = 8;

  // What is known of a request. `parts`: compressed members or frames seen; 0: nobody looked.
  struct facts {
    unsigned parts = 0;
    std::optional<std::uint64_t> items;
    std::optional<std::size_t> inflated_bytes;
  };

  payload(otlp::signal kind, zc::bytes_chain body, zc::coding as, const facts& known);
  // An identity body, such as one that was joined or split.
  payload(otlp::signal kind, zc::bytes_chain body, std::optional<std::uint64_t> items)
      : payload(kind, std::move(body), zc::coding::identity, facts{1, items, {}}) {}

  otlp::signal kind() const noexcept { return kind_; }
  const zc::bytes_chain& received() const noexcept { return received_; }
  zc::coding received_coding() const noexcept { return coding_; }
  unsigned parts() const noexcept { return parts_; }
  std::size_t size() const noexcept { return received_.size(); }  // as received
  // What it holds now: the body as received, and inflated if that was kept.
  std::size_t held_bytes() const noexcept { return received_.size() + inflated_.size(); }
  std::optional<std::uint64_t> items() const noexcept { return items_; }
  std::uint64_t items_or_zero() const noexcept { return items_.value_or(0); }
  // Size without compression, when it is known.
  std::optional<std::size_t> inflated_bytes() const noexcept { return inflated_bytes_; }

  void set_items(std::uint64_t n) noexcept { items_ = n; }
  // The inspection inflated the body anyway: remember it.
  void keep_inflated(zc::bytes_chain whole, unsigned parts);
  // Forgets the inflated form: whoever wants it later has it made again.
  void drop_inflated() noexcept {
    inflated_.clear();
    inflated_known_ = false;
  }

  // The body in coding `c`. The received bytes when they are in `c` and of one part (several parts
  // are legal, but many decoders stop after the first, so they are never passed on). Valid until
  // the next call of as(). Errors: those of zc::coder. A body that does not inflate is remembered
  // as such.
  zc::result<const zc::bytes_chain*> as(zc::coding c, int level, const conversion& via);
  zc::result<const zc::bytes_chain*> identity(const conversion& via) {
    return as(zc::coding::identity, 0, via);
  }

 private:
  struct form {
    zc::coding coding;
    int level;
    zc::bytes_chain body;
  };
  zc::result<const zc::bytes_chain*> inflate(const conversion& via);

  otlp::signal kind_;
  zc::coding coding_;
  bool inflated_known_ = false;
  unsigned parts_;
  std::optional<std::uint64_t> items_;
  std::optional<std::size_t> inflated_bytes_;
  std::optional<zc::error> broken_;  // inflating failed for good
  zc::bytes_chain received_;
  zc::bytes_chain inflated_;
  std::vector<form> forms_;
};

using payload_ptr = zc::local_ptr<payload>;

}  // namespace sluice
