// What must hold of a status page: its rows are the counters of all shards, added up; what does not
// fit is counted; texts of strangers do nothing to a terminal.

#include "gate/app/status_page.h"

#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zc/io/system.h"

namespace sluice {
namespace {

using otlp::signal;

std::string text_of(std::span<const char> name) {
  return {name.begin(), std::ranges::find(name, '\0')};
}

std::string shown(std::string_view text) {
  return shown_name(std::span(text));
}

std::unique_ptr<status_page> page_of(std::initializer_list<const metrics*> shards) {
  auto page = std::make_unique<status_page>();
  put_nodes(*page, std::span(shards.begin(), shards.size()));
  return page;
}

TEST(StatusPageTest, RowsAreTheSumsOverAllShards) {
  metrics one;
  metrics two;
  for (metrics* m : {&one, &two}) {
    const bool first = m == &one;
    receiver_metrics& grpc = m->receiver("otlp", "grpc");
    m->receiver("otlp", "http");
    grpc.of[signal::logs].accepted.add(first ? 10 : 5);
    grpc.of[signal::logs].refused.add(1);
    grpc.of[signal::logs].failed.add(2);
    grpc.of[signal::logs].requests.add(3);
    grpc.of[signal::logs].opaque.add(4);
    grpc.of[signal::logs].bytes.add(first ? 1000 : 500);
    exporter_metrics& e = m->exporter("otlp_grpc/a");
    e.of[signal::metrics].sent.add(first ? 7 : 8);
    e.of[signal::metrics].send_failed.add(1);
    e.of[signal::metrics].enqueue_failed.add(2);
    e.of[signal::metrics].rejected.add(3);
    e.queue_size.set(first ? 20 : 21);
    e.queue_capacity.set(1000);
    e.queue_bytes.set(5);
    e.in_flight.set(6);
    e.held.set(7);
    e.requests.add(8);
    e.retries.add(9);
    e.bytes.add(10);
  }
  const auto page = page_of({&one, &two});
  ASSERT_EQ(page->head.receivers, 6U) << "two transports, three signals: profiles say nothing";
  const status_receiver& logs = page->receivers[2];
  EXPECT_EQ(text_of(logs.name), "otlp");
  EXPECT_EQ(text_of(logs.transport), "grpc");
  EXPECT_EQ(shown_signal(logs.signal), "logs");
  EXPECT_EQ(logs.accepted, 15U);
  EXPECT_EQ(logs.refused, 2U);
  EXPECT_EQ(logs.failed, 4U);
  EXPECT_EQ(logs.requests, 6U);
  EXPECT_EQ(logs.opaque, 8U);
  EXPECT_EQ(logs.bytes, 1500U);
  EXPECT_EQ(text_of(page->receivers[5].transport), "http");
  EXPECT_EQ(page->receivers[5].accepted, 0U);

  ASSERT_EQ(page->head.exporters, 3U);
  const status_exporter& points = page->exporters[1];
  EXPECT_EQ(text_of(points.name), "otlp_grpc/a");
  EXPECT_EQ(shown_signal(points.signal), "metrics");
  EXPECT_EQ(points.sent, 15U);
  EXPECT_EQ(points.send_failed, 2U);
  EXPECT_EQ(points.enqueue_failed, 4U);
  EXPECT_EQ(points.rejected, 6U);

  ASSERT_EQ(page->head.queues, 1U);
  const status_queue& queue = page->queues[0];
  EXPECT_EQ(queue.size, 41U);
  EXPECT_EQ(queue.capacity, 1000U) << "the same figure on each shard";
  EXPECT_EQ(queue.bytes, 10U);
  EXPECT_EQ(queue.in_flight, 12U);
  EXPECT_EQ(queue.held, 14U);
  EXPECT_EQ(queue.requests, 16U);
  EXPECT_EQ(queue.retries, 18U);
  EXPECT_EQ(queue.sent_bytes, 20U);
  EXPECT_EQ(page->head.left_out, 0U);
}

TEST(StatusPageTest, ProfilesHaveARowOnceThereAreSomeOnAnyShard) {
  metrics one;
  metrics two;
  one.receiver("otlp", "grpc");
  one.receiver("other", "grpc");
  two.receiver("otlp", "grpc").of[signal::profiles].accepted.add(3);
  two.receiver("other", "grpc").of[signal::traces].accepted.add(4);
  const auto page = page_of({&one, &two});
  ASSERT_EQ(page->head.receivers, 7U);
  EXPECT_EQ(shown_signal(page->receivers[6].signal), "profiles");
  EXPECT_EQ(page->receivers[6].accepted, 3U);
  EXPECT_EQ(text_of(page->receivers[3].name), "other");
  EXPECT_EQ(page->receivers[3].accepted, 4U);
}

TEST(StatusPageTest, APageThatIsFullHasWhatFitsAndCountsTheRest) {
  metrics one;
  metrics two;
  for (metrics* m : {&one, &two}) {
    for (int i = 0; i < 100; ++i) {
      m->receiver("otlp/" + std::to_string(i), "grpc").of[signal::traces].accepted.add(1);
      m->exporter("nop/" + std::to_string(i)).of[signal::traces].sent.add(1);
    }
  }
  const auto page = page_of({&one, &two});
  EXPECT_EQ(page->head.receivers, page->receivers.size());
  EXPECT_EQ(page->head.exporters, page->exporters.size());
  EXPECT_EQ(page->head.queues, page->queues.size());
  EXPECT_EQ(page->head.left_out, 300 - 96 + 300 - 192 + 100 - 64) << "not once per shard";
  EXPECT_EQ(text_of(page->receivers[93].name), "otlp/31");
  EXPECT_EQ(page->receivers[93].accepted, 2U);
  EXPECT_EQ(page->exporters[0].sent, 2U);
}

TEST(StatusPageTest, NamesAreCutBetweenCharactersAndPaddedWithZeros) {
  status_name name;
  name.fill('x');
  put_name(name, "short");
  EXPECT_EQ(text_of(name), "short");
  EXPECT_TRUE(std::ranges::all_of(std::span(name).subspan(5), [](char c) { return c == 0; }));
  const std::string exact(64, 'a');
  put_name(name, exact);
  EXPECT_EQ(text_of(name), exact) << "no zero is needed";
  put_name(name, std::string(63, 'a') + "\xc3\xb6");
  EXPECT_EQ(text_of(name), std::string(63, 'a'));
  put_name(name, std::string(62, 'a') + "\xc3\xb6z");
  EXPECT_EQ(text_of(name), std::string(62, 'a') + "\xc3\xb6");
  put_name(name, "");
  EXPECT_EQ(text_of(name), "");
}

TEST(StatusPageTest, WhatAPageClaimsIsBounded) {
  const std::array<int, 4> rows{};
  EXPECT_EQ(rows_of(rows, 0).size(), 0U);
  EXPECT_EQ(rows_of(rows, 4).size(), 4U);
  EXPECT_EQ(rows_of(rows, 5).size(), 4U);
  EXPECT_EQ(rows_of(rows, UINT64_MAX).size(), 4U);
  EXPECT_EQ(shown_signal(3), "profiles");
  EXPECT_EQ(shown_signal(4), "4");
  EXPECT_EQ(shown_signal(UINT64_MAX), "18446744073709551615");
}

TEST(StatusPageTest, NamesDoNothingToATerminal) {
  EXPECT_EQ(shown("otlp_grpc/backend"), "otlp_grpc/backend");
  EXPECT_EQ(shown("gr\xc3\xb6\xc3\x9f"
                  "e"),
            "gr\xc3\xb6\xc3\x9f"
            "e");
  EXPECT_EQ(shown("\x1b[2Jgone"), "\\x1b[2Jgone");
  EXPECT_EQ(shown("a\r\nb\tc\x7f"), "a\\x0d\\x0ab\\x09c\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\xc2\\x9b31m")
      << "U+009B begins a sequence too";
  EXPECT_EQ(shown("\xc2\xa0"), "\xc2\xa0");
  EXPECT_EQ(shown("\x9b"
                  "31m"),
            "\\x9b31m")
      << "no UTF-8";
  EXPECT_EQ(shown("\xc3\xb6\xff"), "\\xc3\\xb6\\xff");
  EXPECT_EQ(shown("\xc2"), "\\xc2");
  EXPECT_EQ(shown(std::string_view("\0hidden", 7)), "");
}

TEST(StatusPageTest, TheHeadSaysWhatTheProcessIs) {
  status_head head{};
  put_process(head);
  EXPECT_EQ(head.process, static_cast<std::uint64_t>(zc::io::process_id()));
  EXPECT_FALSE(text_of(head.version).empty());
  EXPECT_GT(head.memory_resident, 0U);
  server_counters one;
  server_counters two;
  one.accepted.add(1);
  two.accepted.add(2);
  one.refused_memory.add(5);
  two.bytes_received.add(7);
  const std::array<const server_counters*, 2> both{&one, &two};
  put_servers(head, both);
  EXPECT_EQ(head.connections_accepted, 3U);
  EXPECT_EQ(head.refused_memory, 5U);
  EXPECT_EQ(head.socket_received, 7U);
}

}  // namespace
}  // namespace sluice
