#include "gate/pipeline/exporters/debug_exporter.h"

#include <utility>

#include "gate/pipeline/exporters/otlp_text.h"

namespace sluice {

debug_exporter::debug_exporter(shard_context& in, std::string id,
                               const debug_exporter_settings& how)
    : in_(in), id_(std::move(id)), how_(how), counts_(in.counts.exporter(id_)) {}

void debug_exporter::consume(batch&& b) {
  payload& p = *b.what;
  counts_.requests.add();
  counts_.bytes.add(p.size());
  if (sampled() && in_.out.enabled(log_level::info)) print(p);
  counts_.of[p.kind()].sent.add(p.items_or_zero());
  b.done.succeed();
}

bool debug_exporter::sampled() noexcept {
  const zc::time_point now = in_.on.now();
  if (in_second_ == 0 || now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    in_second_ = 0;
  }
  in_second_ += 1;
  if (in_second_ <= how_.sampling_initial) return true;
  if (how_.sampling_thereafter == 0) return false;
  return (in_second_ - how_.sampling_initial) % how_.sampling_thereafter == 0;
}

void debug_exporter::print(payload& p) {
  const auto body = p.identity(in_.converting(zc::urgency::ordinary));
  if (!body) {
    std::string text = "a request cannot be shown: ";
    return in_.out.write(log_level::warn, id_, text + body.error().reason);
  }
  const zc::bytes flat = (*body)->flatten_copy();
  const auto counted = tally(p.kind(), flat.text());
  if (!counted) {
    std::string text = "a request cannot be shown: ";
    return in_.out.write(log_level::warn, id_, text + counted.error().reason);
  }
  std::string text = tally_text(p.kind(), *counted);
  if (how_.verbosity != debug_verbosity::basic) {
    auto more = request_text(p.kind(), flat.text(), how_.verbosity, text_bytes_max);
    text += "\n" +
            (more ? *more : std::string("(the rest cannot be shown: ") + more.error().reason + ")");
  }
  in_.out.write(log_level::info, id_, text);
}

}  // namespace sluice
