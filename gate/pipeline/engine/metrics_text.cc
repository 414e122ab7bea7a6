#include "gate/pipeline/engine/metrics_text.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace sluice {
namespace {

using shards = std::span<const metrics* const>;
using otlp::signal;

// One metric: samples by label text, added up (or the largest kept) over the shards.
class family {
 public:
  family(std::string name, std::string_view type, std::string_view help)
      : name_(std::move(name)), type_(type), help_(help) {}

  void add(const std::string& labels, std::uint64_t n) { samples_[labels] += n; }
  void largest(const std::string& labels, std::uint64_t n) {
    std::uint64_t& at = samples_[labels];
    at = std::max(at, n);
  }
  void write(std::string& to) const {
    if (samples_.empty()) return;
    to += "# HELP " + name_ + " ";
    to += help_;
    to += "\n# TYPE " + name_ + " ";
    to += type_;
    to += "\n";
    for (const auto& [labels, n] : samples_) {
      to += name_;
      if (!labels.empty()) to += "{" + labels + "}";
      to += " " + std::to_string(n) + "\n";
    }
  }

 private:
  std::string name_;
  std::string_view type_;
  std::string_view help_;
  std::map<std::string, std::uint64_t> samples_;
};

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  const zc::cow_text shown = escape_label(value);
  text += shown.view();
  text += "\"";
  return text;
}

std::string labels_of(const receiver_metrics& r) {
  return label("receiver", r.id) + "," + label("transport", r.transport);
}
std::string labels_of(const processor_metrics& p) {
  return label("processor", p.id);
}
std::string labels_of(const exporter_metrics& e) {
  return label("exporter", e.id);
}

const std::deque<zc::padded<receiver_metrics>>& nodes(const metrics& m, const receiver_metrics*) {
  return m.receivers();
}
const std::deque<zc::padded<processor_metrics>>& nodes(const metrics& m, const processor_metrics*) {
  return m.processors();
}
const std::deque<zc::padded<exporter_metrics>>& nodes(const metrics& m, const exporter_metrics*) {
  return m.exporters();
}

// "otelcol_receiver_accepted_" + "spans", one family per signal.
template <class Node>
void items(std::string& to, shards all, const std::string& prefix, std::string_view help,
           counter Node::of_signal::* which) {
  for (const signal s : otlp::all_signals) {
    family f(prefix + std::string(otlp::items_of(s)), "counter", help);
    for (const metrics* m : all) {
      for (const Node& n : nodes(*m, static_cast<const Node*>(nullptr))) {
        const std::uint64_t value = (n.of[s].*which).read();
        if (s == signal::profiles && value == 0) continue;
        f.add(labels_of(n), value);
      }
    }
    f.write(to);
  }
}

// One family with the signal as a label.
template <class Node>
void per_signal(std::string& to, shards all, const std::string& name, std::string_view label_name,
                std::string_view help, counter Node::of_signal::* which) {
  family f(name, "counter", help);
  for (const metrics* m : all) {
    for (const Node& n : nodes(*m, static_cast<const Node*>(nullptr))) {
      for (const signal s : otlp::all_signals) {
        const std::uint64_t value = (n.of[s].*which).read();
        if (s == signal::profiles && value == 0) continue;
        f.add(labels_of(n) + "," + label(label_name, otlp::name_of(s)), value);
      }
    }
  }
  f.write(to);
}

template <class Node>
void single(std::string& to, shards all, const std::string& name, std::string_view type,
            std::string_view help, counter Node::* which) {
  family f(name, type, help);
  for (const metrics* m : all) {
    for (const Node& n : nodes(*m, static_cast<const Node*>(nullptr))) {
      f.add(labels_of(n), (n.*which).read());
    }
  }
  f.write(to);
}

