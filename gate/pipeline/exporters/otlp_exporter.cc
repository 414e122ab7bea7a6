#include "gate/pipeline/exporters/otlp_exporter.h"

#include <algorithm>
#include <utility>

#include "gate/otlp/response.h"
#include "gate/otlp/walk.h"
#include "zc/base/check.h"
#include "zc/wire/view/field_view.h"

namespace sluice {
namespace {

using zc::grpc::code;
using zc::net::outcome;

constexpr std::string_view protobuf = "application/x-protobuf";
constexpr std::size_t error_body_max = 64_KiB;  // of a refusal, looked at for its message

std::string message_of(const outcome& o) {
  const std::size_t looked_at = std::min(o.body.size(), error_body_max);
  const zc::bytes body = o.body.slice(0, looked_at).flatten_copy();
  std::string text = "HTTP " + std::to_string(o.http_status);
  const std::string said = zc::grpc::message_in_status(body.text());
  if (!o.message.empty()) text += " " + o.message;
  if (!said.empty()) text += ": " + said;
  return text;
}

std::string with_held_back(std::string text, const log_gate& gate) {
  if (gate.held_back() > 0) text += " (" + std::to_string(gate.held_back()) + " more like this)";
  return text;
}

// What became of a request that got no answer; nothing when it got one.
std::optional<verdict> unanswered(const outcome& o) {
  const auto again = [&](std::string_view what, code c) {
    verdict v = verdict::retry(what, o.retry_after);
    v.grpc = c;
    if (!o.message.empty()) v.message += ": " + o.message;
    return v;
  };
  switch (o.what) {
    case outcome::kind::answered:
      return std::nullopt;
    case outcome::kind::unreachable:
      return again("the backend cannot be reached", code::unavailable);
    case outcome::kind::disconnected:
      return again("the connection broke before the answer", code::unavailable);
    case outcome::kind::refused_stream:
      return again("the backend refused the stream", code::unavailable);
    case outcome::kind::timed_out:
      return again("the backend did not answer in time", code::deadline_exceeded);
    case outcome::kind::cancelled:
      return again("shutting down", code::unavailable);
    case outcome::kind::protocol_error:
      return again("the backend does not speak the protocol", code::unavailable);
    case outcome::kind::too_large:
      return verdict::refuse(code::internal, 500, "the answer of the backend is too large");
  }
  return verdict::refuse(code::internal, 500, "unknown outcome");
}

verdict too_large_for(std::size_t request_bytes_max) {
  return verdict::refuse(
      code::resource_exhausted, 413,
      "a record is larger than a request may be (" + std::to_string(request_bytes_max) + " bytes)");
}

}  // namespace

zc::net::client_options otlp_exporter::options_of(const exporter_settings& how, std::size_t slots) {
  zc::net::client_options o;
  o.to = how.otlp.to;
  o.authority = how.otlp.authority;
  o.user_agent = how.otlp.user_agent.empty() ? "sluice" : how.otlp.user_agent;
  o.fields = how.otlp.headers;
  // Requests come back every few seconds while the backend is away: one that has returned should be
  // noticed by the next of them.
  o.backoff_max = std::chrono::seconds(5);
  if (how.kind == exporter_kind::otlp_grpc) {
    o.connections_max = 1;
    o.requests_max = slots;
  } else {
    o.connections_max = slots;
  }
  return o;
}

std::unique_ptr<otlp_exporter> otlp_exporter::connect(shard_context& in,
                                                      const exporter_settings& how,
                                                      std::size_t slots) {
  auto made = std::make_unique<otlp_exporter>(in, how, make_client(in, how, slots));
  made->slots_ = slots;
  return made;
}

std::unique_ptr<zc::net::client> otlp_exporter::make_client(shard_context& in,
                                                            const exporter_settings& how,
                                                            std::size_t slots) {
  auto options = options_of(how, slots);
  return how.kind == exporter_kind::otlp_grpc ? zc::net::client::grpc(in.on, std::move(options))
                                              : zc::net::client::http1(in.on, std::move(options));
}

void otlp_exporter::configure(const exporter_settings& how) {
  how_.timeout = how.otlp.timeout;
  if (how_.headers == how.otlp.headers) return;
  how_.headers = how.otlp.headers;
  exporter_settings with_headers;
  with_headers.id = id_;
  with_headers.kind = how.kind;
  with_headers.otlp = how_;
  retired_.clients.push_back(std::exchange(client_, make_client(in_, with_headers, slots_)));
  in_.on.at_turn_end(retired_);
}

void otlp_exporter::end_idle_clients() {
  std::erase_if(retired_.clients, [](const auto& c) { return c->pending() == 0; });
}

otlp_exporter::otlp_exporter(shard_context& in, const exporter_settings& how,
                             std::unique_ptr<zc::net::client> over)
    : in_(in),
      id_(how.id),
      grpc_(how.kind == exporter_kind::otlp_grpc),
      how_(how.otlp),
      slots_(over->capacity()),
      counts_(in.counts.exporter(id_)),
      attempts_(
          {.objects_max = std::max<std::size_t>(over->capacity(), 1)}, [] { return attempt(); },
          [](attempt& a) { a = {}; }),
      retired_(*this),
      client_(std::move(over)) {
  ZC_CHECK(how.kind == exporter_kind::otlp_grpc || how.kind == exporter_kind::otlp_http);
  for (const otlp::signal s : otlp::all_signals) {
    const auto own = how_.paths.find(s);
    if (grpc_) {
      paths_[s] = otlp::grpc_path(s);
    } else if (own != how_.paths.end()) {
      paths_[s] = own->second.empty() ? "/" : own->second;
    } else {
      paths_[s] = how_.base_path + std::string(otlp::http_path(s));
    }
  }
}

otlp_exporter::~otlp_exporter() {
  client_.reset();  // requests under way end now, into on_outcome()
}

void otlp_exporter::send(delivery& d, done then) {
  if (!d.cut) {
    if (auto later = cut(d)) return then(std::move(*later));
  }
  send_next(d, std::move(then));
}

// Requests that are too large become several. A verdict: not now.
std::optional<verdict> otlp_exporter::cut(delivery& d) {
  const auto fits = [&](const payload_ptr& part) {
    return part->inflated_bytes().value_or(0) <= how_.request_bytes_max;
  };
  if (std::all_of(d.parts.begin(), d.parts.end(), fits)) {  // nearly always
    d.cut = true;
    return std::nullopt;
  }
  delivery fresh;
  for (const payload_ptr& part : d.parts) {
    if (auto why = cut_part(part, fresh, 0)) return why;
  }
  d.parts = std::move(fresh.parts);
  d.cut = true;
  return std::nullopt;
}

std::optional<verdict> otlp_exporter::cut_part(const payload_ptr& part, delivery& into,
                                               unsigned depth) {
  const auto size = part->inflated_bytes();
  // A body that nobody looked at goes as it is; a record that is too large by itself is dealt with
  // when its turn comes.
  if (!size || *size <= how_.request_bytes_max || part->kind() == otlp::signal::profiles) {
    into.parts.push_back(part);
    return std::nullopt;
  }
  const auto whole = part->identity(in_.converting(zc::urgency::draining));
  if (!whole) {
    verdict why = verdict::of(whole.error(), "inflating the request");
    if (why.retryable()) return why;
    into.parts.push_back(part);
    return std::nullopt;
  }
  const std::uint64_t items = otlp::count_items(part->kind(), **whole).value_or(0);
  if (items < 2) {
    into.parts.push_back(part);
    return std::nullopt;
  }
  // As many as fit on average; at least halved when that was not enough, so that the depth is a
  // logarithm.
  const double fitting = static_cast<double>(items) * static_cast<double>(how_.request_bytes_max) /
                         static_cast<double>(*size);
  std::uint64_t most = std::max<std::uint64_t>(static_cast<std::uint64_t>(fitting), 1);
  if (depth > 0) most = std::min(most, (items + 1) / 2);
  auto pieces = otlp::split(part->kind(), **whole, most, in_.on.memory());
  if (!pieces) return verdict::retry("no memory to split the request");
  for (zc::bytes_chain& piece : *pieces) {
    const std::uint64_t n = otlp::count_items(part->kind(), piece).value_or(0);
    const auto smaller =
        zc::make_local<payload>(part->kind(), std::move(piece), std::optional<std::uint64_t>(n));
    if (auto why = cut_part(smaller, into, depth + 1)) return why;
  }
  return std::nullopt;
}

void otlp_exporter::send_next(delivery& d, done then) {
  // The client ends its requests while the destructor runs; what is left must not start anew.
  if (client_ == nullptr) return then(verdict::retry("the exporter is stopping"));
  while (!d.parts.empty()) {
    payload& part = *d.parts.front();
    if (part.inflated_bytes().value_or(0) > how_.request_bytes_max) {
      lose_front(d, too_large_for(how_.request_bytes_max));
      continue;
    }
    const auto body =
        part.as(how_.compression, how_.compression_level, in_.converting(zc::urgency::draining));
    if (!body) {
      verdict why = verdict::of(body.error(), "converting the request");
      if (why.retryable()) return then(std::move(why));
      lose_front(d, std::move(why));
      continue;
    }
    counts_.requests.add();
    counts_.bytes.add((*body)->size());
    zc::net::client_request request;
    request.path = paths_[part.kind()];
    request.content_type = protobuf;
    request.body_coding = how_.compression;
    request.body = **body;
    request.timeout = how_.timeout;
    zc::pooled<attempt> one = attempts_.try_acquire();
    ZC_CHECK(one);  // fewer than slots() are under way
    *one = {&d, std::move(then)};
    client_->send(std::move(request), [this, which = std::move(one).release()](outcome&& o) {
      zc::pooled<attempt> mine = attempts_.adopt(which);
      attempt now = std::move(*mine);
      mine.reset();
      on_outcome(*now.of, std::move(now.then), std::move(o));
    });
    return;
  }
  then(std::exchange(d.lost, verdict::success()));
}

void otlp_exporter::on_outcome(delivery& d, done then, outcome&& o) {
  if (!retired_.clients.empty()) in_.on.at_turn_end(retired_);
  payload& part = *d.parts.front();
  judged j = judge(part.kind(), o);
  if (j.what == fate::again) return then(std::move(j.why));
  if (j.what == fate::lost) {
    lose_front(d, std::move(j.why));
  } else {
    counts_.of[part.kind()].sent.add(part.items_or_zero());
    (void)d.take_front();
  }
  send_next(d, std::move(then));
}

otlp_exporter::judged otlp_exporter::judge(otlp::signal kind, const outcome& o) {
  if (auto why = unanswered(o)) {
    return {why->retryable() ? fate::again : fate::lost, std::move(*why)};
  }
  return grpc_ ? judge_grpc(kind, o) : judge_http(kind, o);
}

otlp_exporter::judged otlp_exporter::judge_grpc(otlp::signal kind, const outcome& o) {
  if (o.grpc == code::ok) return judge_response(kind, o.body);
  std::string text(name_of(o.grpc));
  if (!o.message.empty()) text += ": " + o.message;
  if (!zc::grpc::retryable(o.grpc, o.retry_after.has_value())) {
    return {fate::lost, verdict::refuse(o.grpc, http_of(o.grpc), text)};
  }
  verdict v = verdict::retry(text, o.retry_after);
  v.grpc = o.grpc;
  return {fate::again, std::move(v)};
}

otlp_exporter::judged otlp_exporter::judge_http(otlp::signal kind, const outcome& o) {
  const int status = o.http_status;
  if (status >= 200 && status < 300) {
    // As the Collector: what is no protobuf is not read.
    return zc::media_type_is(o.content_type, protobuf) ? judge_response(kind, o.body) : judged{};
  }
  const bool again = status == 429 || status == 502 || status == 503 || status == 504;
  if (!again) return {fate::lost, verdict::refuse(grpc_of_http(status), status, message_of(o))};
  verdict v = verdict::retry(message_of(o), o.retry_after);
  if (status == 429) v.http = 429;
  return {fate::again, std::move(v)};
}

otlp_exporter::judged otlp_exporter::judge_response(otlp::signal kind,
                                                    const zc::bytes_chain& body) {
  const auto response = otlp::decode_response(body);
  if (!response) {
    return {fate::lost,
            verdict::refuse(code::internal, 500, "the answer of the backend cannot be read")};
  }
  if (response->set()) note_partial(kind, response->rejected, response->message);
  return {};
}

void otlp_exporter::note_partial(otlp::signal kind, std::int64_t rejected,
                                 const std::string& message) {
  counts_.partial_success.add();
  if (rejected > 0) counts_.of[kind].rejected.add(static_cast<std::uint64_t>(rejected));
  if (!partial_gate_.open(in_.on.now())) return;
  std::string text = "partial success: " + std::to_string(rejected) + " ";
  text += otlp::items_of(kind);
  text += " rejected: " + message.substr(0, 1024);
  in_.out.write(log_level::warn, id_, with_held_back(std::move(text), partial_gate_));
}

void otlp_exporter::lose_front(delivery& d, verdict&& why) {
  const payload_ptr part = d.take_front();
  counts_.of[part->kind()].send_failed.add(part->items_or_zero());
  if (lost_gate_.open(in_.on.now())) {
    std::string text = "a request of " + std::to_string(part->items_or_zero()) + " ";
    text += otlp::items_of(part->kind());
    text += " was lost: " + why.message.substr(0, 1024);
    in_.out.write(log_level::error, id_, with_held_back(std::move(text), lost_gate_));
  }
  if (d.lost.ok()) d.lost = std::move(why);
}

}  // namespace sluice
