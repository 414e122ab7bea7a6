// The HTTP/1.1 client: a few kept-alive connections to one endpoint, one request on each.
//
//     send() --> waiting_ --> a connection, idle or made on demand --> finished_ --> done
//
// Requests wait in order for a connection. Outcomes are delivered at the end of a turn, by the
// client itself: whatever `done` does (send again, destroy the client), no connection is in the
// middle of something then.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/net/client.h"
#include "zc/net/link.h"
#include "zc/wire/grpc/pieces.h"
#include "zc/wire/http1/chunked.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/http1/head_scanner.h"
#include "zc/wire/http1/head_writer.h"
#include "zc/wire/http1/retry_after.h"

namespace zc::net {
namespace {

using std::chrono::milliseconds;

// How long a server that has stopped reading may take to say why, before the connection counts as
// broken.
constexpr milliseconds last_words_timeout(1'000);
// Heads of 1xx answers that are skipped for one request.
constexpr unsigned interim_heads_max = 8;
// Longer error bodies are not looked into.
constexpr std::size_t reason_bytes_max = 64 * 1024;
constexpr http1::head_limits response_limits{32_KiB, 200};

class http1_client;
class client_link;

// One request under way.
struct job {
  job(http1_client& client, client_request&& r, client::done&& then)
      : home(client), request(std::move(r)), tell(std::move(then)) {}
  void on_timeout();

  http1_client& home;
  client_request request;
  client::done tell;
  client_link* on = nullptr;  // the connection that carries it, if one does
  bool fresh_only = false;    // sent again after a kept-alive connection turned out to be closed
  outcome result;
  member_timer<job, &job::on_timeout> timer{*this};
};

class client_link final : public link {
 public:
  client_link(http1_client& client, shard& on) noexcept
      : link(on), client_(client), scanner_(response_limits), body_(&on.memory()) {}

  result<void> begin();
  void carry(std::unique_ptr<job> request);
  std::unique_ptr<job> give_up();  // takes the request off a connection that is to be closed

  bool connected() const noexcept { return connected_; }
  bool idle() const noexcept { return connected_ && job_ == nullptr && !dead_; }
  bool dead() const noexcept { return dead_; }
  bool reused() const noexcept { return reused_; }
  void kill() noexcept;

 private:
  enum class phase : unsigned char { head, length, chunked, until_close, done };

  // link
  void on_connected() override;
  void on_bytes(bytes received) override;
  void on_end() override;
  void on_failed(const error& why) override;
  void on_lost(const error& why) override;
  void on_progress() override;
  void on_drained() override {}

  void consume(bytes input);
  void take_head(bytes& input);
  void on_head(std::string_view text);
  void take_body(bytes& input);
  void take_chunk(bytes& input);
  bool keep(bytes piece);
  void complete();
  void fail_request(outcome::kind what, const char* message);
  void lost(const char* reason);
  void finish();
  void on_timer();

  http1_client& client_;
  std::unique_ptr<job> job_;
  bool connected_ = false;
  bool dead_ = false;
  bool send_broken_ = false;   // the peer takes nothing more; its last words may still come
  bool reused_ = false;        // an answer has come on this connection before
  bool answered_any_ = false;  // a byte of the answer under way has come
  bool keep_alive_ = false;    // as the answer says
  phase phase_ = phase::head;
  unsigned interim_ = 0;
  std::uint64_t left_ = 0;     // of the body
  std::size_t head_left_ = 0;  // of the request's head, not sent yet: not payload
  std::uint64_t counted_out_ = 0;
  outcome outcome_;
  http1::head_scanner scanner_;
  std::string head_;  // of an answer that came in several pieces; bounded by response_limits
  std::vector<http1::field> fields_;
  http1::chunked_decoder chunks_;
  piece_collector body_;
  member_timer<client_link, &client_link::on_timer> timer_{*this};  // connecting, idle, last words
};

class http1_client final : public client, private turn_end_work {
 public:
  http1_client(shard& on, client_options&& how);
  ~http1_client() override;

  void send(client_request&& request, done then) override;
  std::size_t pending() const noexcept override { return pending_; }
  std::size_t capacity() const noexcept override { return options_.connections_max; }
  bool connected() const noexcept override;

  // From links and jobs.
  shard& on() noexcept { return shard_; }
  const client_options& options() const noexcept { return options_; }
  bytes head_of(const client_request& request) const;
  void on_ready(client_link& who);                      // connected, or idle again
  void on_refused(client_link& who, const error& why);  // could not be connected
  void on_finished(std::unique_ptr<job> request, outcome&& what);
  void send_again(std::unique_ptr<job> request);
  void on_timed_out(job& request);
  void settle() noexcept { shard_.at_turn_end(*this); }  // look at everything at the turn end

 private:
  void at_turn_end() override;
  void remove_dead();
  void assign();
  void connect_for_waiting();
  void deliver();
  void fail_waiting(outcome::kind what, const char* message);
  void back_off();
  void on_backoff_over() { settle(); }

  shard& shard_;
  const client_options options_;
  std::string fixed_fields_;                         // Host, User-Agent and the configured ones
  std::size_t pending_ = 0;                          // at most capacity()
  std::deque<std::unique_ptr<job>> waiting_;         // for a connection; counted in pending_
  std::deque<std::unique_ptr<job>> finished_;        // to be told; counted in pending_
  std::vector<std::unique_ptr<client_link>> links_;  // at most connections_max that live
  milliseconds backoff_{0};  // of the last failure; 0: the last attempt succeeded
  std::uint32_t jitter_ = 0x85ebca6b;
  bool* destroyed_ = nullptr;  // set when a `done` destroys the client
  member_timer<http1_client, &http1_client::on_backoff_over> backoff_timer_{*this};
};

// -------------------------------------------------------------------------------------------- link

void job::on_timeout() {
  home.on_timed_out(*this);
}

result<void> client_link::begin() {
  const client_options& how = client_.options();
  auto made = on().io().connect(how.to, how.socket, *this);
  if (!made) return std::unexpected(made.error());
  attach(std::move(*made));
  on().arm(timer_, how.connect_timeout);
  return {};
}

void client_link::on_connected() {
  if (dead_) return;
  connected_ = true;
  on().arm(timer_, client_.options().idle_timeout);
  client_.on_ready(*this);
}

void client_link::kill() noexcept {
  if (std::exchange(dead_, true)) return;
  timer_.disarm();
  pause();
  client_.settle();
}

std::unique_ptr<job> client_link::give_up() {
  kill();
  if (job_ != nullptr) job_->on = nullptr;
  return std::move(job_);
}

void client_link::carry(std::unique_ptr<job> request) {
  timer_.disarm();
  job_ = std::move(request);
  job_->on = this;
  phase_ = phase::head;
  answered_any_ = false;
  interim_ = 0;
  outcome_ = {};
  scanner_.reset();
  head_.clear();
  bytes head = client_.head_of(job_->request);
  head_left_ = head.size();
  out().append(std::move(head));
  out().append(std::as_const(job_->request.body));  // shared: a retry sends the same bytes
  send_later();
}

void client_link::on_progress() {
  const auto sent =
      static_cast<std::size_t>(bytes_out() - std::exchange(counted_out_, bytes_out()));
  const std::size_t head = std::min(sent, head_left_);
  head_left_ -= head;
  ledger::count_forwarded(sent - head);
}

void client_link::on_bytes(bytes received) {
  if (dead_) return;
  if (job_ == nullptr) {  // nobody asked: a server that says goodbye, or worse
    kill();
    return;
  }
  answered_any_ = true;
  consume(std::move(received));
}

void client_link::consume(bytes input) {
  while (!input.empty() && !dead_ && job_ != nullptr) {
    switch (phase_) {
      case phase::head:
        take_head(input);
        break;
      case phase::length:
      case phase::until_close:
        take_body(input);
        break;
      case phase::chunked:
        take_chunk(input);
        break;
      case phase::done:
        return;
    }
  }
  if (!input.empty() && !dead_) kill();  // bytes behind the answer: out of step
}

void client_link::take_head(bytes& input) {
  const std::string_view text = input.text();
  const auto end = scanner_.feed(text);
  if (!end) {
    fail_request(outcome::kind::protocol_error, end.error().reason);
    return;
  }
  if (!*end) {
    head_.append(text);
    input = bytes();
    return;
  }
  scanner_.reset();
  const bytes whole = input;
  input.advance(**end);
  std::string joined = std::move(head_);
  head_.clear();
  if (joined.empty()) {
    on_head(whole.text().substr(0, **end));
  } else {
    joined.append(whole.text().substr(0, **end));
    on_head(joined);
  }
}

void client_link::on_head(std::string_view text) {
  const auto head = http1::parse_response(text, fields_);
  if (!head) {
    fail_request(outcome::kind::protocol_error, head.error().reason);
    return;
  }
  if (head->status == 101) {
    fail_request(outcome::kind::protocol_error, "the peer switched protocols unasked");
    return;
  }
  if (head->status < 200) {
    if (++interim_ > interim_heads_max) {
      fail_request(outcome::kind::protocol_error, "too many interim answers");
    }
    return;
  }
  outcome_.what = outcome::kind::answered;
  outcome_.http_status = head->status;
  outcome_.message = head->reason;
  outcome_.content_type = http1::find(head->fields, "content-type");
  outcome_.retry_after = http1::parse_retry_after(http1::find(head->fields, "retry-after"),
                                                  std::chrono::system_clock::now());
  keep_alive_ = head->keep_alive;
  left_ = head->length;
  switch (head->body) {
    case http1::framing::none:
      complete();
      return;
    case http1::framing::length:
      if (left_ > client_.options().response_bytes_max) {
        fail_request(outcome::kind::too_large, "the answer is larger than the limit");
        return;
      }
      phase_ = phase::length;
      if (left_ == 0) complete();
      return;
    case http1::framing::chunked:
      phase_ = phase::chunked;
      chunks_ = {};
      return;
    case http1::framing::until_close:
      phase_ = phase::until_close;
      return;
  }
}

void client_link::take_body(bytes& input) {
  std::size_t n = input.size();
  if (phase_ == phase::length) n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, n));
  if (!keep(input.split_to(n))) return;
  if (phase_ != phase::length) return;
  left_ -= n;
  if (left_ == 0) complete();
}

void client_link::take_chunk(bytes& input) {
  auto part = chunks_.next(input);
  if (!part) {
    fail_request(outcome::kind::protocol_error, part.error().reason);
    return;
  }
  if (!keep(std::move(*part))) return;
  if (chunks_.done()) complete();
}

bool client_link::keep(bytes piece) {
  ledger::count_received(piece.size());
  if (piece.size() > client_.options().response_bytes_max - body_.size()) {
    fail_request(outcome::kind::too_large, "the answer is larger than the limit");
    return false;
  }
  if (body_.append(std::move(piece))) return true;
  fail_request(outcome::kind::too_large, "no memory for the answer");
  return false;
}

// Errors of OTLP and gRPC gateways carry a google.rpc.Status, which says more than the reason
// phrase.
void read_reason(outcome& answer) {
  const std::string_view type =
      http1::trim(std::string_view(answer.content_type).substr(0, answer.content_type.find(';')));
  if (!http1::name_is(type, "application/x-protobuf") || answer.body.size() > reason_bytes_max) {
    return;
  }
  const bytes whole = answer.body.flatten_copy();  // one piece, nearly always: not copied
  std::string said = grpc::message_in_status(whole.text());
  if (!said.empty()) answer.message = std::move(said);
}

// The answer is whole. When the request is not yet sent to its end (an early refusal), sending
// stops here: only closing can do that.
void client_link::complete() {
  phase_ = phase::done;
  outcome_.body = body_.take();
  if (outcome_.http_status >= 400) read_reason(outcome_);
  const bool reusable = keep_alive_ && out_waiting() == 0 && !send_broken_;
  if (!reusable) kill();
  finish();
  if (!reusable) return;
  reused_ = true;
  on().arm(timer_, client_.options().idle_timeout);
  client_.on_ready(*this);
}

void client_link::fail_request(outcome::kind what, const char* message) {
  kill();
  body_.clear();
  outcome_ = {};
  outcome_.what = what;
  outcome_.message = message;
  finish();
}

void client_link::finish() {
  if (job_ == nullptr) return;
  job_->on = nullptr;
  client_.on_finished(std::move(job_), std::move(outcome_));
}

void client_link::on_end() {
  if (dead_) return;
  if (phase_ == phase::until_close && job_ != nullptr) {
    complete();
    return;
  }
  lost("the connection was closed before the answer was whole");
}

void client_link::on_failed(const error& why) {
  if (dead_) return;
  if (connected_) {
    lost(why.reason);
    return;
  }
  kill();
  client_.on_refused(*this, why);
}

// Sending has failed. What the peer said before it stopped reading may still be on its way to us.
void client_link::on_lost(const error&) {
  if (dead_) return;
  out().clear();
  send_broken_ = true;
  if (job_ == nullptr) {
    kill();
  } else {
    on().arm(timer_, last_words_timeout);
  }
}

void client_link::lost(const char* reason) {
  if (job_ == nullptr) {
    kill();
    return;
  }
  if (reused_ && !answered_any_ && !job_->fresh_only) {
    // The server closed it while it was idle: most likely it saw nothing of the request.
    client_.send_again(give_up());
    return;
  }
  fail_request(outcome::kind::disconnected, reason);
}

void client_link::on_timer() {
  if (!connected_) {
    kill();
    client_.on_refused(*this, {errc::timed_out, "connecting took too long", 0, 0});
  } else if (job_ != nullptr) {
    lost("the connection broke while sending");
  } else {
    kill();
  }
}

// ------------------------------------------------------------------------------------------ client

http1_client::http1_client(shard& on, client_options&& how) : shard_(on), options_(std::move(how)) {
  ZC_CHECK(options_.connections_max > 0);
  std::string authority = options_.authority;
  if (authority.empty()) {
    authority = options_.to.unix_path.empty() ? options_.to.text() : std::string("localhost");
  }
  http1::head_writer fields = http1::head_writer::request("", "");
  const std::size_t line = fields.size();
  fields.field("Host", authority).field("User-Agent", options_.user_agent);
  for (const auto& [name, value] : options_.fields) fields.field(name, value);
  fixed_fields_ = fields.text().substr(line);
  fixed_fields_.resize(fixed_fields_.size() - 2);  // without the empty line
}

http1_client::~http1_client() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  // Taken over first: a `done` may look at the client, but must find nothing to do.
  std::deque<std::unique_ptr<job>> all = std::move(finished_);
  finished_.clear();
  for (auto& waits : waiting_) {
    waits->result.what = outcome::kind::cancelled;
    all.push_back(std::move(waits));
  }
  waiting_.clear();
  for (auto& each : links_) {
    auto taken = each->give_up();
    if (taken == nullptr) continue;
    taken->result.what = outcome::kind::cancelled;
    all.push_back(std::move(taken));
  }
  links_.clear();
  for (auto& each : all) {
    each->timer.disarm();
    if (each->result.what == outcome::kind::cancelled) each->result.message = "shutting down";
    each->tell(std::move(each->result));
  }
}

