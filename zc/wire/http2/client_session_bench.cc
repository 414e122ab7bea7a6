// What the client's end of HTTP/2 costs per unary call: our framing (client_session) beside
// nghttp2's client (nghttp2_client_for_tests.h). The server works while the clock stands, so that
// nothing but the client is in the figure.
//
//     zc_wire_http2_client_session_bench
//
// Each round sends so many requests, gathers the frames (as a send would look at them, without
// copying), and feeds the answers.

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/wire/http2/client_session.h"
#include "zc/wire/http2/nghttp2_client_for_tests.h"
#include "zc/wire/http2/session.h"

namespace {

using namespace zc;

constexpr std::string_view path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
constexpr std::array<http2::field, 6> common{{{":method", "POST", true},
                                              {":scheme", "http", true},
                                              {":authority", "127.0.0.1:4317", true},
                                              {"content-type", "application/grpc", true},
                                              {"te", "trailers", true},
                                              {"user-agent", "zc", true}}};
constexpr std::array<http2::field, 2> ok_head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
constexpr std::array<http2::field, 1> ok_trailers{{{"grpc-status", "0", true}}};

struct answer final : http2::stream {
  explicit answer(http2::session*& s) : home(s) {}
  void on_field(http2::token, std::string_view, std::string_view) override {}
  void on_head(http2::head_end) override {}
  void on_data(bytes) override {}
  void on_end() override {
    http2::content rest;
    rest.prefix_size = 5;
    rest.trailers = ok_trailers;
    home->respond(*this, ok_head, std::move(rest));
  }
  void on_closed(http2::error_code) override { delete this; }
  http2::session*& home;
};

// Answers whatever it is fed. Its work is done outside of the timing.
struct server final : http2::session_events {
  server() : session({}, *this), self(&session) {}
  http2::stream* on_request() override { return new answer(self); }
  http2::session session;
  http2::session* self;
};

struct ours {
  struct call final : http2::client_stream {
    void write_head(http2::head_encoder& to) override {
      to.put({":path", path, true});
      to.put_common();
      to.put({"grpc-timeout", "5S"});
    }
    void on_field(http2::token, std::string_view, std::string_view) override {}
    void on_head(http2::head_end) override {}
    void on_data(bytes) override {}
    void on_end() override {}
    void on_closed(http2::error_code) override {}
  };
  struct events final : http2::session_events {};
  ours() : session({}, none, common) {}
  void ask(call& c, http2::content&& rest) {
    if (!session.request(c, std::move(rest))) std::abort();
  }
  events none;
  http2::client_session session;
};

struct of_nghttp2 {
  using call = http2::for_tests::nghttp2_call;
  void ask(call& c, http2::content&& rest) {
    std::array<http2::field, common.size() + 2> head;
    head[0] = {":path", path, true};
    std::copy(common.begin(), common.end(), head.begin() + 1);
    head.back() = {"grpc-timeout", "5S"};
    session.request(c, head, std::move(rest));
  }
  http2::for_tests::nghttp2_client session;
};

bytes joined(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return bytes::from_string(std::move(all));
}

template <class Client>
void unary_calls(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto together = static_cast<std::size_t>(state.range(1));
  server s;
  Client c;
  std::vector<typename Client::call> calls(together);
  const bytes body = bytes::from_string(std::string(size, 'x'));
  bytes_chain up, down;
  std::vector<io_slice> slices(1'024);
  std::size_t done = 0;
  for (auto _ : state) {
    for (auto& call : calls) {
      http2::content rest;
      rest.prefix_size = 5;
      rest.body = body;
      c.ask(call, std::move(rest));
    }
    do {
      up.clear();
      c.session.collect(up);
      benchmark::DoNotOptimize(up.gather(0, slices));
      state.PauseTiming();
      down.clear();
      if (!up.empty() && !s.session.feed(joined(up), std::chrono::seconds(1))) std::abort();
      s.session.collect(down);
      const bytes answers = joined(down);
      state.ResumeTiming();
      if (!answers.empty() && !c.session.feed(answers, std::chrono::seconds(1))) std::abort();
    } while (c.session.streams() > 0);
    done += together;
  }
  state.counters["per_request"] = benchmark::Counter(
      static_cast<double>(done), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(unary_calls<ours>)->Args({3'600, 64})->Args({3'600, 512})->Args({360'000, 16});
BENCHMARK(unary_calls<of_nghttp2>)->Args({3'600, 64})->Args({3'600, 512})->Args({360'000, 16});

}  // namespace

BENCHMARK_MAIN();
