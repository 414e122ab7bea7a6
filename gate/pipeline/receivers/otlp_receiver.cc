#include "gate/pipeline/receivers/otlp_receiver.h"

#include <utility>

#include "zc/base/ledger.h"
#include "zc/mem/recycled.h"
#include "zc/wire/view/field_view.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::grpc::code;
using zc::grpc::status;

constexpr std::string_view protobuf = "application/x-protobuf";

status refusal(code c, int http, std::string message) {
  status s;
  s.grpc = c;
  s.http = http;
  s.message = std::move(message);
  return s;
}

std::optional<status> check_media_type(std::string_view field) {
  if (zc::media_type_is(field, protobuf)) return std::nullopt;
  std::string why = zc::media_type_is(field, "application/json")
                        ? "application/json is not supported yet"
                        : "unsupported media type";
  return refusal(code::invalid_argument, 415, why + ", supported: [application/x-protobuf]");
}

// Inflated bytes on their way through the scratch: counted, then forgotten.
class counting_sink final : public zc::coding_sink {
 public:
  counting_sink(signal kind, std::span<std::byte> scratch) noexcept
      : counter_(kind), scratch_(scratch) {}

  std::span<std::byte> room() override { return scratch_; }
  zc::result<void> produced(std::span<const std::byte> written) override {
    auto fed = counter_.feed(written);
    unreadable_ = !fed;
    return fed;
  }
  zc::result<std::uint64_t> finish() noexcept { return counter_.finish(); }
  bool unreadable() const noexcept { return unreadable_; }  // inflates well, but is no OTLP

 private:
  otlp::item_counter counter_;
  std::span<std::byte> scratch_;
  bool unreadable_ = false;
};

// Envelopes without items may be ignored; but metrics of a kind that we do not know count no points
// and go on.
bool is_empty(signal kind, const payload::facts& known) noexcept {
  if (known.inflated_bytes && *known.inflated_bytes == 0) return true;
  return kind != signal::metrics && known.items && *known.items == 0;
}

}  // namespace

// Counts the items of a body that comes as it is, piece by piece, while they are in the cache.
class otlp_receiver::counting_watcher final : public zc::net::body_watcher,
                                              public zc::recycled<counting_watcher> {
 public:
  explicit counting_watcher(signal kind) noexcept : counter_(kind) {}

  void on_piece(std::span<const std::byte> arrived) noexcept override {
    (void)counter_.feed(arrived);  // finish() says it again
  }
  zc::result<std::uint64_t> finish() noexcept { return counter_.finish(); }

 private:
  otlp::item_counter counter_;
};

// A request that the pipeline has, until its verdict.
class otlp_receiver::pending final : public completion, public zc::recycled<pending> {
 public:
  pending(otlp_receiver& to, std::unique_ptr<zc::net::exchange> request, signal kind,
          std::uint64_t items, receiver_metrics& counts)
      : to_(to), request_(std::move(request)), kind_(kind), items_(items), counts_(counts) {
    to_.waiting_ += 1;
  }

 private:
  void on_verdict(verdict&& v) override {
    to_.waiting_ -= 1;
    auto& of = counts_.of[kind_];
    if (v.ok()) {
      of.accepted.add(items_);
      return to_.succeed(*request_);
    }
    (v.grpc == code::internal ? of.failed : of.refused).add(items_);
    request_->refuse(to_.refused(std::move(v)));
  }

  otlp_receiver& to_;
  std::unique_ptr<zc::net::exchange> request_;
  const signal kind_;
  const std::uint64_t items_;
  receiver_metrics& counts_;
};

otlp_receiver::otlp_receiver(shard_context& in, std::string id, const otlp_listener_settings& how,
                             otlp::inspect look, const routes& to, milliseconds retry_after)
    : in_(in),
      id_(std::move(id)),
      how_(how),
      look_(look),
      to_(to),
      retry_after_(retry_after),
      grpc_counts_(in.counts.receiver(id_, name_of(zc::net::protocol::grpc))),
      http_counts_(in.counts.receiver(id_, name_of(zc::net::protocol::http1))),
      random_(in.seed ^ std::hash<std::string>{}(id_)) {
  for (const signal s : otlp::all_signals) {
    const auto other = how.url_paths.find(s);
    paths_[static_cast<std::size_t>(s)] =
        other == how.url_paths.end() ? std::string(otlp::http_path(s)) : other->second;
  }
}

otlp_receiver::~otlp_receiver() {
  ZC_DCHECK(waiting_ == 0);
}

