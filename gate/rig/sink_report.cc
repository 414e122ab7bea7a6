// What a sink has to say at its end: for people and for programs.
#include <fmt/format.h>

#include "gate/rig/progress.h"
#include "gate/rig/sink.h"

namespace sluice::rig {
namespace {

double rate(std::uint64_t n, double seconds) noexcept {
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

std::string line_of(std::string_view name, const sink_totals& t) {
  std::string text =
      fmt::format("  {:<8} {} requests, {} taken", name, grouped(t.requests), grouped(t.taken));
  const auto also = [&](std::uint64_t n, const char* what) {
    if (n > 0) text += fmt::format(", {} {}", grouped(n), what);
  };
  also(t.refused, "refused");
  also(t.busy, "refused as busy");
  also(t.cut, "cut");
  also(t.silent, "left without an answer");
  also(t.malformed, "malformed");
  also(t.partial, "taken in part");
  also(t.json, "in JSON");
  text += fmt::format("; {} items, {} bytes, {} inflated\n", grouped(t.items), grouped(t.bytes),
                      grouped(t.telemetry));
  return text;
}

void put(json_writer& w, std::string_view name, const sink_totals& t) {
  w.key(name).begin_object();
  w.field("requests", t.requests).field("taken", t.taken).field("bytes", t.bytes);
  w.field("telemetry_bytes", t.telemetry).field("items", t.items).field("traced", t.traced);
  w.field("json", t.json).field("partial", t.partial).field("refused", t.refused);
  w.field("busy", t.busy).field("cut", t.cut).field("silent", t.silent);
  w.field("malformed", t.malformed).end_object();
}

const char* name_of(scrutiny look) noexcept {
  switch (look) {
    case scrutiny::none:
      return "none";
    case scrutiny::count:
      return "count";
    case scrutiny::verify:
      return "verify";
  }
  return "";
}

}  // namespace

std::string text_of(const sink_report& r, scrutiny look) {
  const sink_totals t = r.totals();
  std::string text = fmt::format("sink ran {:.3f} s: {:.0f} items/s, {:.1f} MB/s\n", r.seconds,
                                 rate(t.items, r.seconds), rate(t.bytes, r.seconds) / 1e6);
  for (const otlp::signal s : otlp::all_signals) {
    const sink_totals& mine = r.signals[static_cast<std::size_t>(s)];
    if (mine.requests > 0) text += line_of(otlp::name_of(s), mine);
  }
  if (r.unwritten > 0) text += fmt::format("  {} bodies were not written\n", grouped(r.unwritten));
  if (look != scrutiny::verify) return text;
  text += fmt::format(
      "  verified {} of {} items carry an identity: {} distinct, {} duplicates, {} "
      "missing, {} untracked\n",
      grouped(t.traced), grouped(t.items), grouped(r.received.distinct()),
      grouped(r.received.repeated()), grouped(r.received.missing()),
      grouped(r.received.untracked()));
  for (const auto& [from, set] : r.received.sources()) {
    if (set.missing() == 0 && set.repeated() == 0) continue;
    text += fmt::format("    run {} worker {} {}: {} distinct, {} duplicates, {} missing below {}",
                        run_text(from.run), from.worker, otlp::name_of(from.signal),
                        grouped(set.distinct()), grouped(set.repeated()), grouped(set.missing()),
                        grouped(set.highest()));
    text +=
        set.missing() > 0 ? fmt::format(", the first {}\n", grouped(set.first_missing())) : "\n";
  }
  return text;
}

std::string json_of(const sink_report& r, scrutiny look) {
  json_writer w;
  w.begin_object().field("seconds", r.seconds).field("look", name_of(look));
  w.field("unwritten", r.unwritten);
  put(w, "total", r.totals());
  w.key("signals").begin_object();
  for (const otlp::signal s : otlp::all_signals) {
    const sink_totals& mine = r.signals[static_cast<std::size_t>(s)];
    if (mine.requests > 0) put(w, otlp::name_of(s), mine);
  }
  w.end_object();
  if (look == scrutiny::verify) put_tracker(w, "received_items", r.received);
  w.end_object();
  return w.text();
}

}  // namespace sluice::rig