void http1_client::send(client_request&& request, done then) {
  ZC_CHECK(pending_ < capacity());
  auto fresh = std::make_unique<job>(*this, std::move(request), std::move(then));
  if (fresh->request.timeout > nanoseconds(0)) shard_.arm(fresh->timer, fresh->request.timeout);
  pending_ += 1;
  waiting_.push_back(std::move(fresh));
  settle();
}

bool http1_client::connected() const noexcept {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& each) { return each->connected() && !each->dead(); });
}

bytes http1_client::head_of(const client_request& request) const {
  http1::head_writer head = http1::head_writer::request(
      "POST", request.path, fixed_fields_.size() + request.path.size() + 160);
  head.lines(fixed_fields_);
  if (!request.content_type.empty()) head.field("Content-Type", request.content_type);
  if (request.body_coding != coding::identity) {
    head.field("Content-Encoding", name_of(request.body_coding));
  }
  head.field("Content-Length", request.body.size());
  return head.finish();
}

void http1_client::on_ready(client_link&) {
  backoff_ = milliseconds(0);
  settle();
}

void http1_client::on_refused(client_link&, const error& why) {
  back_off();
  // Those who wait have no other connection to hope for: tell them now, they know best what to do.
  const bool others =
      std::any_of(links_.begin(), links_.end(), [](const auto& each) { return !each->dead(); });
  if (!others) fail_waiting(outcome::kind::unreachable, why.reason);
}

