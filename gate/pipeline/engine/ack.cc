#include "gate/pipeline/engine/ack.h"

#include "zc/base/check.h"
#include "zc/mem/recycled.h"

namespace sluice {
namespace {

class call_completion final : public completion, public zc::recycled<call_completion> {
 public:
  explicit call_completion(ack::then call) noexcept : call_(std::move(call)) {}

 private:
  void on_verdict(verdict&& v) override { call_(std::move(v)); }
  ack::then call_;
};

class all_completion final : public completion {
 public:
  explicit all_completion(std::vector<ack> all) noexcept : all_(std::move(all)) {}

 private:
  void on_verdict(verdict&& v) override {
    for (ack& a : all_) a.answer(verdict(v));
  }
  std::vector<ack> all_;
};

}  // namespace

ack ack::on(std::unique_ptr<completion> waiting) {
  ZC_CHECK(waiting != nullptr && waiting->open_ == 0);
  waiting->open_ = 1;
  return {waiting.release(), 0};
}

ack ack::of(then call) {
  return on(std::make_unique<call_completion>(std::move(call)));
}

ack ack::of_all(std::vector<ack> all) {
  if (all.empty()) return {};
  if (all.size() == 1) return std::move(all.front());
  return on(std::make_unique<all_completion>(std::move(all)));
}

ack ack::share(std::uint64_t bit) const {
  if (to_ == nullptr) return {};
  to_->check_thread();
  to_->open_ += 1;
  return {to_, bit};
}

ack ack::for_fanout() && {
  if (bit_ == 0) return std::move(*this);
  return of([outer = std::move(*this)](verdict&& v) mutable { outer.answer(std::move(v)); });
}

void ack::answer(verdict&& v) {
  completion* const c = std::exchange(to_, nullptr);
  if (c == nullptr) return;
  c->check_thread();
  if (bit_ == 0) {
    c->took_ |= v.took;
    c->lost_ |= v.lost;
  } else if (v.retryable()) {
    c->refused_ |= bit_;
  } else {
    c->took_ |= bit_;
    if (!v.ok()) c->lost_ |= bit_;
  }
  c->worst_.merge(std::move(v));
  c->open_ -= 1;
  if (c->open_ != 0) return;
  verdict last = std::move(c->worst_);
  last.took = c->took_ & ~c->refused_;
  last.lost = c->lost_ & last.took;
  c->on_verdict(std::move(last));
  delete c;
}

void ack::drop() {
  answer(verdict::refuse(zc::grpc::code::internal, 500, "the batch was dropped without an answer"));
}

}  // namespace sluice
