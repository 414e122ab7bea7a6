// gRPC over HTTP/2: unary calls, multiplexed over few connections.
//
//     send() -> queue -> (turn end) -> a connection with room -> stream -> outcome -> (turn end) ->
//     done
//
// Outcomes are delivered at the end of the turn and never from inside a connection, so that a
// `done` may send again or destroy the client. Connections that end are kept until the turn end for
// the same reason.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/net/client.h"
#include "zc/net/link.h"
#include "zc/wire/grpc/framing.h"
#include "zc/wire/http2/session.h"

namespace zc::net {
namespace {

using http2::field;
using http2::token;

// Old connections that only finish their streams, per connection in use.
constexpr std::size_t retiring_per_connection = 4;
// Fields of a request: ours, and as many of the user's as fit beside them.
constexpr std::size_t fields_max = 96;

class grpc_client;
class connection;

template <class T>
struct list {
  T* first = nullptr;
  T** last = &first;

  bool empty() const noexcept { return first == nullptr; }
  void push(T& item) noexcept {
    item.next_in_list = nullptr;
    item.link_in_list = last;
    *last = &item;
    last = &item.next_in_list;
  }
  void remove(T& item) noexcept {
    *item.link_in_list = item.next_in_list;
    if (item.next_in_list != nullptr) {
      item.next_in_list->link_in_list = item.link_in_list;
    } else {
      last = item.link_in_list;
    }
    item.next_in_list = nullptr;
    item.link_in_list = nullptr;
  }
};

// One request, from send() to its outcome. Always in exactly one list: the queue's, its
// connection's, or that of what has ended.
class call final : public http2::stream {
 public:
  call(grpc_client& home, client_request&& request, client::done then);

  call* next_in_list = nullptr;
  call** link_in_list = nullptr;

  const client_request& request() const noexcept { return request_; }
  bytes_chain take_body() noexcept { return std::move(request_.body); }
  time_point deadline() const noexcept { return deadline_; }
  void assign(connection* to) noexcept { on_ = to; }
  // Ends the call, and its stream if it has one.
  void end(outcome::kind what, std::string message);
  void end_unassigned(outcome::kind what, std::string message);
  void deliver();  // Requires: ended

 private:
  void on_field(token known, std::string_view name, std::string_view value) override;
  void on_head(http2::head_end how) override;
  void on_data(bytes piece) override;
  void on_end() override;
  void on_sent(std::size_t n) override { ledger::count_forwarded(n); }
  void on_closed(http2::error_code why) override;

  void on_status(std::string_view digits);
  void answered();
  void ended();
  void on_timer();

  grpc_client& home_;
  connection* on_ = nullptr;  // null: waiting, or ended
  client_request request_;
  client::done then_;
  outcome outcome_;
  time_point deadline_ = time_point::max();
  grpc::message_assembler message_;
  std::optional<grpc::code> status_;
  std::optional<nanoseconds> retry_info_;  // google.rpc.retryinfo-bin
  std::optional<nanoseconds> pushback_;    // grpc-retry-pushback-ms
  bool has_ended_ = false;
  bool coded_ = false;  // a grpc-encoding that is not identity
  member_timer<call, &call::on_timer> timer_{*this};
};

class connection final : public link, private http2::session_events {
 public:
  explicit connection(grpc_client& home);
  ~connection();

  connection* next_in_list = nullptr;
  connection** link_in_list = nullptr;

  void start();
  void lose(std::string why);
  bool usable() const noexcept { return up_ && !retiring_ && http_.may_request(); }
  bool connecting() const noexcept { return !up_ && !over_; }
  bool up() const noexcept { return up_ && !over_; }
  bool has_room() const noexcept;
  std::size_t calls() const noexcept { return http_.streams(); }
  void submit(call& c);  // from the queue
  // The call needs its stream no more. Unless both sides are done, the peer is told to stop.
  void abandon(call& c);
  void retire();
  void cancel_all();
  bool retiring() const noexcept { return retiring_; }
  // The session takes no more requests (its ids are used up), and no GOAWAY says so.
  bool worn_out() const noexcept { return up_ && !retiring_ && !over_ && !http_.may_request(); }
  void left(call& c) noexcept { calls_.remove(c); }

