#include "gate/app/self_check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <future>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "gate/otlp/walk.h"
#include "gate/rig/generate.h"
#include "zc/io/epoll_poller.h"
#include "zc/net/client.h"
#include "zc/net/server.h"

namespace sluice {
namespace {

constexpr std::size_t items_per_batch = 20;
constexpr std::chrono::seconds patience(10);

zc::endpoint any_local_port() {
  return {"127.0.0.1", 0, ""};
}

// Takes everything; what it took is read by the main thread.
class check_sink final : public zc::net::service {
 public:
  struct seen {
    std::uint64_t requests = 0;
    std::uint64_t items = 0;
    std::uint64_t different = 0;  // bodies that are not what was sent
  };
  using by_kind = std::array<seen, otlp::signals>;

  void expect(otlp::signal kind, zc::bytes body) {
    const std::scoped_lock lock(guard_);
    sent_[static_cast<std::size_t>(kind)].push_back(std::move(body));
  }
  by_kind read() const {
    const std::scoped_lock lock(guard_);
    return seen_;
  }

  std::optional<zc::grpc::status> admit(zc::net::request_head& head) override {
    if (otlp::signal_of_grpc_path(head.path)) return {};
    return zc::grpc::status{zc::grpc::code::unimplemented, 404, "no such method", {}, false};
  }

  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override {
    const otlp::signal kind = *otlp::signal_of_grpc_path(request->head().path);
    {
      const std::scoped_lock lock(guard_);
      seen& of = seen_[static_cast<std::size_t>(kind)];
      of.requests += 1;
      of.items += otlp::count_items(kind, body).value_or(0);
      const auto& sent = sent_[static_cast<std::size_t>(kind)];
      const bool same = std::any_of(sent.begin(), sent.end(),
                                    [&](const zc::bytes& b) { return zc::bytes_chain(b) == body; });
      if (!same) of.different += 1;
    }
    request->answer({});
  }

 private:
  mutable std::mutex guard_;
  by_kind seen_{};
  std::array<std::vector<zc::bytes>, otlp::signals> sent_;
};

// The far side: sink and clients, on a shard of their own.
class far_side {
 public:
  far_side()
      : quota_(64_MiB),
        group_({1, false, "check", {}}, &zc::io::make_epoll_poller, quota_, clock_) {}
  ~far_side() {
    if (!up_) return;
    group_.stop();
    group_.join();
  }

  bool start() {
    const auto begun = group_.start(
        [this](zc::shard& on) -> zc::result<void> {
          zc::net::server_options how;
          how.at = any_local_port();
          auto opened = zc::net::server::listen(on, how, sink_);
          if (!opened) return std::unexpected(opened.error());
          server_ = std::move(*opened);
          at_ = server_->local();
          return {};
        },
        [this](zc::shard&) {
          client_.reset();
          server_.reset();
        });
    up_ = begun.has_value();
    return up_;
  }

  const zc::endpoint& at() const noexcept { return at_; }
  check_sink& sink() noexcept { return sink_; }

  // Sends one request and waits for the outcome.
  zc::net::outcome send(const zc::endpoint& to, bool grpc, std::string path, zc::bytes body) {
    std::promise<zc::net::outcome> answered;
    auto waiting = answered.get_future();
    group_.post(0, [&, body = std::move(body)]() mutable {
      zc::net::client_options how;
      how.to = to;
      how.user_agent = "sluice-check";
      client_ = grpc ? zc::net::client::grpc(group_.at(0), how)
                     : zc::net::client::http1(group_.at(0), how);
      zc::net::client_request request;
      request.path = path;
      request.content_type = "application/x-protobuf";
      request.body = std::move(body);
      request.timeout = patience;
      client_->send(std::move(request),
                    [&](zc::net::outcome&& o) { answered.set_value(std::move(o)); });
    });
    return waiting.get();
  }

