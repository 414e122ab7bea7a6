#include "zc/net/grpc_client.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"
#include "zc/wire/grpc/framing.h"

namespace zc::net {
namespace {

// Old connections that only finish their streams, per connection in use.
constexpr std::size_t retiring_per_connection = 4;

}  // namespace

grpc_client::grpc_client(shard& on, client_options how)
    : shard_(on),
      options_(std::move(how)),
      authority_(!options_.authority.empty()     ? options_.authority
                 : options_.to.unix_path.empty() ? options_.to.text()
                                                 : std::string("localhost")),
      jitter_(static_cast<std::uint32_t>(on.now().time_since_epoch().count()) | 1) {
  ZC_CHECK(options_.connections_max > 0 && options_.requests_max > 0);
  fields_.assign({
      {":method", "POST", true},
      {":scheme", "http", true},
      {":authority", authority_, true},
      {"content-type", "application/grpc", true},
      {"te", "trailers", true},
  });
  if (!options_.user_agent.empty()) fields_.push_back({"user-agent", options_.user_agent, true});
  ZC_CHECK(options_.fields.size() <= grpc_connection::fields_max - fields_.size());
  for (const auto& [name, value] : options_.fields) fields_.push_back({name, value, true});
}

grpc_client::~grpc_client() {
  closing_ = true;
  if (destroyed_ != nullptr) *destroyed_ = true;
  destroyed_ = nullptr;
  const auto end_all = [](grpc_list<grpc_connection>& all) {
    while (!all.empty()) {
      grpc_connection& c = *all.first;
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
    grpc_call& c = *ended_.first;
    ended_.remove(c);
    pending_ -= 1;
    c.deliver();
  }
}

void grpc_client::send(client_request&& request, done then) {
  ZC_CHECK(pending_ < capacity());
  ZC_CHECK(request.body.size() <= grpc::message_bytes_max);
  pending_ += 1;
  if (request.body.size() >= body_bytes_hurried) shard_.end_turn_soon();
  auto* const c = new grpc_call(*this, std::move(request), std::move(then));
  queue_.push(*c);
  if (closing_) c->end(outcome::kind::cancelled, "shutting down");
  look_again();
}

bool grpc_client::connected() const noexcept {
  for (const grpc_connection* c = active_.first; c != nullptr; c = c->next_in_list) {
    if (c->up()) return true;
  }
  return false;
}

result<bytes_chain> grpc_client::inflate(const bytes_chain& message, coding as) {
  if (!coder_) coder_ = std::make_unique<coder>();
  return coder_->inflate(message, as, options_.response_bytes_max, shard_.memory(),
                         urgency::draining);
}

std::string_view grpc_client::timeout_text(nanoseconds left) {
  left = std::max(left, nanoseconds(1));
  if (std::exchange(timeout_said_, left) != left) timeout_text_ = grpc::encode_timeout(left);
  return timeout_text_;
}

void grpc_client::ended(grpc_call& c) noexcept {
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
    grpc_call& c = *failed_.first;
    failed_.remove(c);
    ended_.push(c);
  }
  look_again();
}

void grpc_client::at_turn_end() {
  while (!over_.empty()) {
    grpc_connection& c = *over_.first;
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
    grpc_call& c = *ended_.first;
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
    grpc_connection* const c = pick();
    if (c == nullptr) break;
    c->submit(*queue_.first);
  }
  if (queue_.empty()) return;
  if (may_connect()) {
    if (shard_.now() >= next_attempt_) {
      connect();
    } else if (active_.empty()) {
      fail_waiting(outcome::kind::unreachable, "waiting to connect again: " + last_failure_);
    }
  }
}

// The one with the fewest calls.
grpc_connection* grpc_client::pick() {
  grpc_connection* best = nullptr;
  for (grpc_connection* c = active_.first; c != nullptr;) {
    grpc_connection* const here = std::exchange(c, c->next_in_list);
    if (here->worn_out()) here->retire();
    if (here->has_room() && (best == nullptr || here->calls() < best->calls())) best = here;
  }
  return best;
}

bool grpc_client::may_connect() const noexcept {
  if (closing_ || active_count_ >= options_.connections_max) return false;
  for (const grpc_connection* c = active_.first; c != nullptr; c = c->next_in_list) {
    if (c->connecting()) return false;  // one at a time
  }
  return true;
}

void grpc_client::connect() {
  auto* const c = new grpc_connection(*this);
  active_.push(*c);
  active_count_ += 1;
  c->start();
}

void grpc_client::fail_waiting(outcome::kind what, const std::string& why) {
  failing_ = true;
  while (!queue_.empty()) queue_.first->end(what, why);
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

void grpc_client::on_useful() {
  backoff_ = nanoseconds(0);
  next_attempt_ = {};
  was_useless_ = false;
}

// Once may be bad luck (a server that restarts); again and again, it would be a busy loop.
void grpc_client::on_useless(const std::string& why) {
  last_failure_ = why;
  if (std::exchange(was_useless_, true)) back_off();
}

void grpc_client::on_retiring(grpc_connection& c) {
  active_.remove(c);
  active_count_ -= 1;
  retiring_.push(c);
  retiring_count_ += 1;
  if (retiring_count_ > options_.connections_max * retiring_per_connection) {
    retiring_.first->lose("too many old connections still had requests under way");
  }
  look_again();
}

void grpc_client::on_over(grpc_connection& c, bool greeted, outcome::kind what,
                          const std::string& why) {
  if (c.retiring()) {
    retiring_.remove(c);
    retiring_count_ -= 1;
  } else {
    active_.remove(c);
    active_count_ -= 1;
  }
  over_.push(c);
  if (!greeted) {
    last_failure_ = why;
    back_off();
    if (active_.empty()) fail_waiting(what, why);
  }
  look_again();
}

std::unique_ptr<client> client::grpc(shard& on, client_options how) {
  return std::make_unique<grpc_client>(on, std::move(how));
}

}  // namespace zc::net