void http1_client::fail_waiting(outcome::kind what, const char* message) {
  std::deque<std::unique_ptr<job>> all = std::move(waiting_);
  waiting_.clear();
  for (auto& each : all) {
    outcome failed;
    failed.what = what;
    failed.message = message;
    on_finished(std::move(each), std::move(failed));
  }
}

void http1_client::on_finished(std::unique_ptr<job> request, outcome&& what) {
  request->timer.disarm();
  request->result = std::move(what);
  finished_.push_back(std::move(request));
  settle();
}

void http1_client::send_again(std::unique_ptr<job> request) {
  request->fresh_only = true;
  waiting_.push_front(std::move(request));
  settle();
}

void http1_client::on_timed_out(job& request) {
  std::unique_ptr<job> taken;
  outcome late;
  late.what = outcome::kind::timed_out;
  late.message = "no answer in time";
  if (request.on != nullptr) {
    taken = request.on->give_up();
  } else {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const auto& each) { return each.get() == &request; });
    ZC_CHECK(found != waiting_.end());
    taken = std::move(*found);
    waiting_.erase(found);
    late.message = "no connection in time";
  }
  on_finished(std::move(taken), std::move(late));
}

void http1_client::at_turn_end() {
  remove_dead();
  assign();
  connect_for_waiting();
  deliver();  // last: it may destroy us
}

