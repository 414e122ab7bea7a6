// gate/pipeline/engine/ack.h - who waits for a batch, and how often it must be told: exactly once.
//
//     completion  <-- ack (bit 0) -- exporter A     one completion, an ack per consumer; the last
//        open 2   <-- ack (bit 1) -- exporter B     answer fires it with the heaviest verdict
//
// Ownership  A completion is made on the heap by ack::on() and deletes itself after it fired.
// Threads    One shard; debug builds check.
// Errors     An ack that is destroyed unanswered answers INTERNAL / 500: a bug of ours, but the
//            client hears of it. An ack is empty once answered; what it is told then goes nowhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "gate/pipeline/engine/verdict.h"
#include "zc/mem/local_ptr.h"

namespace sluice {

// Derive from it to wait for a verdict. on_verdict() is called once, from inside the last answer().
class completion : private zc::local_counted {
 public:
  virtual ~completion() = default;

 protected:
  completion() = default;

 private:
  friend class ack;
  virtual void on_verdict(verdict&& v) = 0;

  std::uint32_t open_ = 0;
  std::uint64_t took_ = 0;     // consumers that need the batch no more
  std::uint64_t lost_ = 0;     // of those: who refused it for good
  std::uint64_t refused_ = 0;  // consumers that do
  verdict worst_;
};

class [[nodiscard]] ack {
 public:
  using thread_bound = std::true_type;  // a batch stays on its shard
  using then = std::move_only_function<void(verdict&&)>;

  ack() noexcept = default;  // nobody waits: answers go nowhere
  static ack on(std::unique_ptr<completion> waiting);
  static ack of(then call);
  // Answers every one of `all` with the verdict it gets.
  static ack of_all(std::vector<ack> all);

  ack(ack&& other) noexcept
      : to_(std::exchange(other.to_, nullptr)), bit_(std::exchange(other.bit_, 0)) {}
  ack& operator=(ack&& other) noexcept {
    ack taken(std::move(other));
    std::swap(to_, taken.to_);
    std::swap(bit_, taken.bit_);
    return *this;
  }
  ~ack() {
    if (to_ != nullptr) drop();
  }

  explicit operator bool() const noexcept { return to_ != nullptr; }
  // One more answer that the completion waits for. An empty ack shares as empty.
  ack share() const { return share(bit_); }
  // The same, known as consumer `index` of a fan-out in verdict::took. Requires: index < 64.
  ack share_as(unsigned index) const { return share(std::uint64_t{1} << index); }

  // An ack that may be shared among the consumers of one more fan-out: itself, or, when it stands
  // for a consumer of another one already, a new one that answers it.
  ack for_fanout() &&;

  void answer(verdict&& v);
  void succeed() { answer(verdict::success()); }

 private:
  ack(completion* to, std::uint64_t bit) noexcept : to_(to), bit_(bit) {}
  ack share(std::uint64_t bit) const;
  void drop();

  completion* to_ = nullptr;
  std::uint64_t bit_ = 0;
};

}  // namespace sluice
