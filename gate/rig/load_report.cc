// What a load has to say at its end: for people and for programs.
#include <cmath>

#include <fmt/format.h>

#include "gate/rig/load.h"
#include "gate/rig/progress.h"

namespace sluice::rig {
namespace {

double per_second(std::uint64_t n, double seconds) noexcept {
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

std::string milliseconds(std::uint64_t ns) {
  return fmt::format("{:.3f}", static_cast<double>(ns) / 1e6);
}

std::string line_of(const char* what, const histogram& h) {
  return fmt::format("  {:<14} p50 {} ms, p90 {} ms, p99 {} ms, p99.9 {} ms, max {} ms\n", what,
                     milliseconds(h.percentile(50)), milliseconds(h.percentile(90)),
                     milliseconds(h.percentile(99)), milliseconds(h.percentile(99.9)),
                     milliseconds(h.max()));
}

void put(json_writer& w, std::string_view name, const histogram& h) {
  w.key(name).begin_object().field("count", h.count()).field("mean", h.mean());
  w.field("min", h.min()).field("p50", h.percentile(50)).field("p90", h.percentile(90));
  w.field("p99", h.percentile(99)).field("p999", h.percentile(99.9)).field("max", h.max());
  w.end_object();
}

void put(json_writer& w, std::string_view name, const load_totals& t) {
  w.key(name).begin_object();
  w.field("requests", t.requests).field("attempts", t.attempts);
  w.field("acknowledged", t.acknowledged).field("partial", t.partial);
  w.field("refused", t.refused).field("failed", t.failed).field("unanswered", t.unanswered);
  w.field("items", t.items).field("items_acknowledged", t.items_acknowledged);
  w.field("items_rejected", t.items_rejected).field("bytes", t.bytes);
  w.field("bytes_acknowledged", t.bytes_acknowledged);
  w.field("telemetry_bytes_acknowledged", t.telemetry_acknowledged);
  w.end_object();
}

}  // namespace

std::string text_of(const load_report& r) {
  const load_totals t = r.totals();
  std::string text = fmt::format("load {} ran {:.3f} s, then waited {:.3f} s for answers\n",
                                 run_text(r.run), r.seconds, r.seconds_drained);
  text += fmt::format(
      "  {:<14} {} begun, {} acknowledged ({} in part), {} refused, {} failed, {} "
      "unanswered; {} attempts\n",
      "requests", grouped(t.requests), grouped(t.acknowledged), grouped(t.partial),
      grouped(t.refused), grouped(t.failed), grouped(t.unanswered), grouped(t.attempts));
  const double busy = r.seconds + r.seconds_drained;
  text += fmt::format("  {:<14} {} begun, {} acknowledged, {} rejected; {:.0f} a second\n", "items",
                      grouped(t.items), grouped(t.items_acknowledged), grouped(t.items_rejected),
                      per_second(t.items_acknowledged, busy));
  text += fmt::format(
      "  {:<14} {} acknowledged as sent, {:.1f} MB/s; {} uncompressed, {:.1f} MB/s\n", "bytes",
      grouped(t.bytes_acknowledged), per_second(t.bytes_acknowledged, busy) / 1e6,
      grouped(t.telemetry_acknowledged), per_second(t.telemetry_acknowledged, busy) / 1e6);
  text += line_of("latency", r.latency);
  if (r.since_due.count() > 0) text += line_of("since due", r.since_due);
  if (r.requests_late > 0) {
    text += fmt::format(
        "  {:<14} {} requests were due and not begun: the target is slower than the "
        "rate\n",
        "late", grouped(r.requests_late));
  }
  if (r.cut_bytes > 0) {
    text += fmt::format("  {:<14} {} bytes of archives, of records that are not whole\n",
                        "left out", grouped(r.cut_bytes));
  }
  for (const auto& [reason, count] : r.attempts_failed) {
    text += fmt::format("  {:<14} {} x {}\n", "failed attempt", grouped(count), reason);
  }
  return text;
}

std::string json_of(const load_report& r, const load_options& how) {
  json_writer w;
  w.begin_object().field("run", run_text(r.run)).field("seconds", r.seconds);
  w.field("seconds_drained", r.seconds_drained).field("complete", r.complete());
  w.field("protocol", how.via == transport::grpc ? "grpc" : "http");
  w.field("coding", zc::name_of(how.coding));
  if (how.replay) {
    w.key("replay").begin_object().field("files", how.replay->files());
    w.field("requests", how.replay->size()).field("items", how.replay->items());
    w.field("repeat", how.repeat).field("cut_bytes", r.cut_bytes).end_object();
  } else {
    w.field("items_per_request", how.items);
  }
  w.field("connections", how.connections).field("in_flight", how.in_flight);
  w.field("rate", how.rate).field("seed", how.seed).field("trace_items", how.trace_items);
  w.field("requests_late", r.requests_late);
  put(w, "total", r.totals());
  w.key("signals").begin_object();
  for (const auto& [signal, totals] : r.signals) put(w, otlp::name_of(signal), totals);
  w.end_object().key("attempts_failed").begin_object();
  for (const auto& [reason, count] : r.attempts_failed) w.field(reason, count);
  w.end_object();
  put(w, "latency_ns", r.latency);
  if (r.since_due.count() > 0) put(w, "since_due_ns", r.since_due);
  if (how.trace_items) {
    put_tracker(w, "acknowledged_items", r.acknowledged);
    put_tracker(w, "uncertain_items", r.uncertain);
  }
  w.end_object();
  return w.text();
}

}  // namespace sluice::rig