 private:
  // link
  std::span<std::byte> receive_room() override { return on().receive_room(urgency::draining); }
  void on_bytes(bytes received) override;
  void fill_out() override;
  void on_lost(const error& why) override;
  // stream_events
  void on_connected() override;
  void on_end() override;
  // http2::session_events
  void on_settings() override;
  void on_goaway(std::int32_t last, http2::error_code why) override;

  static http2::limits limits_of(const client_options& how);
  void on_timer();
  void look_for_the_end();

  grpc_client& home_;
  http2::session http_;
  list<call> calls_;  // at most requests_max
  bool up_ = false;
  bool retiring_ = false;  // a GOAWAY came: finishes its streams, takes no new ones
  bool over_ = false;
  member_timer<connection, &connection::on_timer> timer_{*this};
};

class grpc_client final : public client, private turn_end_work {
 public:
  grpc_client(shard& on, client_options how);
  ~grpc_client() override;

  void send(client_request&& request, done then) override;
  std::size_t pending() const noexcept override { return pending_; }
  std::size_t capacity() const noexcept override {
    return options_.connections_max * options_.requests_max;
  }
  bool connected() const noexcept override;

  shard& on() noexcept { return shard_; }
  const client_options& options() const noexcept { return options_; }
  std::span<const field> fields() const noexcept { return fields_; }

  void unqueue(call& c) noexcept { queue_.remove(c); }
  void ended(call& c) noexcept;
  void look_again() noexcept { shard_.at_turn_end(*this); }

  void on_up();  // the peer's SETTINGS came: it is alive
  void on_retiring(connection& c);
  void on_over(connection& c, bool was_up, const std::string& why);

 private:
  void at_turn_end() override;
  void assign_waiting();
  connection* pick();
  bool may_connect() const noexcept;
  void connect();
  void fail_waiting(const std::string& why);
  void back_off() noexcept;
  void deliver_failed();
  bool deliver();  // false: the client was destroyed