receiver_metrics& otlp_receiver::counts_of(const zc::net::request_head& head) noexcept {
  return head.via == zc::net::protocol::grpc ? grpc_counts_ : http_counts_;
}

// The signal that a path names, if a pipeline takes it.
std::optional<signal> otlp_receiver::signal_of(const zc::net::request_head& head) const {
  const auto routed = [&](signal s) { return to_[static_cast<std::size_t>(s)] != nullptr; };
  if (head.via == zc::net::protocol::grpc) {
    const auto s = otlp::signal_of_grpc_path(head.path);
    return s && routed(*s) ? s : std::nullopt;
  }
  for (const signal s : otlp::all_signals) {
    if (head.path == paths_[static_cast<std::size_t>(s)] && routed(s)) return s;
  }
  return std::nullopt;
}

std::optional<status> otlp_receiver::admit(zc::net::request_head& head) {
  if (closed_) return refused(verdict::retry("shutting down"));
  const bool grpc = head.via == zc::net::protocol::grpc;
  if (!signal_of(head)) {
    return refusal(
        code::unimplemented, 404,
        (grpc ? "unknown service or method " : "unknown path ") + head.path.substr(0, 256));
  }
  if (head.method != "POST") {
    return refusal(code::unimplemented, 405, "method not allowed, supported: [POST]");
  }
  return grpc ? std::nullopt : check_media_type(head.content_type);
}

std::unique_ptr<zc::net::body_watcher> otlp_receiver::watch(const zc::net::request_head& head) {
  if (look_ != otlp::inspect::count || head.body_coding != zc::coding::identity) return nullptr;
  const auto kind = signal_of(head);
  if (!kind || *kind == signal::profiles) return nullptr;
  return std::make_unique<counting_watcher>(*kind);
}

void otlp_receiver::serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) {
  const zc::net::request_head& head = request->head();
  const auto kind = signal_of(head);
  if (!kind) return request->refuse(refusal(code::unimplemented, 404, "unknown path"));
  receiver_metrics& counts = counts_of(head);
  counts.of[*kind].requests.add();
  counts.of[*kind].bytes.add(body.size());
  // What the receiver and the pipeline copy of this request: nothing else runs on this thread until
  // the pipeline has handed it on.
  const std::uint64_t copied_before = zc::ledger::copied_by_this_thread();
  const zc::coding as = head.body_coding;
  auto seen = look(*kind, body, as, request->watcher(), counts);
  if (!seen) return request->refuse(seen.error());
  if (is_empty(*kind, seen->facts)) {
    counts.empty.add();
    return succeed(*request);
  }
  if (!seen->facts.items) counts.of[*kind].opaque.add();
  if (seen->facts.parts > 1) counts.multi_part.add();
  const std::uint64_t items = seen->facts.items.value_or(0);
  payload_ptr what = zc::make_local<payload>(*kind, std::move(body), as, seen->facts);
  if (seen->kept) what->keep_inflated(std::move(seen->inflated), seen->facts.parts);
  ack done = ack::on(std::make_unique<pending>(*this, std::move(request), *kind, items, counts));
  consumer& next = *to_[static_cast<std::size_t>(*kind)];
  next.consume(batch{std::move(what), std::move(done), arrival{in_.on.now()}});
  if (const std::uint64_t n = zc::ledger::copied_by_this_thread() - copied_before; n > 0) {
    counts.copying.add();
    counts.copied.add(n);
  }
}

std::expected<otlp_receiver::looked, status> otlp_receiver::look(signal kind,
                                                                 const zc::bytes_chain& body,
                                                                 zc::coding as,
                                                                 zc::net::body_watcher* watched,
                                                                 receiver_metrics& counts) {
  looked seen;
  if (body.empty()) {
    seen.facts = {1, 0, 0};
    return seen;
  }
  if (as == zc::coding::identity && body.size() > how_.inflated_bytes_max) {
    return std::unexpected(unreadable({zc::errc::too_large, "", 0, 0}, true, counts));
  }
  if (look_ == otlp::inspect::none || kind == signal::profiles) return seen;
  counts.inspected.add();
  return look_ == otlp::inspect::full ? validate(kind, body, as, counts)
                                      : count(kind, body, as, watched, counts);
}

