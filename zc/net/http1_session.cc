// One HTTP/1.x connection of a server: one request at a time, pipelined ones wait for their turn.
//
//     head --> length | chunked --> waiting --> head          a request that is taken
//       '----> skip ------------------------'                 refused; its short body is read past
//       '----> closed                                         refused, or the last one
//
// What follows a request in the same piece is kept in pending_ until its answer is written;
// meanwhile wants_input() is false as soon as something is kept, so that a peer can make us hold
// one read, not more.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/base/ledger.h"
#include "zc/base/units.h"
#include "zc/net/refusal.h"
#include "zc/net/service.h"
#include "zc/net/session.h"
#include "zc/wire/coding/coding.h"
#include "zc/wire/grpc/pieces.h"
#include "zc/wire/http1/chunked.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/http1/head_scanner.h"
#include "zc/wire/http1/head_writer.h"
#include "zc/wire/http1/retry_after.h"
#include "zc/wire/view/field_view.h"

namespace zc::net {
namespace {

using namespace zc::literals;

// The rest of a body that is longer is received into a block of its own instead of the slab.
constexpr std::size_t direct_bytes_min = 16_KiB;
// What a head alone may claim. Longer bodies get further blocks, each as large as what has come so
// far, so that a peer has to send bytes to have memory kept for it.
constexpr std::size_t direct_bytes_first = 1_MiB;
constexpr std::size_t direct_bytes_most = 64_MiB;
// The body of a refused request is read past, and the connection kept, up to this length; beyond it
// is closed.
constexpr std::size_t skip_bytes_max = 64_KiB;

constexpr std::string_view codings_taken = "gzip, zstd, snappy, deflate";
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

// The answers that nearly all requests get, ready made.
constexpr std::string_view protobuf_done =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

// What has to be remembered of a request until its answer is written.
struct request_facts {
  int minor = 1;
  bool keep_alive = true;
  bool head_only = false;  // HEAD: no body in the answer
  error_form errors = error_form::text;
};

class http1_session;

class http1_exchange final : public exchange {
 public:
  http1_exchange(http1_session& session, net::request_head&& head) noexcept
      : session_(&session), head_(std::move(head)) {}
  ~http1_exchange() override;

  const net::request_head& head() const noexcept override { return head_; }
  void answer(reply&& r) override;
  void refuse(const grpc::status& why) override;
  bool client_gone() const noexcept override { return session_ == nullptr; }
  void forget() noexcept { session_ = nullptr; }  // the session has gone

 private:
  http1_session* take() noexcept;

  http1_session* session_;  // null once answered, or when the connection is gone
  const net::request_head head_;
};

class http1_session final : public session {
 public:
  explicit http1_session(session_host& host)
      : host_(host),
        scanner_({host.options().head_bytes_max, host.options().head_fields_max}),
        body_(&host.on().memory()) {}
  ~http1_session() override {
    if (open_ != nullptr) open_->forget();
  }

  std::span<std::byte> direct_room() override;
  void on_direct(std::size_t n) override;
  void on_bytes(bytes received) override;
  void on_end() override;
  void fill_out() override { work_off(); }
  void drain() override;
  void shed() override;

  bool wants_input() const noexcept override { return pending_.empty(); }
  bool message_under_way() const noexcept override;
  bool head_under_way() const noexcept override {
    return phase_ == phase::head && scanner_.begun();
  }
  std::size_t requests_open() const noexcept override { return phase_ == phase::waiting ? 1 : 0; }

  // From the exchange.
  void write_reply(reply&& r);
  void write_refusal(const grpc::status& why);
  void release(const http1_exchange& e) noexcept {
    if (open_ == &e) open_ = nullptr;
  }

 private:
  enum class phase : unsigned char { head, length, chunked, waiting, skip, closed };

  void work_off();
  void consume(bytes input);
  void take_head(bytes& input);
  void take_length(bytes& input);
  void take_chunks(bytes& input);
  void take_skipped(bytes& input);

  void on_head(std::string_view text);
  std::optional<grpc::status> decide(const http1::request_head& head, net::request_head& request);
  void begin_body(const http1::request_head& head);
  bool keep_piece(bytes piece, std::size_t behind);
  void finish_body();
  void drop_body();

  void refuse_early(const grpc::status& why, std::uint64_t body_left, bool body_known);
  void refuse_bad(int http, std::string_view reason);
  void refuse_for_memory();
  void end_of_answer(bool close);
  void add_connection_field(http1::head_writer& head, bool close) const;
  bool closes_after(bool asked) const noexcept { return asked || !facts_.keep_alive || draining_; }

