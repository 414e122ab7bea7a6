// What the HTTP/2 layer costs per unary call: client_session and session in one thread, joined in
// memory.
//
//     zc_wire_http2_session_bench
//
// The hand-over between them gathers the frames into one buffer, as a kernel would: that memcpy is
// in the figure (and is most of it at 360 KB), so "copy_us" shows it alone.

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/mem/builder.h"
#include "zc/wire/http2/client_session.h"
#include "zc/wire/http2/session.h"

namespace {

using namespace zc;

constexpr std::array<http2::field, 7> request_head{
    {{":method", "POST", true},
     {":scheme", "http", true},
     {":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", true},
     {":authority", "127.0.0.1:4317", true},
     {"content-type", "application/grpc", true},
     {"te", "trailers", true},
     {"user-agent", "zc", true}}};
constexpr std::array<http2::field, 2> ok_head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
constexpr std::array<http2::field, 1> ok_trailers{{{"grpc-status", "0", true}}};

struct pair;

struct served final : http2::stream {
  explicit served(pair& p) : home(p) {}
  void on_field(http2::token, std::string_view, std::string_view) override {}
  void on_head(http2::head_end) override {}
  void on_data(bytes piece) override { body.append(std::move(piece)); }
  void on_end() override;
  void on_closed(http2::error_code) override { delete this; }
  pair& home;
  bytes_chain body;
};

struct asked final : http2::client_stream {
  explicit asked(pair& p) : home(p) {}
  void write_head(http2::head_encoder& to) override { to.put_common(); }
  void on_field(http2::token, std::string_view, std::string_view) override {}
  void on_head(http2::head_end) override {}
  void on_data(bytes) override {}
  void on_end() override;
  void on_closed(http2::error_code) override { delete this; }
  pair& home;
};

struct server_side final : http2::session_events {
  explicit server_side(pair& p) : home(p), session({}, *this) {}
  http2::stream* on_request() override { return new served(home); }
  pair& home;
  http2::session session;
};

struct client_side final : http2::session_events {
  client_side() : session({}, *this, request_head) {}
  http2::client_session session;
};

struct pair {
  server_side server{*this};
  client_side client;
  std::size_t answers = 0;
  bytes_chain out;
  bytes_builder wire = bytes_builder::with_capacity(2'000'000);

  void hand_over(auto& from, auto& to) {
    for (;;) {
      from.collect(out, 512 * 1024);
      if (out.empty()) return;
      if (wire.spare().size() < out.size() && !wire.try_rewind()) {
        wire = bytes_builder::with_capacity(2'000'000);
      }
      for (const bytes& piece : out) {
        std::memcpy(wire.spare().data(), piece.data(), piece.size());
        wire.commit(piece.size());
      }
      out.clear();
      const bytes arrived = wire.take();
      if (!to.feed(arrived, std::chrono::nanoseconds(1))) std::abort();
    }
  }
};

void served::on_end() {
  http2::content rest;
  rest.prefix_size = 5;
  rest.trailers = ok_trailers;
  home.server.session.respond(*this, ok_head, std::move(rest));
}

void asked::on_end() {
  home.answers += 1;
}

void unary_call(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto together = static_cast<std::size_t>(state.range(1));
  pair p;
  const bytes body = bytes::from_string(std::string(size, 'x'));
  std::size_t calls = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < together; ++i) {
      http2::content rest;
      rest.prefix_size = 5;
      rest.body = body;
      auto* const s = new asked(p);
      if (!p.client.session.request(*s, std::move(rest))) std::abort();
    }
    calls += together;
    while (p.answers < calls) {
      p.hand_over(p.client.session, p.server.session);
      p.hand_over(p.server.session, p.client.session);
    }
  }
  state.counters["per_request"] = benchmark::Counter(
      static_cast<double>(calls), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(calls * size));
}
BENCHMARK(unary_call)->Args({3'600, 1})->Args({3'600, 64})->Args({360'000, 1})->Args({360'000, 16});

void the_copy_alone(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::string from(size, 'x');
  std::string to(2'000'000, '\0');
  std::size_t at = 0;
  for (auto _ : state) {
    if (to.size() - at < size) at = 0;
    std::memcpy(to.data() + at, from.data(), size);
    at += size;
    benchmark::ClobberMemory();
  }
  state.counters["per_copy"] =
      benchmark::Counter(static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(the_copy_alone)->Arg(3'600)->Arg(360'000);

}  // namespace

BENCHMARK_MAIN();