void receivers(std::string& to, shards all) {
  using r = receiver_metrics;
  const std::string otelcol = "otelcol_receiver_";
  const std::string ours = "sluice_receiver_";
  items<r>(to, all, otelcol + "accepted_", "Items that the pipelines took.",
           &r::of_signal::accepted);
  items<r>(to, all, otelcol + "refused_", "Items that the pipelines did not take.",
           &r::of_signal::refused);
  items<r>(to, all, otelcol + "failed_", "Items lost by an internal error.", &r::of_signal::failed);
  per_signal<r>(to, all, ours + "requests", "otel_signal", "Requests received.",
                &r::of_signal::requests);
  per_signal<r>(to, all, ours + "opaque_requests", "otel_signal",
                "Requests passed on without being looked at; their items are not counted.",
                &r::of_signal::opaque);
  per_signal<r>(to, all, ours + "bytes", "otel_signal", "Bytes of request bodies as received.",
                &r::of_signal::bytes);
  single<r>(to, all, ours + "inspected_requests", "counter", "Requests looked at.", &r::inspected);
  single<r>(to, all, ours + "malformed_requests", "counter", "Requests that are no OTLP.",
            &r::malformed);
  single<r>(to, all, ours + "corrupt_requests", "counter", "Requests that do not inflate.",
            &r::corrupt);
  single<r>(to, all, ours + "too_large_requests", "counter", "Requests too large when inflated.",
            &r::too_large);
  single<r>(to, all, ours + "empty_requests", "counter", "Requests without telemetry.", &r::empty);
  single<r>(to, all, ours + "multi_part_requests", "counter",
            "Requests of several compressed members.", &r::multi_part);
  single<r>(to, all, ours + "copying_requests", "counter",
            "Requests of which user space copied payload before they were handed on.", &r::copying);
  single<r>(to, all, ours + "copied_bytes", "counter", "Payload copied by these.", &r::copied);
  single<r>(to, all, ours + "bad_utf8_strings", "counter",
            "Strings that are no UTF-8 (inspect: full).", &r::bad_utf8);
  single<r>(to, all, ours + "bad_ids", "counter",
            "Trace and span ids of a wrong length (inspect: full).", &r::bad_ids);
}

void send_sizes(std::string& to, shards all) {
  std::map<std::string,
           std::pair<std::array<std::uint64_t, size_histogram::bounds.size() + 1>, std::uint64_t>>
      sizes;
  for (const metrics* m : all) {
    for (const processor_metrics& p : m->processors()) {
      auto& [buckets, sum] = sizes[labels_of(p)];
      for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += p.send_size.buckets[i].read();
      sum += p.send_size.sum.read();
    }
  }
  if (sizes.empty()) return;
  const std::string name = "otelcol_processor_batch_batch_send_size";
  to += "# HELP " + name + " Items per batch sent.\n# TYPE " + name + " histogram\n";
  for (const auto& [labels, size] : sizes) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < size.first.size(); ++i) {
      below += size.first[i];
      const std::string bound =
          i < size_histogram::bounds.size() ? std::to_string(size_histogram::bounds[i]) : "+Inf";
      to += name + "_bucket{" + labels + ",le=\"" + bound + "\"} " + std::to_string(below) + "\n";
    }
    to += name + "_sum{" + labels + "} " + std::to_string(size.second) + "\n";
    to += name + "_count{" + labels + "} " + std::to_string(below) + "\n";
  }
}

void processors(std::string& to, shards all) {
  using p = processor_metrics;
  const std::string batch = "otelcol_processor_batch_";
  per_signal<p>(to, all, "otelcol_processor_incoming_items", "otel_signal", "Items that came in.",
                &p::of_signal::incoming);
  per_signal<p>(to, all, "otelcol_processor_outgoing_items", "otel_signal", "Items that went out.",
                &p::of_signal::outgoing);
  send_sizes(to, all);
  single<p>(to, all, batch + "batch_size_trigger_send", "counter",
            "Batches sent because of their size.", &p::size_trigger);
  single<p>(to, all, batch + "timeout_trigger_send", "counter",
            "Batches sent because of their age.", &p::timeout_trigger);
  single<p>(to, all, "sluice_processor_offered_again", "counter",
            "Batches that downstream refused for now.", &p::offered_again);
  single<p>(to, all, "sluice_processor_dropped_items", "counter",
            "Items that downstream refused for good.", &p::dropped);
}