  shard& shard_;
  const client_options options_;
  const std::string authority_;
  std::vector<field> fields_;  // what every request begins with; the first is replaced by :path
  list<call> queue_;           // waiting for a connection; at most capacity()
  list<call> ended_;           // outcomes to be delivered at the turn end
  list<call>
      failed_;  // in the next turn: a caller that sends again at once must not loop within one
  list<connection> active_;    // connecting or in use; at most connections_max
  list<connection> retiring_;  // after GOAWAY; at most connections_max * retiring_per_connection
  list<connection> over_;      // destroyed at the turn end
  std::size_t active_count_ = 0;
  std::size_t retiring_count_ = 0;
  std::size_t pending_ = 0;
  nanoseconds backoff_{0};  // 0: the last attempt succeeded
  time_point next_attempt_{};
  std::string last_failure_;
  std::uint32_t jitter_;
  bool* destroyed_ = nullptr;  // set while outcomes are delivered
  bool closing_ = false;
  bool failing_ = false;
  member_timer<grpc_client, &grpc_client::deliver_failed> later_{*this};
};

std::string reason_of(const error& e) {
  std::string text = e.reason;
  if (e.os != 0) {
    text += " (errno ";
    text += std::to_string(e.os);
    text += ')';
  }
  return text;
}

// google.rpc.RetryInfo on its own reads like one that is the only detail of a google.rpc.Status.
std::optional<nanoseconds> delay_in_retry_info(std::string_view encoded) {
  constexpr std::string_view type = "type.googleapis.com/google.rpc.RetryInfo";
  if (encoded.size() > 64) return std::nullopt;  // so that all lengths below fit one byte
  std::string any{'\x0a', static_cast<char>(type.size())};
  any += type;
  any += '\x12';
  any += static_cast<char>(encoded.size());
  any += encoded;
  std::string status{'\x1a', static_cast<char>(any.size())};
  return grpc::retry_delay_in_status(status += any);
}

// -------------------------------------------------------------------------------------- call

call::call(grpc_client& home, client_request&& request, client::done then)
    : home_(home),
      request_(std::move(request)),
      then_(std::move(then)),
      message_(home.options().response_bytes_max, nullptr) {
  if (request_.timeout.count() <= 0) return;
  deadline_ = home.on().now() + request_.timeout;
  home.on().arm(timer_, request_.timeout);
}

void call::deliver() {
  client::done then = std::move(then_);
  outcome what = std::move(outcome_);
  delete this;
  then(std::move(what));
}

void call::end(outcome::kind what, std::string message) {
  if (has_ended_) return;
  outcome_.what = what;
  outcome_.message = std::move(message);
  ended();
}

// Leaves its list for that of the ended ones. A stream that is still open is given up.
void call::ended() {
  has_ended_ = true;
  timer_.disarm();
  if (on_ != nullptr) {
    connection* const from = std::exchange(on_, nullptr);
    from->left(*this);
    if (open()) from->abandon(*this);
  } else {
    home_.unqueue(*this);
  }
  request_.body.clear();
  home_.ended(*this);
}

// The same for a call that has just left the queue and has no stream.
void call::end_unassigned(outcome::kind what, std::string message) {
  outcome_.what = what;
  outcome_.message = std::move(message);
  has_ended_ = true;
  timer_.disarm();
  home_.ended(*this);
}

void call::on_timer() {
  end(outcome::kind::timed_out, "the request timed out");
}

void call::on_status(std::string_view digits) {
  unsigned n = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  const bool known = bad == std::errc() && end == digits.data() + digits.size() &&
                     n <= static_cast<unsigned>(grpc::code::unauthenticated);
  status_ = known ? static_cast<grpc::code>(n) : grpc::code::unknown;
}

void call::on_field(token known, std::string_view, std::string_view value) {
  switch (known) {
    case token::status: {
      int n = 0;
      std::from_chars(value.data(), value.data() + value.size(), n);
      outcome_.http_status = n;
      return;
    }
    case token::content_type:
      outcome_.content_type = value;
      return;
    case token::grpc_status:
      on_status(value);
      return;
    case token::grpc_message:
      outcome_.message = grpc::decode_message(value);
      return;
    case token::grpc_encoding:
      coded_ = value != "identity";
      return;
    case token::grpc_status_details_bin:
      if (const auto raw = grpc::base64_decode(value)) {
        outcome_.retry_after = grpc::retry_delay_in_status(*raw);
      }
      return;
    case token::retryinfo_bin:
      if (const auto raw = grpc::base64_decode(value)) retry_info_ = delay_in_retry_info(*raw);
      return;
    case token::grpc_retry_pushback_ms: {
      std::int64_t ms = -1;
      std::from_chars(value.data(), value.data() + value.size(), ms);
      constexpr std::int64_t day_ms = 86'400'000;
      if (ms >= 0) pushback_ = std::chrono::milliseconds(std::min(ms, day_ms));
      return;
    }
    default:
      return;
  }
}

void call::on_head(http2::head_end how) {
  if (!how.too_large) return;
  end(outcome::kind::protocol_error, "the header list of the response is too large");
}

void call::on_data(bytes piece) {
  if (has_ended_) return;
  // A body that is not gRPC (a proxy's error page) is of no use.
  if (!outcome_.content_type.starts_with("application/grpc")) return;
  const result<void> fed = message_.feed(std::move(piece));
  if (!fed) {
    end(fed.error().code == errc::too_large ? outcome::kind::too_large
                                            : outcome::kind::protocol_error,
        fed.error().reason);
  } else if (message_.prefix_known() && message_.compressed()) {
    // Never asked for: we send no grpc-accept-encoding.
    end(outcome::kind::protocol_error,
        coded_ ? "the response is compressed"
               : "the response is marked as compressed, with no coding");
  }
}

void call::on_end() {
  if (!has_ended_) answered();
}

// The peer has said everything.
void call::answered() {
  outcome_.what = outcome::kind::answered;
  outcome_.grpc = status_.value_or(grpc::from_http(outcome_.http_status));
  if (!status_ && outcome_.message.empty()) {
    outcome_.message =
        "the response has no grpc-status; HTTP status " + std::to_string(outcome_.http_status);
  }
  if (outcome_.grpc == grpc::code::ok && message_.started() && !message_.complete()) {
    end(outcome::kind::protocol_error, "the response ended inside its message");
    return;
  }
  if (message_.complete()) outcome_.body = message_.take();
  if (!outcome_.retry_after) outcome_.retry_after = retry_info_;
  if (!outcome_.retry_after) outcome_.retry_after = pushback_;
  ended();
}

void call::on_closed(http2::error_code why) {
  if (has_ended_) return;
  if (status_) {  // said before the reset, as servers do that want no more of the request
    answered();
    return;
  }
  if (why == http2::error_code::refused_stream) {
    end(outcome::kind::refused_stream, "the server refused the stream");
    return;
  }
  outcome_.what = outcome::kind::answered;
  outcome_.grpc = grpc::from_h2_error(static_cast<std::uint32_t>(why));
  outcome_.message =
      "the stream was reset with HTTP/2 error " + std::to_string(static_cast<std::uint32_t>(why));
  ended();
}

// -------------------------------------------------------------------------------- connection

http2::limits connection::limits_of(const client_options& how) {
  http2::limits l;
  l.stream_window = 1_MiB;
  l.connection_window = 8_MiB;
  l.frame_bytes_max = 256_KiB;
  l.head_bytes_max = 64_KiB;
  l.head_fields_max = 200;
  // A server that was configured, not a stranger; some send a WINDOW_UPDATE per DATA frame and
  // level.
  l.idle_frames_burst = 20'000;
  l.idle_frames_per_second = 20'000;
  l.resets_burst = static_cast<std::uint32_t>(
      std::min<std::size_t>(how.requests_max + 1'000, std::numeric_limits<std::uint32_t>::max()));
  l.resets_per_second = 1'000;
  l.acknowledgements_max = 1'000;
  return l;
}

connection::connection(grpc_client& home)
    : link(home.on()),
      home_(home),
      http_(http2::session::role::client, limits_of(home.options()), *this) {}

connection::~connection() {
  // Whoever destroys a connection has ended its calls.
  ZC_CHECK(calls_.empty());
  attach(nullptr);
}

void connection::start() {
  auto made = on().io().connect(home_.options().to, home_.options().socket, *this);
  if (!made) {
    lose(reason_of(made.error()));
    return;
  }
  attach(std::move(*made));
  on().arm(timer_, home_.options().connect_timeout);
}

void connection::on_timer() {
  if (up_ && http_.greeted()) return;
  lose(up_ ? "the server sent no HTTP/2 settings" : "the connection could not be made in time");
}

void connection::on_connected() {
  if (over_) return;
  up_ = true;
  send_later();  // the preface
  home_.look_again();
}

bool connection::has_room() const noexcept {
  const std::size_t allowed =
      std::min<std::size_t>(home_.options().requests_max, http_.peer_streams_max());
  return usable() && calls() < allowed;
}

void connection::submit(call& c) {
  const client_request& r = c.request();
  std::array<field, fields_max> head;
  const std::span<const field> fixed = home_.fields();
  std::copy(fixed.begin(), fixed.end(), head.begin());
  std::size_t n = fixed.size();
  head[0].value = r.path;
  if (r.body_coding != coding::identity) {
    head[n++] = {"grpc-encoding", name_of(r.body_coding), true};
  }
  std::string timeout;
  if (c.deadline() != time_point::max()) {
    timeout = grpc::encode_timeout(std::max(c.deadline() - on().now(), nanoseconds(1)));
    head[n++] = {"grpc-timeout", timeout};
  }
  http2::content rest;
  const auto prefix = grpc::encode_prefix(r.body.size(), r.body_coding != coding::identity);
  std::copy(prefix.begin(), prefix.end(), rest.prefix.begin());
  rest.prefix_size = grpc::prefix_bytes;
  rest.body = c.take_body();
  home_.unqueue(c);
  if (!http_.request(c, {head.data(), n}, std::move(rest))) {
    c.end_unassigned(outcome::kind::refused_stream, "the connection takes no more requests");
    return;
  }
  c.assign(this);
  calls_.push(c);
  send_later();
}

void connection::abandon(call& c) {
  if (!c.peer_ended() || c.unsent() > 0) {
    http_.reset(c, http2::error_code::cancel);
    send_later();
  }
  http_.forget(c);
}

void connection::cancel_all() {
  while (!calls_.empty()) {
    call& c = *calls_.first;
    http_.forget(c);
    c.end(outcome::kind::cancelled, "shutting down");
  }
}

void connection::retire() {
  if (std::exchange(retiring_, true)) return;
  http_.goaway(http2::error_code::no_error);
  send_later();
  home_.on_retiring(*this);
}

void connection::on_bytes(bytes received) {
  if (over_) return;
  const result<void> fed = http_.feed(received, on().now().time_since_epoch());
  if (!fed) {
    // What explains our leaving still goes out, if the kernel takes it at once.
    send_later();
    home_.look_again();
  }
  if (http_.wants_output() || http_.finished_reading()) send_later();
}

void connection::fill_out() {
  if (over_ || !up_) return;
  http_.collect(out(), link::out_high_water);
  if (out().empty()) look_for_the_end();
}

// Nothing is left to be read or sent: after a GOAWAY and the last stream, or after an error.
void connection::look_for_the_end() {
  if (!http_.finished_reading() || http_.wants_output()) return;
  lose(retiring_ ? "the server closed the connection" : "the server broke the protocol");
}

void connection::on_settings() {
  if (http_.greeted()) timer_.disarm();
  home_.on_up();
  home_.look_again();
}

void connection::on_goaway(std::int32_t, http2::error_code) {
  if (std::exchange(retiring_, true)) return;
  home_.on_retiring(*this);
}

void connection::on_lost(const error& why) {
  lose(reason_of(why));
}

void connection::on_end() {
  lose("the server closed the connection");
}

// Ends all calls; the connection itself is destroyed at the turn end.
void connection::lose(std::string why) {
  if (std::exchange(over_, true)) return;
  timer_.disarm();
  // Bytes came, but never a SETTINGS frame: whoever listens there speaks something else.
  const bool stranger = !http_.greeted() && bytes_in() > 0;
  while (!calls_.empty()) {
    call& c = *calls_.first;
    http_.forget(c);
    c.end(stranger ? outcome::kind::protocol_error : outcome::kind::disconnected, why);
  }
  home_.on_over(*this, http_.greeted(), why);
}

// ------------------------------------------------------------------------------------ client

grpc_client::grpc_client(shard& on, client_options how)
    : shard_(on),
      options_(std::move(how)),
      authority_(!options_.authority.empty()     ? options_.authority
                 : options_.to.unix_path.empty() ? options_.to.text()
                                                 : std::string("localhost")),
      jitter_(static_cast<std::uint32_t>(on.now().time_since_epoch().count()) | 1) {
  ZC_CHECK(options_.connections_max > 0 && options_.requests_max > 0);
  fields_.assign({
      {":path", "", true},  // the caller keeps it until the outcome
      {":method", "POST", true},
      {":scheme", "http", true},
      {":authority", authority_, true},
      {"content-type", "application/grpc", true},
      {"te", "trailers", true},
  });
  if (!options_.user_agent.empty()) fields_.push_back({"user-agent", options_.user_agent, true});
  ZC_CHECK(options_.fields.size() <= fields_max - fields_.size() - 2);
  for (const auto& [name, value] : options_.fields) fields_.push_back({name, value, true});
}

grpc_client::~grpc_client() {
  closing_ = true;
  if (destroyed_ != nullptr) *destroyed_ = true;
  destroyed_ = nullptr;
  const auto end_all = [](list<connection>& all) {
    while (!all.empty()) {
      connection& c = *all.first;
      all.remove(c);
      c.cancel_all();
      delete &c;
    }
  };
  end_all(active_);
  end_all(retiring_);
  end_all(over_);
  while (!queue_.empty()) queue_.first->end(outcome::kind::cancelled, "shutting down");
  deliver_failed();
  while (!ended_.empty()) {
    call& c = *ended_.first;
    ended_.remove(c);
    pending_ -= 1;
    c.deliver();
  }
}

void grpc_client::send(client_request&& request, done then) {
  ZC_CHECK(pending_ < capacity());
  ZC_CHECK(request.body.size() <= grpc::message_bytes_max);
  pending_ += 1;
  auto* const c = new call(*this, std::move(request), std::move(then));
  queue_.push(*c);
  if (closing_) c->end(outcome::kind::cancelled, "shutting down");
  look_again();
}

bool grpc_client::connected() const noexcept {
  for (const connection* c = active_.first; c != nullptr; c = c->next_in_list) {
    if (c->up()) return true;
  }
  return false;
}

void grpc_client::ended(call& c) noexcept {
  if (failing_) {
    failed_.push(c);
    shard_.arm(later_, nanoseconds(1));
    return;
  }
  ended_.push(c);
  look_again();
}

void grpc_client::deliver_failed() {
  while (!failed_.empty()) {
    call& c = *failed_.first;
    failed_.remove(c);
    ended_.push(c);
  }
  look_again();
}

void grpc_client::at_turn_end() {
  while (!over_.empty()) {
    connection& c = *over_.first;
    over_.remove(c);
    delete &c;
  }
  assign_waiting();
  if (!deliver()) return;
  assign_waiting();  // answers make room, and bring new requests
}

bool grpc_client::deliver() {
  bool gone = false;
  bool* const outer = std::exchange(destroyed_, &gone);
  while (!ended_.empty()) {
    call& c = *ended_.first;
    ended_.remove(c);
    pending_ -= 1;
    c.deliver();
    if (gone) return false;
  }
  destroyed_ = outer;
  return true;
}

void grpc_client::assign_waiting() {
  while (!queue_.empty()) {
    connection* const c = pick();
    if (c == nullptr) break;
    c->submit(*queue_.first);
  }
  if (queue_.empty()) return;
  if (may_connect()) {
    if (shard_.now() >= next_attempt_) {
      connect();
    } else if (active_.empty()) {
      fail_waiting("waiting to connect again: " + last_failure_);
    }
  }
}

// The one with the fewest calls.
connection* grpc_client::pick() {
  connection* best = nullptr;
  for (connection* c = active_.first; c != nullptr;) {
    connection* const here = std::exchange(c, c->next_in_list);
    if (here->worn_out()) here->retire();
    if (here->has_room() && (best == nullptr || here->calls() < best->calls())) best = here;
  }
  return best;
}

bool grpc_client::may_connect() const noexcept {
  if (closing_ || active_count_ >= options_.connections_max) return false;
  for (const connection* c = active_.first; c != nullptr; c = c->next_in_list) {
    if (c->connecting()) return false;  // one at a time
  }
  return true;
}

void grpc_client::connect() {
  auto* const c = new connection(*this);
  active_.push(*c);
  active_count_ += 1;
  c->start();
}

void grpc_client::fail_waiting(const std::string& why) {
  failing_ = true;
  while (!queue_.empty()) queue_.first->end(outcome::kind::unreachable, why);
  failing_ = false;
}

void grpc_client::back_off() noexcept {
  const nanoseconds next = backoff_ * 8 / 5;
  backoff_ = std::clamp<nanoseconds>(next, options_.backoff_min,
                                     std::max(options_.backoff_min, options_.backoff_max));
  jitter_ ^= jitter_ << 13;
  jitter_ ^= jitter_ >> 17;
  jitter_ ^= jitter_ << 5;
  const auto percent = static_cast<std::int64_t>(80 + jitter_ % 41);
  next_attempt_ = shard_.now() + backoff_ * percent / 100;
}

void grpc_client::on_up() {
  backoff_ = nanoseconds(0);
  next_attempt_ = {};
}

void grpc_client::on_retiring(connection& c) {
  active_.remove(c);
  active_count_ -= 1;
  retiring_.push(c);
  retiring_count_ += 1;
  if (retiring_count_ > options_.connections_max * retiring_per_connection) {
    retiring_.first->lose("too many old connections still had requests under way");
  }
  look_again();
}

void grpc_client::on_over(connection& c, bool was_up, const std::string& why) {
  if (c.retiring()) {
    retiring_.remove(c);
    retiring_count_ -= 1;
  } else {
    active_.remove(c);
    active_count_ -= 1;
  }
  over_.push(c);
  if (!was_up) {
    last_failure_ = why;
    back_off();
    if (active_.empty()) fail_waiting(why);
  }
  look_again();
}

}  // namespace

std::unique_ptr<client> client::grpc(shard& on, client_options how) {
  return std::make_unique<grpc_client>(on, std::move(how));
}

}  // namespace zc::net