std::expected<otlp_receiver::looked, status> otlp_receiver::count(signal kind,
                                                                  const zc::bytes_chain& body,
                                                                  zc::coding as,
                                                                  zc::net::body_watcher* watched,
                                                                  receiver_metrics& counts) {
  looked seen;
  if (as == zc::coding::identity) {
    // Only watch() names watchers of our requests, and of this kind.
    auto* const counted = static_cast<counting_watcher*>(watched);
    const auto items = counted != nullptr ? counted->finish() : otlp::count_items(kind, body);
    if (!items) return std::unexpected(unreadable(items.error(), false, counts));
    seen.facts = {1, *items, body.size()};
    return seen;
  }
  if (to_[static_cast<std::size_t>(kind)]->inflates(as)) return count_kept(kind, body, as, counts);
  counting_sink sink(kind, in_.on.scratch());
  const auto inflated = in_.with.inflate(body, as, how_.inflated_bytes_max, sink);
  if (!inflated) {
    return std::unexpected(unreadable(inflated.error(), !sink.unreadable(), counts));
  }
  in_.counts.conversions.inflates.add();
  in_.counts.conversions.inflated_bytes.add(inflated->size);
  const auto items = sink.finish();
  if (!items) return std::unexpected(unreadable(items.error(), false, counts));
  seen.facts = {inflated->parts, *items, inflated->size};
  return seen;
}

// The body inflated into pool blocks, once for all who want it.
std::expected<otlp_receiver::looked, status> otlp_receiver::inflate(const zc::bytes_chain& body,
                                                                    zc::coding as,
                                                                    receiver_metrics& counts) {
  looked seen;
  seen.facts.parts = 1;
  auto whole = in_.with.inflate(body, as, how_.inflated_bytes_max, in_.on.memory(),
                                zc::urgency::ordinary, &seen.facts.parts);
  if (!whole) return std::unexpected(unreadable(whole.error(), true, counts));
  in_.counts.conversions.inflates.add();
  in_.counts.conversions.inflated_bytes.add(whole->size());
  seen.facts.inflated_bytes = whole->size();
  seen.inflated = std::move(*whole);
  seen.kept = true;
  return seen;
}

std::expected<otlp_receiver::looked, status> otlp_receiver::count_kept(signal kind,
                                                                       const zc::bytes_chain& body,
                                                                       zc::coding as,
                                                                       receiver_metrics& counts) {
  auto seen = inflate(body, as, counts);
  if (!seen) return seen;
  const auto items = otlp::count_items(kind, seen->inflated);
  if (!items) return std::unexpected(unreadable(items.error(), false, counts));
  seen->facts.items = *items;
  return seen;
}

std::expected<otlp_receiver::looked, status> otlp_receiver::validate(signal kind,
                                                                     const zc::bytes_chain& body,
                                                                     zc::coding as,
                                                                     receiver_metrics& counts) {
  looked seen;
  seen.facts.parts = 1;
  if (as != zc::coding::identity) {
    auto inflated = inflate(body, as, counts);
    if (!inflated) return inflated;
    seen = std::move(*inflated);
  }
  const zc::bytes_chain& plain = seen.kept ? seen.inflated : body;
  const auto report = otlp::validate_full(kind, plain);
  if (!report) return std::unexpected(unreadable(report.error(), false, counts));
  counts.bad_utf8.add(report->bad_utf8);
  counts.bad_ids.add(report->bad_ids);
  seen.facts.items = report->items;
  seen.facts.inflated_bytes = plain.size();
  return seen;
}

status otlp_receiver::unreadable(const zc::error& why, bool inflating, receiver_metrics& counts) {
  if (why.code == zc::errc::exhausted) return refused(verdict::retry("no memory for the request"));
  if (inflating && why.code == zc::errc::too_large) {
    counts.too_large.add();
    return refusal(code::resource_exhausted, 413,
                   "the request is larger than " + std::to_string(how_.inflated_bytes_max) +
                       " bytes without compression");
  }
  (inflating ? counts.corrupt : counts.malformed).add();
  std::string text = inflating ? "the compressed body is corrupt: " : "not an OTLP request: ";
  text += why.reason;
  text += " at byte " + std::to_string(why.offset);
  if (bad_gate_.open(in_.on.now())) in_.out.write(log_level::warn, id_, text);
  return refusal(inflating ? code::internal : code::invalid_argument, 400, std::move(text));
}

status otlp_receiver::refused(verdict&& v) {
  status s = v.as_status();
  if (!v.retryable()) return s;
  s.retry_after = v.delay && v.delay->count() > 0 ? random_.above(*v.delay, 0.25)
                                                  : random_.around(retry_after_, 0.25);
  return s;
}

void otlp_receiver::succeed(zc::net::exchange& to) {
  zc::net::reply r;
  r.content_type = protobuf;
  to.answer(std::move(r));
}

}  // namespace sluice