void exporters(std::string& to, shards all) {
  using e = exporter_metrics;
  const std::string otelcol = "otelcol_exporter_";
  const std::string ours = "sluice_exporter_";
  items<e>(to, all, otelcol + "sent_", "Items delivered.", &e::of_signal::sent);
  items<e>(to, all, otelcol + "send_failed_", "Items given up.", &e::of_signal::send_failed);
  items<e>(to, all, otelcol + "enqueue_failed_", "Items that found no room in the queue.",
           &e::of_signal::enqueue_failed);
  items<e>(to, all, ours + "rejected_", "Items that the backend rejected in partial successes.",
           &e::of_signal::rejected);
  family capacity(otelcol + "queue_capacity", "gauge", "Room in the queue, in units of its sizer.");
  family size(otelcol + "queue_size", "gauge", "What the queue holds, in units of its sizer.");
  family bytes(ours + "queue_bytes", "gauge", "Bytes that the queue holds.");
  family held(ours + "held_batches", "gauge", "Batches that wait for room in the queue.");
  for (const metrics* m : all) {
    for (const exporter_metrics& x : m->exporters()) {
      if (x.queue_capacity.read() == 0) continue;
      capacity.largest(labels_of(x), x.queue_capacity.read());
      size.add(labels_of(x), x.queue_size.read());
      bytes.add(labels_of(x), x.queue_bytes.read());
      held.add(labels_of(x), x.held.read());
    }
  }
  capacity.write(to);
  size.write(to);
  bytes.write(to);
  held.write(to);
  single<e>(to, all, otelcol + "in_flight_requests", "gauge",
            "Requests under way, those that wait to be tried again included.", &e::in_flight);
  single<e>(to, all, ours + "requests", "counter", "Requests sent, every attempt counted.",
            &e::requests);
  single<e>(to, all, ours + "retries", "counter", "Attempts after the first.", &e::retries);
  single<e>(to, all, ours + "bytes", "counter", "Bytes of request bodies sent.", &e::bytes);
  single<e>(to, all, ours + "partial_successes", "counter", "Answers that reject a part or warn.",
            &e::partial_success);
}

void conversions(std::string& to, shards all) {
  const auto write = [&](const std::string& name, std::string_view help,
                         counter conversion_metrics::* which) {
    family f("sluice_" + name, "counter", help);
    for (const metrics* m : all) f.add("", (m->conversions.*which).read());
    f.write(to);
  };
  using c = conversion_metrics;
  write("inflates", "Bodies decompressed.", &c::inflates);
  write("inflated_bytes", "Bytes that decompression made.", &c::inflated_bytes);
  write("deflates", "Bodies compressed.", &c::deflates);
  write("deflated_bytes", "Bytes that compression made.", &c::deflated_bytes);
  write("conversions_reused", "Conversions that were there already.", &c::reused);
}

}  // namespace

zc::cow_text escape_label(std::string_view value) {
  const std::size_t clean = value.find_first_of("\\\"\n");
  if (clean == std::string_view::npos) return zc::cow_text::borrow(value);  // nearly always
  std::string text;
  text.reserve(value.size() + 8);
  text += value.substr(0, clean);
  for (const char c : value.substr(clean)) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return zc::cow_text::own(std::move(text));
}

std::string prometheus_text(shards all) {
  std::string text;
  text.reserve(16'384);
  receivers(text, all);
  processors(text, all);
  exporters(text, all);
  conversions(text, all);
  return text;
}

}  // namespace sluice