void http1_client::remove_dead() {
  std::erase_if(links_, [](const auto& each) { return each->dead(); });
}

// In order, but a request that must have a fresh connection lets the others pass.
void http1_client::assign() {
  for (auto& each : links_) {
    if (waiting_.empty()) return;
    if (!each->idle()) continue;
    const auto next = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& waits) {
      return !waits->fresh_only || !each->reused();
    });
    if (next == waiting_.end()) continue;
    std::unique_ptr<job> chosen = std::move(*next);
    waiting_.erase(next);
    each->carry(std::move(chosen));
  }
}

void http1_client::connect_for_waiting() {
  if (waiting_.empty() || backoff_timer_.armed()) return;
  auto connecting = static_cast<std::size_t>(std::count_if(
      links_.begin(), links_.end(), [](const auto& each) { return !each->connected(); }));
  while (connecting < waiting_.size() && links_.size() < options_.connections_max) {
    auto fresh = std::make_unique<client_link>(*this, shard_);
    if (auto begun = fresh->begin(); !begun) {
      back_off();
      if (links_.empty()) fail_waiting(outcome::kind::unreachable, begun.error().reason);
      return;
    }
    links_.push_back(std::move(fresh));
    ++connecting;
  }
  if (connecting == 0 && waiting_.front()->fresh_only) {
    // All connections are taken by old ones that are idle: one makes room.
    for (auto& each : links_) {
      if (!each->idle()) continue;
      each->kill();
      break;
    }
  }
}

