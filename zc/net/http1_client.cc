#include "zc/net/http1_client.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"
#include "zc/wire/http1/head_writer.h"

namespace zc::net {

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
  closing_ = true;
  if (destroyed_ != nullptr) *std::exchange(destroyed_, nullptr) = true;
  for (auto& each : links_) {
    if (auto taken = each->give_up()) cancel(std::move(taken));
  }
  links_.clear();
  while (!waiting_.empty()) {
    std::unique_ptr<http1_job> next = std::move(waiting_.front());
    waiting_.pop_front();
    cancel(std::move(next));
  }
  // A `done` may send again: that ends at once, like the others.
  while (!finished_.empty()) tell_first();
}

void http1_client::cancel(std::unique_ptr<http1_job> request) {
  outcome ended;
  ended.what = outcome::kind::cancelled;
  ended.message = "shutting down";
  on_finished(std::move(request), std::move(ended));
}

void http1_client::send(client_request&& request, done then) {
  ZC_CHECK(pending_ < capacity());
  if (request.body.size() >= body_bytes_hurried) shard_.end_turn_soon();
  auto fresh = std::make_unique<http1_job>(*this, std::move(request), std::move(then));
  if (fresh->request.timeout > nanoseconds(0)) shard_.arm(fresh->timer, fresh->request.timeout);
  pending_ += 1;
  if (closing_) return cancel(std::move(fresh));
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

void http1_client::on_ready(http1_connection&) {
  backoff_ = std::chrono::milliseconds(0);
  settle();
}

void http1_client::on_refused(http1_connection&, const error& why) {
  back_off();
  // Those who wait have no other connection to hope for: tell them now, they know best what to do.
  const bool others =
      std::any_of(links_.begin(), links_.end(), [](const auto& each) { return !each->dead(); });
  if (!others) fail_waiting(outcome::kind::unreachable, why.reason);
}

void http1_client::fail_waiting(outcome::kind what, const char* message) {
  std::deque<std::unique_ptr<http1_job>> all = std::move(waiting_);
  waiting_.clear();
  for (auto& each : all) {
    outcome failed;
    // Unreachable would say that nothing was sent.
    failed.what = each->maybe_seen ? outcome::kind::disconnected : what;
    failed.message = message;
    on_finished(std::move(each), std::move(failed));
  }
}

void http1_client::on_finished(std::unique_ptr<http1_job> request, outcome&& what) {
  request->timer.disarm();
  request->result = std::move(what);
  finished_.push_back(std::move(request));
  settle();
}

void http1_client::send_again(std::unique_ptr<http1_job> request) {
  request->fresh_only = true;
  waiting_.push_front(std::move(request));
  settle();
}

void http1_client::on_timed_out(http1_job& request) {
  std::unique_ptr<http1_job> taken;
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
    std::unique_ptr<http1_job> chosen = std::move(*next);
    waiting_.erase(next);
    each->carry(std::move(chosen));
  }
}

void http1_client::connect_for_waiting() {
  if (waiting_.empty() || backoff_timer_.armed()) return;
  auto connecting = static_cast<std::size_t>(std::count_if(
      links_.begin(), links_.end(), [](const auto& each) { return !each->connected(); }));
  while (connecting < waiting_.size() && links_.size() < options_.connections_max) {
    auto fresh = std::make_unique<http1_connection>(*this, shard_);
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
    tell_first();
    if (destroyed) return;
  }
  destroyed_ = nullptr;
}

void http1_client::tell_first() {
  const std::unique_ptr<http1_job> told = std::move(finished_.front());
  finished_.pop_front();
  pending_ -= 1;
  told->tell(std::move(told->result));
}

void http1_client::back_off() {
  if (backoff_timer_.armed()) return;  // several attempts at once count as one
  const double grown = static_cast<double>(backoff_.count()) * 1.6;
  const std::chrono::milliseconds next =
      backoff_ == std::chrono::milliseconds(0)
          ? options_.backoff_min
          : std::chrono::milliseconds(static_cast<std::int64_t>(grown));
  backoff_ = std::min(next, options_.backoff_max);
  jitter_ ^= jitter_ << 13;
  jitter_ ^= jitter_ >> 17;
  jitter_ ^= jitter_ << 5;
  const auto percent = static_cast<std::int64_t>(80 + jitter_ % 41);
  shard_.arm(backoff_timer_, nanoseconds(backoff_) * percent / 100);
}

std::unique_ptr<client> client::http1(shard& on, client_options how) {
  return std::make_unique<http1_client>(on, std::move(how));
}

}  // namespace zc::net