  session_host& host_;
  phase phase_ = phase::head;
  bool draining_ = false;
  bool ended_ = false;  // the peer sends nothing more
  request_facts facts_;
  http1::head_scanner scanner_;
  std::string head_;  // of a head that came in several pieces; at most head_bytes_max
  std::vector<http1::field> fields_;  // at most head_fields_max
  net::request_head request_;         // while its body arrives
  std::uint64_t left_ = 0;            // of the body: length and skip
  http1::chunked_decoder chunks_;
  piece_collector body_;
  std::unique_ptr<body_watcher> watcher_;  // of a body of known length
  bytes_builder block_;                    // where the rest of a long body goes
  bytes_chain pending_;  // came behind a request that waits for its answer; at most one read
  http1_exchange* open_ = nullptr;
};

// ---------------------------------------------------------------------------------------- exchange

http1_exchange::~http1_exchange() {
  if (http1_session* open = take()) {
    grpc::status why;
    why.grpc = grpc::code::internal;
    why.http = 500;
    why.message = "the request was dropped";
    open->write_refusal(why);
  }
}

http1_session* http1_exchange::take() noexcept {
  if (session_ != nullptr) session_->release(*this);
  return std::exchange(session_, nullptr);
}

void http1_exchange::answer(reply&& r) {
  if (http1_session* open = take()) open->write_reply(std::move(r));
}

void http1_exchange::refuse(const grpc::status& why) {
  if (http1_session* open = take()) open->write_refusal(why);
}

// ----------------------------------------------------------------------------------------- helpers

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

error_form form_of(std::string_view method, std::string_view content_type) noexcept {
  if (method == "GET" || method == "HEAD") return error_form::text;
  return media_type_is(content_type, "application/json") ? error_form::json : error_form::protobuf;
}

// Fields that are about this hop, or that request_head has members for.
bool metadata_field(std::string_view name) noexcept {
  constexpr std::string_view others[] = {"accept-encoding", "connection",        "content-encoding",
                                         "content-length",  "content-type",      "expect",
                                         "keep-alive",      "proxy-connection",  "te",
                                         "trailer",         "transfer-encoding", "upgrade"};
  return std::none_of(std::begin(others), std::end(others),
                      [&](std::string_view other) { return http1::name_is(name, other); });
}

// ------------------------------------------------------------------------------------------- input

bool http1_session::message_under_way() const noexcept {
  switch (phase_) {
    case phase::head:
      return scanner_.begun();
    case phase::length:
    case phase::chunked:
    case phase::skip:
      return true;
    case phase::waiting:
    case phase::closed:
      break;
  }
  return false;
}

void http1_session::on_bytes(bytes received) {
  if (phase_ == phase::closed) return;
  if (pending_.empty()) {
    consume(std::move(received));
    return;
  }
  pending_.append(std::move(received));
  work_off();
}

void http1_session::work_off() {
  while (phase_ != phase::waiting && !pending_.empty()) {
    bytes first = *pending_.begin();
    pending_.consume(first.size());
    consume(std::move(first));
  }
  if (ended_ && phase_ != phase::waiting && phase_ != phase::closed) {
    drop_body();
    phase_ = phase::closed;
    host_.close_when_sent();
  }
}

void http1_session::consume(bytes input) {
  while (!input.empty()) {
    switch (phase_) {
      case phase::head:
        take_head(input);
        break;
      case phase::length:
        take_length(input);
        break;
      case phase::chunked:
        take_chunks(input);
        break;
      case phase::skip:
        take_skipped(input);
        break;
      case phase::waiting:
        pending_.prepend(std::move(input));
        return;
      case phase::closed:
        return;
    }
  }
}

void http1_session::take_head(bytes& input) {
  const std::string_view text = input.text();
  const auto end = scanner_.feed(text);
  if (!end) {
    facts_ = {};
    input = bytes();
    refuse_bad(http1::error_status(end.error()), end.error().reason);
    return;
  }
  if (!*end) {
    head_.append(text);  // a head is no payload, and small
    input = bytes();
    return;
  }
  scanner_.reset();
  // Parsed where it lies, unless it came in pieces. `input` is kept until then: the head consists
  // of views.
  const bytes whole = input;
  input.advance(**end);
  if (head_.empty()) {
    on_head(whole.text().substr(0, **end));
    return;
  }
  std::string joined = std::move(head_);
  head_.clear();
  joined.append(whole.text().substr(0, **end));
  on_head(joined);
}

void http1_session::on_head(std::string_view text) {
  host_.statistics().requests += 1;
  facts_ = {};
  const auto head = http1::parse_request(text, fields_);
  if (!head) {
    refuse_bad(http1::error_status(head.error()), head.error().reason);
    return;
  }
  facts_.minor = head->minor;
  facts_.keep_alive = head->keep_alive;
  facts_.head_only = head->method == "HEAD";
  request_ = {};
  const std::optional<grpc::status> no = decide(*head, request_);
  if (no) {
    // A client that waits for 100 may or may not send its body now: only closing keeps us in step.
    const bool known = head->body != http1::framing::chunked && !head->expect_continue;
    refuse_early(*no, head->length, known);
    return;
  }
  begin_body(*head);
}

// Fills the head that the service sees; returns why the request is refused before its body, if it
// is.
std::optional<grpc::status> http1_session::decide(const http1::request_head& head,
                                                  net::request_head& request) {
  request.via = protocol::http1;
  request.method = head.method;
  request.path = head.path;
  request.query = head.query;
  request.peer = host_.peer();
  if (head.body == http1::framing::length) request.content_length = head.length;
  std::string_view content_coding;
  unsigned content_codings = 0;
  for (const http1::field& f : head.fields) {
    if (http1::name_is(f.name, "content-type")) {
      request.content_type = f.value;
    } else if (http1::name_is(f.name, "content-encoding")) {
      content_coding = f.value;
      content_codings += 1;
    } else if (http1::name_is(f.name, "accept-encoding")) {
      request.accept_encoding = f.value;
    } else if (host_.options().keep_metadata && metadata_field(f.name)) {
      request.metadata.emplace_back(lower_case(f.name), f.value);
    }
  }
  facts_.errors = form_of(head.method, request.content_type);

  if (head.body == http1::framing::length && head.length > host_.options().message_bytes_max) {
    host_.statistics().refused_early += 1;
    return refusal(grpc::code::resource_exhausted, 413, "the body is larger than the limit");
  }
  const std::optional<coding> body_coding = coding_named(content_coding);
  if (!body_coding || content_codings > 1) {
    host_.statistics().refused_early += 1;
    return refusal(grpc::code::unimplemented, 415, "unknown content coding");
  }
  request.body_coding = *body_coding;
  // Requests without a body (health checks, metrics) need no memory: they are served all the same.
  if (head.body != http1::framing::none && host_.refusing()) {
    host_.statistics().refused_memory += 1;
    return host_.overload();
  }
  std::optional<grpc::status> no = host_.answers().admit(request);
  if (no) host_.statistics().refused_early += 1;
  return no;
}

void http1_session::begin_body(const http1::request_head& head) {
  left_ = head.length;
  if (head.body == http1::framing::chunked) {
    phase_ = phase::chunked;
    chunks_ = {};
  } else if (left_ > 0) {
    phase_ = phase::length;
    if (left_ >= watched_bytes_min) watcher_ = host_.answers().watch(request_);
  } else {
    finish_body();
    return;
  }
  if (!head.expect_continue) return;
  host_.out().append(bytes::from_static(go_on));
  host_.send_later();
}

void http1_session::take_length(bytes& input) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= n;
  ledger::count_received(n);
  bytes piece = input.split_to(n);
  if (watcher_ != nullptr) watcher_->on_piece(piece.view());
  if (!keep_piece(std::move(piece), static_cast<std::size_t>(left_))) return;
  if (left_ == 0) finish_body();
}

void http1_session::take_chunks(bytes& input) {
  auto part = chunks_.next(input);
  if (!part) {
    refuse_bad(part.error().code == errc::too_large ? 413 : 400, part.error().reason);
    return;
  }
  ledger::count_received(part->size());
  if (part->size() > host_.options().message_bytes_max - body_.size()) {
    host_.statistics().refused_early += 1;
    refuse_early(refusal(grpc::code::resource_exhausted, 413, "the body is larger than the limit"),
                 0, false);
    return;
  }
  if (!keep_piece(std::move(*part), SIZE_MAX)) return;
  if (chunks_.done()) finish_body();
}

void http1_session::take_skipped(bytes& input) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  left_ -= n;
  input.advance(n);
  if (left_ > 0) return;
  phase_ = phase::head;
  if (!draining_) return;
  phase_ = phase::closed;
  host_.close_when_sent();
}