 private:
  zc::quota quota_;
  zc::steady_clock clock_;
  check_sink sink_;
  zc::shard_group group_;
  std::unique_ptr<zc::net::server> server_;
  std::unique_ptr<zc::net::client> client_;
  zc::endpoint at_;
  bool up_ = false;
};

bool good(const zc::net::outcome& o, bool grpc) {
  if (o.what != zc::net::outcome::kind::answered) return false;
  return grpc ? o.grpc == zc::grpc::code::ok : o.http_status == 200;
}

std::string words(const zc::net::outcome& o, bool grpc) {
  if (o.what != zc::net::outcome::kind::answered) return "no answer: " + o.message;
  return grpc ? fmt::format("{}: {}", zc::grpc::name_of(o.grpc), o.message)
              : fmt::format("HTTP {}: {}", o.http_status, o.message);
}

void redirect(gateway_settings& settings, const zc::endpoint& sink) {
  for (otlp_receiver_settings& r : settings.receivers) {
    for (otlp_listener_settings& l : r.listeners) l.at = any_local_port();
  }
  for (exporter_settings& e : settings.exporters) {
    e.kind = exporter_kind::otlp_grpc;
    e.otlp = {};
    e.otlp.to = sink;
    e.otlp.compression = zc::coding::identity;
    e.queue.enabled = true;
  }
  settings.health_check.reset();
  settings.metrics_at.reset();
}

// How many copies of a batch from `receiver` reach the sink.
std::size_t deliveries(const gateway_settings& settings, const std::string& receiver,
                       otlp::signal kind) {
  std::size_t n = 0;
  for (const pipeline_settings& p : settings.pipelines) {
    if (p.signal != kind) continue;
    if (std::find(p.receivers.begin(), p.receivers.end(), receiver) != p.receivers.end())
      n += p.exporters.size();
  }
  return n;
}

}  // namespace

int self_check(gateway_settings settings, gateway_options options, log& out) {
  far_side far;
  if (!far.start()) {
    std::puts("FAIL  the local sink cannot listen on 127.0.0.1");
    return 1;
  }
  redirect(settings, far.at());
  const bool processed =
      std::any_of(settings.pipelines.begin(), settings.pipelines.end(),
                  [](const pipeline_settings& p) { return !p.processors.empty(); });
  options.shards = 1;  // free ports are not shared
  gateway under_test(std::move(settings), std::move(options), out);
  if (auto up = under_test.start(); !up) {
    fmt::print("FAIL  {}\n", up.error());
    return 1;
  }

  bool all_good = true;
  check_sink::by_kind want{};
  const gateway_settings& running = under_test.settings();
  for (std::size_t r = 0; r < running.receivers.size(); ++r) {
    const otlp_receiver_settings& receiver = running.receivers[r];
    for (std::size_t l = 0; l < receiver.listeners.size(); ++l) {
      const bool grpc = receiver.listeners[l].grpc;
      for (const otlp::signal kind :
           {otlp::signal::traces, otlp::signal::metrics, otlp::signal::logs}) {
        const std::size_t copies = deliveries(running, receiver.id, kind);
        if (copies == 0) continue;
        rig::generator_options what;
        what.signal = kind;
        what.items = items_per_batch;
        what.variety = 1;
        what.seed = r * 100 + l * 10 + static_cast<std::size_t>(kind) + 1;
        const auto made = rig::generator::make(what);
        if (!made) {
          fmt::print("FAIL  {}: {}\n", otlp::name_of(kind), made.error().reason);
          all_good = false;
          continue;
        }
        const zc::bytes body = made->at(0).as_drawn();
        const std::uint64_t items = otlp::count_items(kind, body).value_or(0);
        far.sink().expect(kind, body);
        auto& of = want[static_cast<std::size_t>(kind)];
        of.requests += copies;
        of.items += copies * items;
        const auto& custom = receiver.listeners[l].url_paths;
        const auto path = custom.find(kind);
        const std::string to = grpc                   ? std::string(otlp::grpc_path(kind))
                               : path != custom.end() ? path->second
                                                      : std::string(otlp::http_path(kind));
        const auto start = std::chrono::steady_clock::now();
        const zc::net::outcome answer = far.send(under_test.listening_at(r, l), grpc, to, body);
        const double ms =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                .count();
        const bool ok = good(answer, grpc);
        all_good &= ok;
        fmt::print("{}  {:<8} over {:<4} into {}: {} {}, {} bytes, {}\n", ok ? "ok  " : "FAIL",
                   otlp::name_of(kind), grpc ? "gRPC" : "HTTP", receiver.id, items,
                   otlp::items_of(kind), body.size(),
                   ok ? fmt::format("acknowledged in {:.1f} ms", ms) : words(answer, grpc));
      }
    }
  }

  const auto arrived = [&] {
    const check_sink::by_kind seen = far.sink().read();
    return std::equal(seen.begin(), seen.end(), want.begin(),
                      [](const auto& a, const auto& b) { return a.items >= b.items; });
  };
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!arrived() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const check_sink::by_kind seen = far.sink().read();
  for (const otlp::signal kind : otlp::all_signals) {
    const auto& got = seen[static_cast<std::size_t>(kind)];
    const auto& expected = want[static_cast<std::size_t>(kind)];
    if (expected.items == 0) continue;
    const bool ok = got.items == expected.items && (processed || got.different == 0);
    all_good &= ok;
    fmt::print("{}  {:<8} delivered: {} of {} {} over all exporters{}\n", ok ? "ok  " : "FAIL",
               otlp::name_of(kind), got.items, expected.items, otlp::items_of(kind),
               processed            ? ""
               : got.different == 0 ? ", byte for byte"
                                    : ", but not the bytes that were sent");
  }
  under_test.stop();
  for (const undelivered& u : under_test.wait()) {
    fmt::print("FAIL  {}: {} requests, {} items not delivered\n", u.component, u.requests, u.items);
    all_good = false;
  }
  std::puts(all_good ? "check passed" : "check FAILED");
  return all_good ? 0 : 1;
}

}  // namespace sluice
