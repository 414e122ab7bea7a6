// gate/app/status_page.h - the state of a running gateway as one value of a fixed layout, which
// `sluice top` reads from memory that the gateway shares (gate/app/status_writer.h).
//
// The figures are those of /metrics, over all shards: per receiver, transport and signal; per
// exporter and signal; per exporter's queue. What is declared here is the format: a program with
// another layout refuses the page (zc/wire/view/plain_message.h).
//
// Ownership  A value without pointers.
// Threads    put_...() read counters that other threads go on writing, by relaxed loads.
// Cost       42 KB; put_nodes() touches each row once per shard, and allocates nothing.
// Bounds     The rows below. What does not fit is counted in `left_out`, and is in the sums.
// Trust      A page that was read came from another process: counts of rows and texts are looked at
//            through rows_of() and shown_name() only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gate/app/shard_graph.h"
#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/metrics.h"
#include "zc/wire/view/plain_message.h"

namespace sluice {

// Of the shared memory, as /proc shows it.
inline constexpr const char* status_memory_name = "sluice-status";

// Padded with zeros. What is longer is cut, between characters; those that are alike then share a
// row.
using status_name = std::array<char, 64>;

enum class gateway_state : std::uint64_t { running, draining, stopped };

struct status_head {
  std::array<char, 32> version;
  std::uint64_t process;     // as the gateway itself sees it
  std::uint64_t started_at;  // nanoseconds since 1970
  std::uint64_t written_at;  // nanoseconds of the machine's steady clock
  gateway_state state;
  std::uint64_t shards;
  std::uint64_t cpu_ns;
  std::uint64_t memory_payload;  // bytes, as the next ones
  std::uint64_t memory_peak;
  std::uint64_t memory_limit;
  std::uint64_t memory_resident;
  std::uint64_t connections_accepted;
  std::uint64_t connections_open;
  std::uint64_t requests;
  std::uint64_t refused_memory;  // requests
  std::uint64_t refused_early;   // requests
  std::uint64_t protocol_errors;
  std::uint64_t timed_out;  // connections
  std::uint64_t socket_received;
  std::uint64_t socket_sent;
  std::uint64_t payload_received;
  std::uint64_t payload_forwarded;
  std::uint64_t payload_copied;
  std::array<std::uint64_t, otlp::signals> items;  // accepted, by signal
  std::uint64_t items_refused;
  std::uint64_t items_failed;  // given up, or refused by backends for good
  std::uint64_t queued;        // in units of each queue's sizer
  std::uint64_t receivers;     // rows in use
  std::uint64_t exporters;
  std::uint64_t queues;
  std::uint64_t left_out;  // rows that the page has no room for
};
ZC_PLAIN_LAYOUT(status_head, 1, version, process, started_at, written_at, state, shards, cpu_ns,
                memory_payload, memory_peak, memory_limit, memory_resident, connections_accepted,
                connections_open, requests, refused_memory, refused_early, protocol_errors,
                timed_out, socket_received, socket_sent, payload_received, payload_forwarded,
                payload_copied, items, items_refused, items_failed, queued, receivers, exporters,
                queues, left_out);

// What came in by one receiver over one transport.
struct status_receiver {
  status_name name;
  std::array<char, 8> transport;
  std::uint64_t signal;
  std::uint64_t accepted;  // items, as the next ones
  std::uint64_t refused;
  std::uint64_t failed;
  std::uint64_t requests;
  std::uint64_t opaque;  // requests whose items were not counted
  std::uint64_t bytes;   // of bodies as received
};
ZC_PLAIN_LAYOUT(status_receiver, 1, name, transport, signal, accepted, refused, failed, requests,
                opaque, bytes);

// What went out by one exporter, in items.
struct status_exporter {
  status_name name;
  std::uint64_t signal;
  std::uint64_t sent;
  std::uint64_t send_failed;
  std::uint64_t enqueue_failed;
  std::uint64_t rejected;
};
ZC_PLAIN_LAYOUT(status_exporter, 1, name, signal, sent, send_failed, enqueue_failed, rejected);

// One exporter's queue and requests. capacity 0: it has no queue.
struct status_queue {
  status_name name;
  std::uint64_t size;  // in units of its sizer
  std::uint64_t capacity;
  std::uint64_t bytes;
  std::uint64_t in_flight;
  std::uint64_t held;
  std::uint64_t requests;
  std::uint64_t retries;
  std::uint64_t sent_bytes;
};
ZC_PLAIN_LAYOUT(status_queue, 1, name, size, capacity, bytes, in_flight, held, requests, retries,
                sent_bytes);

struct status_page {
  status_head head;
  std::array<status_receiver, 96> receivers;
  std::array<status_exporter, 192> exporters;
  std::array<status_queue, 64> queues;
};
ZC_PLAIN_LAYOUT(status_page, 1, head, receivers, exporters, queues);

// Fill their part of a page of zeros from all shards.
void put_nodes(status_page& to, std::span<const metrics* const> shards);
void put_servers(status_head& to, std::span<const server_counters* const> shards);
void put_process(status_head& to);  // version, process, CPU, resident memory, copy ledger
void put_name(std::span<char> to, std::string_view text) noexcept;

// The rows in use, however many a page claims.
template <class Row, std::size_t N>
std::span<const Row> rows_of(const std::array<Row, N>& rows, std::uint64_t used) noexcept {
  return std::span(rows).first(static_cast<std::size_t>(std::min<std::uint64_t>(used, N)));
}

// A name for a terminal or a report: UTF-8 without control characters; what is neither is escaped
// byte by byte, as \x1b.
std::string shown_name(std::span<const char> name);
// "traces"; of a number that is no signal, the number.
std::string shown_signal(std::uint64_t signal);

}  // namespace sluice