bool http1_session::keep_piece(bytes piece, std::size_t behind) {
  if (body_.append(std::move(piece), behind)) return true;
  refuse_for_memory();
  return false;
}

std::span<std::byte> http1_session::direct_room() {
  if (phase_ != phase::length) return {};
  if (!block_) {
    if (left_ < direct_bytes_min) return {};
    const std::size_t most = std::clamp(body_.size(), direct_bytes_first, direct_bytes_most);
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(left_, most));
    block_ = host_.on().memory().take(room);
    if (!block_) return {};  // perhaps the slab has some left; the next read tries again
  }
  const std::span<std::byte> spare = block_.spare();
  return spare.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, spare.size())));
}

void http1_session::on_direct(std::size_t n) {
  if (phase_ != phase::length) return;
  block_.commit(n);
  left_ -= n;
  ledger::count_received(n);
  if (watcher_ != nullptr) watcher_->on_piece(block_.written().last(n));
  if (left_ > 0 && !block_.spare().empty()) return;
  const bool kept = body_.append(std::move(block_).freeze(), static_cast<std::size_t>(left_));
  block_ = bytes_builder();
  if (!kept) {
    refuse_for_memory();
  } else if (left_ == 0) {
    finish_body();
  }
}

void http1_session::finish_body() {
  phase_ = phase::waiting;
  auto request = std::make_unique<http1_exchange>(*this, std::move(request_));
  request->watched_by(std::move(watcher_));
  open_ = request.get();
  host_.answers().serve(std::move(request), body_.take());
}