void http1_client::deliver() {
  bool destroyed = false;
  destroyed_ = &destroyed;
  // What is finished meanwhile is told in the same turn, too: each took at least one event to
  // finish.
  while (!finished_.empty()) {
    std::unique_ptr<job> told = std::move(finished_.front());
    finished_.pop_front();
    pending_ -= 1;
    told->tell(std::move(told->result));
    if (destroyed) return;
  }
  destroyed_ = nullptr;
}

void http1_client::back_off() {
  if (backoff_timer_.armed()) return;  // several attempts at once count as one
  const double grown = static_cast<double>(backoff_.count()) * 1.6;
  const milliseconds next = backoff_ == milliseconds(0)
                                ? options_.backoff_min
                                : milliseconds(static_cast<std::int64_t>(grown));
  backoff_ = std::min(next, options_.backoff_max);
  jitter_ ^= jitter_ << 13;
  jitter_ ^= jitter_ >> 17;
  jitter_ ^= jitter_ << 5;
  const auto percent = static_cast<std::int64_t>(80 + jitter_ % 41);
  shard_.arm(backoff_timer_, nanoseconds(backoff_) * percent / 100);
}

}  // namespace

std::unique_ptr<client> client::http1(shard& on, client_options how) {
  return std::make_unique<http1_client>(on, std::move(how));
}

}  // namespace zc::net
