// zc/shard/offload.h - calls that block, on a few threads beside the shards: resolving names,
// opening and renaming files.
//
//     auto asked = offload(pool, [name] { return resolve(name); });                 in a task
//     const auto found = co_await std::move(asked);
//     pending_ = pool.run(here, [name] { return resolve(name); },                   in callbacks
//                         [this](auto&& found) { on_resolved(std::move(found)); });
//
// Ownership  The pool owns its threads; they start with the first work, one more whenever all are
//            busy, up to threads_max. The destructor lets what is queued run (but for what was
//            cancelled) and waits for it.
// Threads    Work runs on a thread of the pool and is destroyed there. Results come back on the
//            shard that asked, from its loop.
// Cancel     Destroying the task, or dropping the ticket, on its shard, at any time: work that has
//            not begun does not run, the result of work that runs is dropped.
// Bound      queue_max pieces of work wait. When full, a task waits suspended, the others are told.
// Cost       One allocation, a lock, a wake-up of a thread: some 10 us. Not for a data path.
// Errors     Values; std::bad_alloc only for the frame of offload() and from run(). A thread of the
//            pool that cannot post its result for lack of memory ends the program.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "zc/base/result.h"
#include "zc/shard/call.h"
#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/waiting_room.h"

namespace zc {

// Held by who waits for the result of pool.run(); dropping it is cancelling. On its shard.
class [[nodiscard]] offload_ticket {
 public:
  class request {
   public:
    virtual ~request() = default;
    virtual void cancel() noexcept = 0;
  };
  offload_ticket() noexcept = default;
  explicit offload_ticket(std::shared_ptr<request> of) noexcept : of_(std::move(of)) {}
  offload_ticket(offload_ticket&& t) noexcept : of_(std::move(t.of_)) {}
  offload_ticket& operator=(offload_ticket&& t) noexcept {
    if (this != &t) {
      drop();
      of_ = std::move(t.of_);
    }
    return *this;
  }
  ~offload_ticket() { drop(); }
  explicit operator bool() const noexcept { return of_ != nullptr; }
  void drop() noexcept {
    if (auto of = std::exchange(of_, nullptr)) of->cancel();
  }

 private:
  std::shared_ptr<request> of_;
};

class offload_pool {
 public:
  struct options {
    unsigned threads_max = 4;
    std::size_t queue_max = 256;
    std::string name = "offload";  // of the threads
  };
  using work = std::move_only_function<void()>;

  offload_pool() : offload_pool(options()) {}
  explicit offload_pool(options how);
  offload_pool(const offload_pool&) = delete;
  offload_pool& operator=(const offload_pool&) = delete;
  ~offload_pool();

  // The one of the process, for what needs no pool of its own. Never destroyed: a process that ends
  // does not wait for a name server.
  static offload_pool& of_process();

  enum class outcome : std::uint8_t {
    taken,
    full,      // room() says when to try again
    exhausted  // no thread can be had, or there is no memory to queue it: waiting would be for ever
  };
  // Moves from the work only when it is taken.
  outcome submit(work&& w);
  bool try_submit(work&& w) { return submit(std::move(w)) == outcome::taken; }
  // co_await pool.room(): until the queue may have room.
  waiting_room::awaiter room() noexcept { return room_.enter(); }

  // Runs `fn`, then `then(result)` on `home`; `then` takes a result<T> as call() gives it. An empty
  // ticket when the work was not taken; std::bad_alloc where there is no memory for the request.
  template <class F, class Then>
  offload_ticket run(shard& home, F fn, Then then);

  std::size_t queued() const noexcept { return queued_.load(); }
  unsigned threads() const;

 private:
  static bool full(const void* of) noexcept;
  void live();
  bool start_one();  // under guard_

  const options how_;
  std::atomic<std::size_t> queued_{0};
  waiting_room room_;
  mutable std::mutex guard_;
  std::condition_variable changed_;
  // Under guard_.
  std::deque<work> queue_;  // at most queue_max
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool ending_ = false;
};

namespace detail {

template <class F, class Then>
class offload_request final : public offload_ticket::request,
                              public std::enable_shared_from_this<offload_request<F, Then>> {
 public:
  using answer = typename call_state<F>::answer;
  offload_request(shard& home, F&& fn, Then&& then)
      : home_(home), fn_(std::move(fn)), then_(std::move(then)) {}

  void run() {  // on the pool
    std::optional<F> fn;
    {
      const std::lock_guard lock(guard_);
      if (cancelled_) return;
      fn.emplace(std::move(*fn_));
      fn_.reset();
    }
    std::optional<answer> value;
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      (*fn)();
      value.emplace();
    } else {
      value.emplace((*fn)());
    }
    fn.reset();
    const std::lock_guard lock(guard_);
    if (cancelled_) return;
    value_.emplace(std::move(*value));
    // Under the lock: home_ is there as long as nobody has cancelled.
    home_.post([self = this->shared_from_this()] { self->deliver(); });
  }
  void cancel() noexcept override {  // on home
    std::optional<F> fn;
    std::optional<answer> value;
    std::optional<Then> then;
    const std::lock_guard lock(guard_);
    cancelled_ = true;
    if (fn_) fn.emplace(std::move(*fn_));
    if (value_) value.emplace(std::move(*value_));
    if (then_) then.emplace(std::move(*then_));
    fn_.reset();
    value_.reset();
    then_.reset();
  }

 private:
  void deliver() {  // on home
    if (!then_) return;
    Then then(std::move(*then_));
    then_.reset();
    then(std::move(*value_));
  }
  shard& home_;
  std::mutex guard_;
  bool cancelled_ = false;
  std::optional<F> fn_;
  std::optional<answer> value_;
  std::optional<Then> then_;
};

}  // namespace detail

template <class F, class Then>
offload_ticket offload_pool::run(shard& home, F fn, Then then) {
  auto asked =
      std::make_shared<detail::offload_request<F, Then>>(home, std::move(fn), std::move(then));
  if (!try_submit([asked] { asked->run(); })) return {};
  return offload_ticket(std::move(asked));
}

// What `fn` returns as T comes back as result<T>, a result<T> as itself; errc::closed when the pool
// has ended, errc::exhausted when there is no memory or no thread for it.
template <class F>
task<typename detail::call_state<F>::answer> offload(offload_pool& pool, F fn) {
  auto state = detail::try_call_state<F>(std::move(fn));
  if (!state) co_return fail(errc::exhausted, "no memory for the work");
  typename detail::call_state<F>::awaiter answered(*state);
  offload_pool::work work = detail::call_letter<F>(state);
  for (;;) {
    // Work that is not taken has not been touched. NOLINTNEXTLINE(bugprone-use-after-move)
    const offload_pool::outcome how = pool.submit(std::move(work));
    if (how == offload_pool::outcome::taken) break;
    if (how == offload_pool::outcome::exhausted) {
      co_return fail(errc::exhausted, "no thread or no memory for the work");
    }
    co_await pool.room();
  }
  co_return co_await answered;
}

}  // namespace zc
