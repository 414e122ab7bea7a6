#include "gate/pipeline/engine/payload.h"

#include <utility>

namespace sluice {

payload::payload(otlp::signal kind, zc::bytes_chain body, zc::coding as, const facts& known)
    : kind_(kind),
      coding_(as),
      parts_(known.parts),
      items_(known.items),
      inflated_bytes_(known.inflated_bytes),
      received_(std::move(body)) {
  if (as != zc::coding::identity) return;
  parts_ = 1;
  inflated_bytes_ = received_.size();
}

void payload::keep_inflated(zc::bytes_chain whole, unsigned parts) {
  inflated_ = std::move(whole);
  inflated_known_ = true;
  inflated_bytes_ = inflated_.size();
  parts_ = parts;
}

zc::result<const zc::bytes_chain*> payload::as(zc::coding c, int level, const conversion& via) {
  check_thread();
  if (c == coding_ && parts_ <= 1) return &received_;
  if (c == zc::coding::identity) return inflate(via);
  for (const form& f : forms_) {
    if (f.coding != c || f.level != level) continue;
    via.counts.reused.add();
    return &f.body;
  }
  const auto plain = identity(via);
  if (!plain) return plain;
  auto packed = via.with.deflate(**plain, c, level, via.from, via.need);
  if (!packed) return std::unexpected(packed.error());
  via.counts.deflates.add();
  via.counts.deflated_bytes.add(packed->size());
  if (forms_.size() == forms_max) forms_.erase(forms_.begin());
  forms_.push_back({c, level, std::move(*packed)});
  return &forms_.back().body;
}

zc::result<const zc::bytes_chain*> payload::inflate(const conversion& via) {
  if (coding_ == zc::coding::identity) return &received_;
  if (inflated_known_) {
    via.counts.reused.add();
    return &inflated_;
  }
  if (broken_) return std::unexpected(*broken_);
  unsigned parts = 0;
  auto whole =
      via.with.inflate(received_, coding_, via.inflated_bytes_max, via.from, via.need, &parts);
  if (!whole) {
    if (whole.error().code != zc::errc::exhausted) broken_ = whole.error();
    return std::unexpected(whole.error());
  }
  via.counts.inflates.add();
  via.counts.inflated_bytes.add(whole->size());
  keep_inflated(std::move(*whole), parts);
  return &inflated_;
}

}  // namespace sluice
