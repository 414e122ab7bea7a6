#include "zc/net/http2_stream.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "zc/base/ledger.h"
#include "zc/net/http2_session.h"
#include "zc/wire/view/field_view.h"

namespace zc::net {
namespace {

using http2::field;
using http2::token;

constexpr std::string_view codings_taken = "gzip, zstd, snappy, deflate, x-snappy-framed, identity";
constexpr std::string_view grpc_codings_taken = "identity,gzip,zstd,snappy,deflate";
constexpr std::string_view grpc_type = "application/grpc";
constexpr std::size_t details_message_max = 512;
// What a request costs beside the strings of its head: our objects and the library's, roughly.
constexpr std::size_t bytes_without_head = 1024;

constexpr std::array<field, 2> grpc_ok_head{{
    {":status", "200", true},
    {"content-type", grpc_type, true},
}};
constexpr std::array<field, 1> grpc_ok_trailers{{{"grpc-status", "0", true}}};

// application/grpc, application/grpc+proto, application/grpc;x=y; but not application/grpc-web.
bool is_grpc(std::string_view content_type) noexcept {
  if (!is_ignoring_case(content_type.substr(0, grpc_type.size()), grpc_type)) return false;
  return content_type.size() == grpc_type.size() || content_type[grpc_type.size()] == '+' ||
         content_type[grpc_type.size()] == ';';
}

// A number as text, without an allocation.
class digits {
 public:
  explicit digits(std::uint64_t n) noexcept {
    size_ = static_cast<std::size_t>(
        std::to_chars(text_.data(), text_.data() + text_.size(), n).ptr - text_.data());
  }
  std::string_view text() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;
  std::size_t size_;
};

std::uint64_t rounded_up(nanoseconds n, nanoseconds unit) noexcept {
  if (n.count() <= 0) return 0;
  return static_cast<std::uint64_t>((n.count() - 1) / unit.count() + 1);
}

}  // namespace

// ---------------------------------------------------------------------------------- exchange

// A request costs memory before its first byte of payload, and a connection may hold very many:
// what is kept of it counts like payload does.
bool h2_exchange::charge(quota& to) {
  std::size_t n = bytes_without_head + head_.method.size() + head_.path.size() +
                  head_.query.size() + head_.content_type.size() + head_.accept_encoding.size();
  for (const auto& [name, value] : head_.metadata) n += 64 + name.size() + value.size();
  if (!to.try_charge(n)) return false;
  charged_ = n;
  charged_to_ = &to;
  return true;
}

h2_exchange::~h2_exchange() {
  if (charged_to_ != nullptr) charged_to_->release(charged_);
  if (stream_ != nullptr && session_ != nullptr && !spent_) {
    refuse(refusal(grpc::code::internal, 500, "the request was dropped"));
  }
  if (session_ != nullptr) session_->release(*this);
}

void h2_exchange::answer(reply&& r) {
  if (std::exchange(spent_, true)) return;
  if (stream_ != nullptr) stream_->answer(std::move(r));
  if (session_ != nullptr) session_->release(*this);
}

void h2_exchange::refuse(const grpc::status& why) {
  if (std::exchange(spent_, true)) return;
  if (stream_ != nullptr) stream_->refuse(why);
  if (session_ != nullptr) session_->release(*this);
}

// ------------------------------------------------------------------------------------ stream

h2_stream::h2_stream(h2_session& home)
    : home_(home), request_(std::make_unique<h2_exchange>()), body_(&home.on().memory()) {
  home_.add(*this);
}

h2_stream::~h2_stream() {
  home_.http().forget(*this);
  if (receiving()) home_.receiving_ -= 1;
  detach();
  home_.remove(*this);
}

// The service's exchange goes on alone.
void h2_stream::detach() noexcept {
  if (served_ == nullptr) return;
  served_->stream_ = nullptr;
  served_ = nullptr;
  home_.open_ -= 1;
}

void h2_stream::enter(phase next) {
  const bool received = receiving();
  phase_ = next;
  if (received && !receiving()) home_.receiving_ -= 1;
}

void h2_stream::on_closed(http2::error_code) {
  delete this;
}

void h2_stream::on_field(token known, std::string_view name, std::string_view value) {
  if (phase_ != phase::head) return;  // trailers of a request say nothing we need
  switch (known) {
    case token::method:
      head().method = value;
      return;
    case token::path:
      head().path = value;
      return;
    case token::content_type:
      grpc_type_ = value == grpc_type;
      if (!grpc_type_) head().content_type = value;
      return;
    case token::accept_encoding:
      head().accept_encoding = value;
      return;
    case token::content_length: {
      std::uint64_t n = 0;
      const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (bad == std::errc() && end == value.data() + value.size()) head().content_length = n;
      return;
    }
    case token::content_encoding: {
      const std::optional<coding> c = coding_named(value);
      content_coding_known_ = c.has_value();
      content_coding_ = c.value_or(coding::identity);
      return;
    }
    case token::grpc_encoding: {
      const std::optional<coding> c = grpc_coding_named(value);
      grpc_coding_known_ = c.has_value();
      grpc_coding_ = c.value_or(coding::identity);
      return;
    }
    case token::grpc_timeout: {
      const auto t = grpc::parse_timeout(value);
      timeout_bad_ = !t;
      if (t) head().timeout = *t;
      return;
    }
    case token::scheme:
    case token::te:
    case token::expect:
    case token::grpc_accept_encoding:
      return;
    default:
      keep_metadata(name, value);
  }
}

void h2_stream::keep_metadata(std::string_view name, std::string_view value) {
  // Bounded by head_fields_max and head_bytes_max.
  if (home_.options().keep_metadata) head().metadata.emplace_back(name, value);
}

void h2_stream::on_head(http2::head_end how) {
  if (how.kind != http2::head_kind::request || phase_ != phase::head) return;
  session_host& host = home_.host();
  host.statistics().requests += 1;
  last_data_ = home_.on().now();
  request_head& h = head();
  h.peer = host.peer();
  grpc_ = grpc_type_ || is_grpc(h.content_type);
  head_only_ = h.method == "HEAD";
  if (h.method == "GET" || head_only_) {
    form_ = error_form::text;
  } else if (media_type_is(h.content_type, "application/json")) {
    form_ = error_form::json;
  }
  enter(phase::body);
  if (grpc_ && home_.options().grpc) {
    h.via = protocol::grpc;
  } else if (home_.options().http) {
    grpc_ = false;
    h.via = protocol::http2;
    if (grpc_type_) h.content_type = grpc_type;
  } else {
    // Only gRPC is spoken here, and this is something else: say so in a way that both worlds
    // understand.
    const bool post = h.method == "POST";
    grpc_ = true;
    host.statistics().refused_early += 1;
    refuse(refusal(grpc::code::invalid_argument, post ? 415 : 405,
                   post ? "the content-type is not application/grpc" : "the method is not POST"),
           post ? 415 : 405);
    return;
  }
  if (how.too_large) {
    host.statistics().refused_early += 1;
    refuse(refusal(grpc::code::resource_exhausted, 431, "the header list is too large"), 431);
    return;
  }
  if (grpc_) {
    begin_grpc();
  } else {
    begin_http();
  }
}

void h2_stream::begin_grpc() {
  request_head& h = head();
  std::optional<grpc::status> bad;
  int http = 200;
  if (h.method != "POST") {
    http = 405;
    bad = refusal(grpc::code::internal, 405, "the method of gRPC is POST");
  } else if (h.path.empty() || h.path.front() != '/') {
    bad = refusal(grpc::code::unimplemented, 404, "the path does not begin with /");
  } else if (timeout_bad_) {
    http = 400;
    bad = refusal(grpc::code::internal, 400, "the grpc-timeout is malformed");
  } else if (!grpc_coding_known_) {
    not_acceptable_ = true;
    bad = refusal(grpc::code::unimplemented, 415, "the grpc-encoding is not supported");
  } else if (h.timeout && h.timeout->count() <= 0) {
    bad = refusal(grpc::code::deadline_exceeded, 504, "the deadline had passed on arrival");
  }
  if (bad) {
    home_.host().statistics().refused_early += 1;
    refuse(*bad, http);
    return;
  }
  h.body_coding = grpc_coding_;
  if (h.timeout) {
    deadline_ = home_.on().now() + std::min<nanoseconds>(*h.timeout, std::chrono::hours(24 * 365));
  }
  message_.emplace(std::min(home_.options().message_bytes_max, grpc::message_bytes_max),
                   &home_.on().memory());
  admit();
}

void h2_stream::begin_http() {
  request_head& h = head();
  if (const std::size_t mark = h.path.find('?'); mark != std::string::npos) {
    h.query = h.path.substr(mark + 1);
    h.path.resize(mark);
  }
  std::optional<grpc::status> bad;
  if (!content_coding_known_) {
    not_acceptable_ = true;
    bad = refusal(grpc::code::unimplemented, 415, "the content-encoding is not supported");
  } else if (h.content_length && *h.content_length > home_.options().message_bytes_max) {
    bad = refusal(grpc::code::resource_exhausted, 413, "the body is larger than the limit");
  }
  if (bad) {
    home_.host().statistics().refused_early += 1;
    refuse(*bad);
    return;
  }
  h.body_coding = content_coding_;
  admit();
}

void h2_stream::admit() {
  session_host& host = home_.host();
  if (home_.refusing() || !request_->charge(home_.on().memory().limits())) {
    refuse_overload();
    return;
  }
  if (std::optional<grpc::status> no = host.answers().admit(head())) {
    host.statistics().refused_early += 1;
    refuse(*no);
    return;
  }
  watch_time();
}

void h2_stream::on_data(bytes piece) {
  if (phase_ != phase::body) return;
  last_data_ = home_.on().now();
  ledger::count_received(piece.size());
  if (grpc_) {
    on_grpc_data(std::move(piece));
  } else {
    on_http_data(std::move(piece));
  }
}

// Who watches is asked when the first of the body comes.
void h2_stream::show(std::span<const std::byte> arrived, bool first, std::uint64_t announced) {
  if (arrived.empty()) return;
  if (first && announced >= watched_bytes_min) {
    request_->watched_by(home_.host().answers().watch(head()));
  }
  if (body_watcher* const watching = request_->watcher()) watching->on_piece(arrived);
}

void h2_stream::on_grpc_data(bytes piece) {
  const std::span<const std::byte> lies = piece.view();  // in what the session is being fed
  const std::size_t before = message_->received();
  const result<void> fed = message_->feed(std::move(piece));
  if (!fed) {
    switch (fed.error().code) {
      case errc::too_large:  // no retry_after: the same message will not fit later either
        refuse(
            refusal(grpc::code::resource_exhausted, 413, "the message is larger than the limit"));
        return;
      case errc::exhausted:
        refuse_overload();
        return;
      default:
        if (fed.error().offset > 0) {  // behind the first message; a bad flag is at 0
          refuse(refusal(grpc::code::unimplemented, 400, "a unary request has one message only"));
        } else {
          refuse(refusal(grpc::code::internal, 400, fed.error().reason));
        }
        return;
    }
  }
  if (message_->prefix_known() && message_->compressed() && grpc_coding_ == coding::identity) {
    refuse(refusal(grpc::code::internal, 400,
                   "the message is marked as compressed, but no grpc-encoding was named"));
    return;
  }
  show(lies.last(message_->received() - before), before == 0, message_->expected());
}

void h2_stream::on_http_data(bytes piece) {
  if (piece.size() > home_.options().message_bytes_max - body_.size()) {
    refuse(refusal(grpc::code::resource_exhausted, 413, "the body is larger than the limit"));
    return;
  }
  const std::size_t have = body_.size() + piece.size();
  const std::uint64_t announced = head().content_length.value_or(0);
  show(piece.view(), body_.size() == 0, announced);
  const std::size_t behind = announced > have ? static_cast<std::size_t>(announced - have)
                                              : (announced > 0 ? 0 : SIZE_MAX);
  if (!body_.append(std::move(piece), behind)) refuse_overload();
}

void h2_stream::on_end() {
  if (phase_ != phase::body) return;
  if (!grpc_) {
    if (head().content_length && *head().content_length != body_.size()) {
      refuse(refusal(grpc::code::invalid_argument, 400, "the body is not as long as announced"));
      return;
    }
    serve(body_.take());
    return;
  }
  if (!message_->started()) {
    refuse(refusal(grpc::code::unimplemented, 400, "the request has no message"));
  } else if (!message_->complete()) {
    refuse(refusal(grpc::code::internal, 400, "the request ended inside its message"));
  } else {
    if (!message_->compressed()) head().body_coding = coding::identity;
    serve(message_->take());
  }
}

void h2_stream::serve(bytes_chain body) {
  enter(phase::serving);
  watch_time();
  served_ = request_.get();
  served_->stream_ = this;
  home_.take(*served_);
  home_.open_ += 1;
  home_.host().answers().serve(std::move(request_), std::move(body));
}

void h2_stream::refuse_overload() {
  home_.host().statistics().refused_memory += 1;
  refuse(home_.host().overload());
}

void h2_stream::answer(reply&& r) {
  if (grpc_) {
    http2::content rest;
    const auto prefix = grpc::encode_prefix(r.body.size(), false);
    std::copy(prefix.begin(), prefix.end(), rest.prefix.begin());
    rest.prefix_size = grpc::prefix_bytes;
    rest.body = std::move(r.body);
    rest.trailers = grpc_ok_trailers;
    finish(grpc_ok_head, std::move(rest));
    return;
  }
  const digits status(static_cast<std::uint64_t>(std::clamp(r.http_status, 200, 599)));
  const digits length(r.body.size());
  std::array<field, 32> head;
  std::size_t n = 0;
  head[n++] = {":status", status.text()};
  if (!r.content_type.empty()) head[n++] = {"content-type", r.content_type, true};
  head[n++] = {"content-length", length.text()};
  for (const auto& [name, value] : r.fields) {
    if (n == head.size()) break;
    head[n++] = {name, value};
  }
  http2::content rest;
  if (!head_only_) rest.body = std::move(r.body);
  finish({head.data(), n}, std::move(rest));
}

void h2_stream::refuse(const grpc::status& why, int status_over_grpc) {
  if (phase_ == phase::answered) return;
  if (grpc_) {
    refuse_grpc(why, status_over_grpc);
  } else {
    refuse_http(why);
  }
}

// Trailers-Only: one HEADERS frame with everything in it. Some clients look for the status nowhere
// else.
void h2_stream::refuse_grpc(const grpc::status& why, int http_status) {
  const digits http(static_cast<std::uint64_t>(http_status));
  const digits code(static_cast<std::uint64_t>(why.grpc));
  const std::string message = grpc::encode_message(why.message);
  std::array<field, 8> head;
  std::size_t n = 0;
  head[n++] = {":status", http.text()};
  head[n++] = {"content-type", grpc_type, true};
  head[n++] = {"grpc-status", code.text()};
  if (!message.empty()) head[n++] = {"grpc-message", message};
  if (not_acceptable_) head[n++] = {"grpc-accept-encoding", grpc_codings_taken, true};
  std::string details;
  std::string retry_info;
  std::optional<digits> pushback;
  if (why.retry_after) {  // three forms: no single one is understood by all clients
    // Its message is cut: a head that is too large for the client would hide the whole answer.
    grpc::status brief = why;
    brief.message.resize(std::min(brief.message.size(), details_message_max));
    details = grpc::base64_encode(grpc::encode_status(brief));
    retry_info = grpc::base64_encode(grpc::encode_retry_info(*why.retry_after));
    pushback.emplace(rounded_up(*why.retry_after, std::chrono::milliseconds(1)));
    head[n++] = {"grpc-status-details-bin", details};
    head[n++] = {"google.rpc.retryinfo-bin", retry_info};
    head[n++] = {"grpc-retry-pushback-ms", pushback->text()};
  }
  finish({head.data(), n}, {});
}

void h2_stream::refuse_http(const grpc::status& why) {
  const digits http(
      static_cast<std::uint64_t>(why.http >= 400 && why.http <= 599 ? why.http : 500));
  error_body said = describe(why, form_);
  const digits length(said.text.size());
  http2::content rest;
  if (!head_only_) rest.body = bytes::from_string(std::move(said.text));
  std::array<field, 6> head;
  std::size_t n = 0;
  head[n++] = {":status", http.text()};
  head[n++] = {"content-type", said.content_type, true};
  head[n++] = {"content-length", length.text()};
  std::optional<digits> seconds;
  if (why.retry_after && (why.http == 429 || why.http == 503)) {
    // Rounded up: clients take 0 for "at once".
    seconds.emplace(
        std::max<std::uint64_t>(rounded_up(*why.retry_after, std::chrono::seconds(1)), 1));
    head[n++] = {"retry-after", seconds->text()};
  }
  if (why.http == 405) head[n++] = {"allow", "POST", true};
  if (why.http == 415) head[n++] = {"accept-encoding", codings_taken, true};
  finish({head.data(), n}, std::move(rest));
}

void h2_stream::finish(std::span<const field> head, http2::content&& rest) {
  enter(phase::answered);
  detach();
  message_.reset();
  body_.clear();
  request_.reset();
  if (!peer_ended()) discard();
  home_.http().respond(*this, head, std::move(rest));
  answered_at_ = home_.on().now();
  watch_time();
  home_.host().send_later();
}

void h2_stream::drop() {
  enter(phase::answered);
  detach();
  message_.reset();
  body_.clear();
  discard();
  timer_.disarm();
  home_.http().reset(*this, http2::error_code::cancel);
  home_.host().send_later();
}

// When something would have to be done.
time_point h2_stream::due() const noexcept {
  const server_options& how = home_.options();
  switch (phase_) {
    case phase::answered:  // a client that opens no window must not keep the answer for ever
      return answered_at_ + how.write_timeout;
    case phase::body:
      return std::min(deadline_, last_data_ + how.body_progress_timeout);
    default:
      return deadline_;
  }
}

void h2_stream::watch_time() {
  const time_point when = due();
  if (when == time_point::max()) return;  // a timer that is armed looks again when it fires
  if (timer_.armed() && armed_for_ <= when) return;
  armed_for_ = when;
  home_.on().arm(timer_, when - home_.on().now());
}

void h2_stream::on_timer() {
  const time_point now = home_.on().now();
  if (now < due()) {
    watch_time();
    return;
  }
  home_.host().statistics().timed_out += 1;
  if (phase_ == phase::body && now < deadline_) {
    refuse(refusal(grpc::code::cancelled, 408, "the body stopped coming"));
  } else {
    drop();
  }
}

}  // namespace zc::net
