#include "gate/pipeline/processors/batch_processor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gate/otlp/walk.h"

namespace sluice {

struct batch_processor::link final : zc::local_counted {
  explicit link(batch_processor& to) noexcept : at(&to) {}
  batch_processor* at;
};

struct batch_processor::entry {
  entries::iterator self{};
  payload_ptr what;
  ack done;  // results are waited for: all requests with a part in here
  std::size_t size = 0;
  std::uint64_t requests = 0;
  std::uint64_t items = 0;
  std::uint64_t skip = 0;  // exporters that have it, or never will:
  std::uint64_t lost = 0;  // those that refused it for good
  zc::time_point oldest{};
};

batch_processor::batch_processor(shard_context& in, const batch_settings& how, const limits& bounds,
                                 otlp::signal kind, consumer& next)
    : in_(in),
      how_(how),
      bounds_(bounds),
      kind_(kind),
      next_(next),
      waits_(next.waits_for_result()),
      counts_(in.counts.processor(how.id)),
      retry_delay_(bounds.retry_min),
      link_(zc::make_local<link>(*this)),
      flush_(*this),
      retry_(*this),
      end_(*this) {
  given_up_.component = how.id;
}

batch_processor::~batch_processor() {
  on_deadline();
  link_->at = nullptr;
  for (entry& e : offered_) e.done.answer(verdict::retry("shutting down"));
}

void batch_processor::configure(const batch_settings& how) {
  how_ = how;
  if (phase_ != phase::open || pending_.empty()) return;
  if (how_.timeout.count() == 0 || pending_items_ >= how_.send_batch_size) {
    flush(trigger::size);
  } else {
    in_.on.arm(flush_, how_.timeout);
  }
}

bool batch_processor::has_room_for(std::size_t size) const noexcept {
  const std::size_t used = bytes();
  return used == 0 || (used <= bounds_.bytes_max && size <= bounds_.bytes_max - used);
}

bool batch_processor::fills_a_batch(const payload& p) const noexcept {
  if (!p.items()) return false;
  if (how_.send_batch_max_size > 0 && *p.items() > how_.send_batch_max_size) return false;
  return *p.items() >= how_.send_batch_size || how_.timeout.count() == 0;
}

void batch_processor::consume(batch&& b) {
  counts_.of[kind_].incoming.add(b.what->items_or_zero());
  if (phase_ != phase::open) return b.done.answer(verdict::retry("shutting down"));
  if (kind_ == otlp::signal::profiles) {
    counts_.of[kind_].outgoing.add(b.what->items_or_zero());
    return next_.consume(std::move(b));
  }
  const auto full = [&] {
    return verdict::retry("the batch processor is full", bounds_.refused_delay);
  };
  if (!has_room_for(b.what->size())) return b.done.answer(full());
  if (fills_a_batch(*b.what)) return pass_alone(std::move(b));
  const auto body = countable(*b.what);
  if (!body) return b.done.answer(verdict::of(body.error(), how_.id));
  if (!has_room_for((*body)->size())) return b.done.answer(full());
  add(std::move(b), **body);
}

// As it came, compressed or not: nothing to join, so nothing to inflate.
void batch_processor::pass_alone(batch&& b) {
  // It may wait for long; whoever comes next may need it all the same.
  if (!next_.inflates(b.what->received_coding())) b.what->drop_inflated();
  flush(trigger::size);  // what came before goes before
  ack early;
  if (!waits_) early = std::move(b.done);
  enqueue(std::move(b.what), std::move(b.done), 1, b.from.at, trigger::size);
  early.succeed();
}

// The body without compression, of a payload whose items are known.
zc::result<const zc::bytes_chain*> batch_processor::countable(payload& p) {
  auto body = p.identity(in_.converting(zc::urgency::ordinary));
  if (!body || p.items()) return body;
  const auto items = otlp::count_items(kind_, **body);
  if (!items) return std::unexpected(items.error());
  p.set_items(*items);
  counts_.of[kind_].incoming.add(*items);
  return body;
}

void batch_processor::add(batch&& b, const zc::bytes_chain& body) {
  const std::size_t left =
      bounds_.batch_bytes_max - std::min(bounds_.batch_bytes_max, pending_.size());
  if (!pending_.empty() && body.size() > left) flush(trigger::size);
  if (pending_.empty()) oldest_ = b.from.at;
  pending_.append(body);
  pending_items_ += b.what->items_or_zero();
  pending_requests_ += 1;
  ack early;
  if (waits_) {
    if (b.done) acks_.push_back(std::move(b.done));
  } else {
    early = std::move(b.done);
  }
  const bool full = pending_items_ >= how_.send_batch_size ||
                    pending_.size() >= bounds_.batch_bytes_max || how_.timeout.count() == 0;
  if (full) {
    flush(trigger::size);
  } else if (!flush_.armed()) {
    in_.on.arm(flush_, how_.timeout);
  }
  early.succeed();
}

void batch_processor::flush(trigger why) {
  flush_.disarm();
  if (pending_.empty()) return;
  if (how_.send_batch_max_size > 0 && pending_items_ > how_.send_batch_max_size) {
    return flush_parts(why);
  }
  payload_ptr joined = zc::make_local<payload>(kind_, std::move(pending_),
                                               std::optional<std::uint64_t>(pending_items_));
  pending_.clear();
  pending_items_ = 0;
  enqueue(std::move(joined), ack::of_all(std::exchange(acks_, {})),
          std::exchange(pending_requests_, 0), oldest_, why);
}

void batch_processor::flush_parts(trigger why) {
  auto parts = otlp::split(kind_, pending_, how_.send_batch_max_size, in_.on.memory());
  if (!parts && parts.error().code == zc::errc::exhausted && phase_ == phase::open) {
    in_.on.arm(flush_,
               bounds_.retry_min);  // nothing is lost: it stays pending until there is memory
    return;
  }
  if (!parts)
    parts = std::vector<zc::bytes_chain>(1, pending_);  // larger than asked for, but whole
  pending_.clear();
  pending_items_ = 0;
  // Nothing is offered before the rest is put by: an answer may bring the next request at once.
  const bool was_offering = std::exchange(offering_, true);
  std::uint64_t requests = std::exchange(pending_requests_, 0);
  ack all = ack::of_all(std::exchange(acks_, {}));
  for (std::size_t i = 0; i < parts->size(); ++i) {
    zc::bytes_chain& part = (*parts)[i];
    const std::uint64_t items = otlp::count_items(kind_, part).value_or(0);
    const bool rest = i + 1 == parts->size() && i > 0 && why == trigger::size &&
                      items < how_.send_batch_size && how_.timeout.count() > 0;
    if (rest && phase_ == phase::open) {
      keep_rest(std::move(part), items, all.share());
      break;
    }
    enqueue(zc::make_local<payload>(kind_, std::move(part), std::optional<std::uint64_t>(items)),
            all.share(), std::exchange(requests, 0), oldest_, why);
  }
  all.succeed();
  offering_ = was_offering;
  offer_all();
}

// What is left over after full batches were cut off waits for company.
void batch_processor::keep_rest(zc::bytes_chain&& rest, std::uint64_t items, ack&& done) {
  pending_ = std::move(rest);
  pending_items_ = items;
  if (done) acks_.push_back(std::move(done));
  in_.on.arm(flush_, how_.timeout);
}

void batch_processor::enqueue(payload_ptr what, ack&& done, std::uint64_t requests,
                              zc::time_point oldest, trigger why) {
  const std::uint64_t items = what->items_or_zero();
  (why == trigger::size ? counts_.size_trigger : counts_.timeout_trigger).add();
  counts_.send_size.record(items);
  entry& e = waiting_.emplace_back();
  e.self = std::prev(waiting_.end());
  e.size = what->size();
  e.what = std::move(what);
  e.done = std::move(done);
  e.requests = requests;
  e.items = items;
  e.oldest = oldest;
  outgoing_bytes_ += e.size;
  offer_all();
}

void batch_processor::offer_all() {
  // Downstream may answer inside consume(): that returns here instead of offering one call deeper.
  if (offering_) return;
  offering_ = true;
  while (!waiting_.empty() && !retry_.armed()) {
    entry& e = waiting_.front();
    offered_.splice(offered_.end(), waiting_, e.self);
    offer(e);
  }
  offering_ = false;
}

void batch_processor::offer(entry& e) {
  ack answer = ack::of([to = link_, &e](verdict&& v) {
    if (to->at != nullptr) to->at->on_answer(e, std::move(v));
  });
  next_.consume(batch{e.what, std::move(answer), arrival{e.oldest}, e.skip});
}

void batch_processor::on_answer(entry& e, verdict&& v) {
  if (v.retryable() && !waits_ && phase_ != phase::over) return offer_again(e, v);
  settle(e, std::move(v));
  offer_all();
}

void batch_processor::offer_again(entry& e, const verdict& v) {
  counts_.offered_again.add();
  e.skip |= v.took;
  e.lost |= v.lost;
  waiting_.splice(waiting_.begin(), offered_, e.self);
  if (retry_.armed()) return;
  in_.on.arm(retry_, retry_delay_);
  retry_delay_ = std::min<zc::nanoseconds>(retry_delay_ * 2, bounds_.retry_max);
}

void batch_processor::settle(entry& e, verdict&& v) {
  if (v.ok()) {
    counts_.of[kind_].outgoing.add(e.items);
    retry_delay_ = bounds_.retry_min;
  } else if (!waits_ && v.retryable()) {
    note_given_up(e.requests, e.items);
  }
  // Also when others have taken it since.
  if (!waits_ && !v.retryable() && (!v.ok() || e.lost != 0)) {
    counts_.dropped.add(e.items);
    if (dropped_gate_.open(in_.on.now())) {
      const std::string why = v.ok() ? "by an exporter that was not offered it again" : v.message;
      in_.out.write(log_level::error, how_.id, "a batch was refused for good: " + why);
    }
  }
  ack done = std::move(e.done);
  outgoing_bytes_ -= e.size;
  offered_.erase(e.self);
  done.answer(std::move(v));
}

void batch_processor::on_timeout() {
  flush(trigger::timeout);
}

void batch_processor::on_retry() {
  offer_all();
}

void batch_processor::drain(zc::time_point deadline) {
  if (phase_ == phase::open) {
    phase_ = phase::draining;
    retry_.disarm();
    retry_delay_ = bounds_.retry_min;
    flush(trigger::timeout);
    offer_all();
  }
  if (drained()) return;
  const zc::time_point now = in_.on.now();
  if (deadline <= now) return on_deadline();
  in_.on.arm(end_, deadline - now);
}

bool batch_processor::drained() const noexcept {
  if (phase_ == phase::over) return true;
  return phase_ == phase::draining && pending_.empty() && waiting_.empty() && offered_.empty();
}

void batch_processor::on_deadline() {
  if (phase_ == phase::over) return;
  phase_ = phase::over;
  flush_.disarm();
  retry_.disarm();
  end_.disarm();
  if (!waits_ && !pending_.empty()) note_given_up(pending_requests_, pending_items_);
  pending_.clear();
  std::vector<ack> unanswered = std::exchange(acks_, {});
  for (entry& e : waiting_) {
    if (!waits_) note_given_up(e.requests, e.items);
    outgoing_bytes_ -= e.size;
    unanswered.push_back(std::move(e.done));
  }
  waiting_.clear();
  for (ack& a : unanswered) a.answer(verdict::retry("shutting down"));
}

void batch_processor::note_given_up(std::uint64_t requests, std::uint64_t items) noexcept {
  given_up_.requests += requests;
  given_up_.items += items;
}

void batch_processor::report(std::vector<undelivered>& to) const {
  if (given_up_.requests > 0 || given_up_.items > 0) to.push_back(given_up_);
}

}  // namespace sluice