void http1_session::drop_body() {
  body_.clear();
  block_ = bytes_builder();
  watcher_.reset();
}

void http1_session::on_end() {
  ended_ = true;
  work_off();  // what is complete is answered; what is not never will be
}

void http1_session::drain() {
  draining_ = true;
  if (phase_ == phase::head && !scanner_.begun() && pending_.empty()) {
    phase_ = phase::closed;
    host_.close_when_sent();
  }
}

void http1_session::shed() {
  if (phase_ == phase::waiting || phase_ == phase::skip || phase_ == phase::closed) return;
  if (phase_ == phase::head) {
    facts_ = {};
    facts_.keep_alive = false;
  }
  refuse_for_memory();
}

// ---------------------------------------------------------------------------------------- refusals

// `body_known`: exactly `body_left` bytes follow, which can be read past.
void http1_session::refuse_early(const grpc::status& why, std::uint64_t body_left,
                                 bool body_known) {
  drop_body();
  request_ = {};
  const bool skip = body_known && body_left <= skip_bytes_max;
  grpc::status said = why;
  if (!skip) said.close_connection = true;
  phase_ = phase::waiting;
  write_refusal(said);
  if (phase_ == phase::head && body_left > 0) {
    phase_ = phase::skip;
    left_ = body_left;
  }
}

// The peer breaks the protocol: where its next message begins is unknown.
void http1_session::refuse_bad(int http, std::string_view reason) {
  host_.statistics().refused_early += 1;
  host_.statistics().protocol_errors += 1;
  refuse_early(refusal(grpc::code::invalid_argument, http, reason), 0, false);
}

void http1_session::refuse_for_memory() {
  host_.statistics().refused_memory += 1;
  const bool known = phase_ == phase::length;
  refuse_early(host_.overload(), left_, known);
}

// ----------------------------------------------------------------------------------------- answers

void http1_session::write_reply(reply&& r) {
  if (phase_ == phase::closed) return;
  const bool close = closes_after(false);
  const bool plain = r.http_status == 200 && r.fields.empty() && r.body.empty() && !close &&
                     facts_.minor == 1 && r.content_type == "application/x-protobuf";
  if (plain) {
    host_.out().append(bytes::from_static(protobuf_done));
    end_of_answer(false);
    return;
  }
  http1::head_writer head = http1::head_writer::response(r.http_status);
  if (!r.content_type.empty()) head.field("Content-Type", r.content_type);
  const bool bodiless = r.http_status < 200 || r.http_status == 204 || r.http_status == 304;
  if (!bodiless) head.field("Content-Length", r.body.size());
  for (const auto& [name, value] : r.fields) head.field(name, value);
  add_connection_field(head, close);
  host_.out().append(head.finish());
  if (!bodiless && !facts_.head_only) host_.out().append(std::move(r.body));
  end_of_answer(close);
}

void http1_session::write_refusal(const grpc::status& why) {
  if (phase_ == phase::closed) return;
  const bool close = closes_after(why.close_connection);
  const int http = why.http >= 400 && why.http <= 599 ? why.http : 500;
  error_body body = describe(why, facts_.errors);
  http1::head_writer head = http1::head_writer::response(http);
  head.field("Content-Type", body.content_type);
  head.field("Content-Length", body.text.size());
  if (why.retry_after && (http == 429 || http == 503)) {
    head.field("Retry-After", http1::retry_after_seconds(*why.retry_after));
  }
  if (http == 405) head.field("Allow", "POST");
  if (http == 415) head.field("Accept-Encoding", codings_taken);
  add_connection_field(head, close);
  host_.out().append(head.finish());
  if (!facts_.head_only) host_.out().append(bytes::from_string(std::move(body.text)));
  end_of_answer(close);
}

void http1_session::add_connection_field(http1::head_writer& head, bool close) const {
  if (close) {
    head.field("Connection", "close");
  } else if (facts_.minor == 0) {
    head.field("Connection", "keep-alive");
  }
}

void http1_session::end_of_answer(bool close) {
  phase_ = close ? phase::closed : phase::head;
  if (close) {
    pending_.clear();
    host_.close_when_sent();
  } else {
    host_.send_later();
  }
}

}  // namespace

std::unique_ptr<session> make_http1_session(session_host& host) {
  return std::make_unique<http1_session>(host);
}

}  // namespace zc::net
