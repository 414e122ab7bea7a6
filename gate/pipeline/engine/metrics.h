// gate/pipeline/engine/metrics.h - what a shard's nodes count, for the admin endpoint to read.
//
// Ownership  One `metrics` per shard; nodes ask it for their counters when they are built and keep
//            references.
// Threads    Registration ends before anybody reads. Each counter is written by its shard only (a
//            plain add on an atomic); any thread may read.
// Cost       add: one load and one store. Components lie on their own cache lines.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "gate/otlp/signal.h"
#include "zc/base/padded.h"

namespace sluice {

class counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n = 1) noexcept { add(std::uint64_t{0} - n); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

template <class T>
class by_signal {
 public:
  T& operator[](otlp::signal s) noexcept { return of_[static_cast<std::size_t>(s)]; }
  const T& operator[](otlp::signal s) const noexcept { return of_[static_cast<std::size_t>(s)]; }

 private:
  std::array<T, otlp::signals> of_{};
};

// Sizes of batches sent, with the Collector's bounds.
class size_histogram {
 public:
  static constexpr std::array<std::uint64_t, 22> bounds{
      10,   25,   50,   75,   100,  250,  500,   750,   1000,  2000,  3000,
      4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000, 30000, 50000, 100000};

  void record(std::uint64_t size) noexcept;

  std::array<counter, bounds.size() + 1> buckets;  // not cumulative
  counter sum;
};

// Received with one transport by one receiver.
struct receiver_metrics {
  struct of_signal {
    counter accepted;  // items
    counter refused;   // items: the pipeline did not take them
    counter failed;    // items: lost by an error of ours
    counter requests;
    counter
        opaque;  // requests passed on without being looked at: their items are in no other figure
    counter bytes;  // as received
  };
  std::string id;
  std::string transport;
  by_signal<of_signal> of;
  counter inspected;   // requests looked at
  counter malformed;   // requests that are no OTLP
  counter corrupt;     // requests that do not inflate
  counter too_large;   // requests above the inflated limit
  counter empty;       // requests without telemetry, accepted and not passed on
  counter multi_part;  // requests of several compressed members, which must be compressed anew
  counter copying;     // requests of which user space copied something before they were handed on
  counter copied;      // so many bytes
  counter bad_utf8;    // inspect: full. Strings
  counter bad_ids;     // inspect: full. Trace and span ids of a wrong length
};

struct processor_metrics {
  struct of_signal {
    counter incoming;  // items
    counter outgoing;
  };
  std::string id;
  by_signal<of_signal> of;
  counter size_trigger;
  counter timeout_trigger;
  size_histogram send_size;  // items
  counter offered_again;     // joined batches that downstream refused for now
  counter dropped;           // items of joined batches that downstream refused for good
};

struct exporter_metrics {
  struct of_signal {
    counter sent;  // items
    counter send_failed;
    counter enqueue_failed;
    counter rejected;  // by the backend in partial successes; they are in `sent` too
  };
  std::string id;
  by_signal<of_signal> of;
  counter queue_size;      // gauge, this shard's part, in units of the sizer
  counter queue_bytes;     // gauge, this shard's part
  counter queue_capacity;  // gauge, over all shards: the same figure on each; 0: no queue
  counter in_flight;       // gauge: begun and not over, waiting for another attempt included
  counter requests;        // attempts
  counter retries;
  counter bytes;  // bodies of requests sent, as they went over the wire
  counter partial_success;
  counter held;  // gauge: batches that wait for room (block_on_overflow)
};

struct conversion_metrics {
  counter inflates;  // bodies inflated, to look at or to keep
  counter inflated_bytes;
  counter deflates;  // bodies compressed
  counter deflated_bytes;
  counter reused;  // conversions that were there already
};

class metrics {
 public:
  metrics() = default;
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  // The counters of that name: made when first asked for. Stable addresses.
  receiver_metrics& receiver(std::string_view id, std::string_view transport);
  processor_metrics& processor(std::string_view id);
  exporter_metrics& exporter(std::string_view id);

  const std::deque<zc::padded<receiver_metrics>>& receivers() const noexcept { return receivers_; }
  const std::deque<zc::padded<processor_metrics>>& processors() const noexcept {
    return processors_;
  }
  const std::deque<zc::padded<exporter_metrics>>& exporters() const noexcept { return exporters_; }

  zc::padded<conversion_metrics> conversions;

 private:
  std::deque<zc::padded<receiver_metrics>> receivers_;
  std::deque<zc::padded<processor_metrics>> processors_;
  std::deque<zc::padded<exporter_metrics>> exporters_;
};

}  // namespace sluice
