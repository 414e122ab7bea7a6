// zc/testing/interleave.h - a model checker: runs a few small threads through every order in which
// their atomic operations can happen, with the real code on top.
//
//     const auto report = interleave::explore({.preemptions_max = 2}, [](interleave& run) {
//       auto all = std::make_shared<state>();              anew for every execution
//       run.thread([all] { all->put(1); });
//       run.thread([all] { interleave::require(all->get() <= 1, "one at most"); });
//       run.at_end([all] { ... });
//     });
//     EXPECT_TRUE(report.holds()) << report.text();
//
// The code under test takes its atomics from a policy (zc/shard/atomics.h); with model_atomics every
// operation of an atomic, a mutex or a parker is a point where another thread may go on. explore()
// runs the scenario again and again, depth first, until every sequence of choices with at most
// preemptions_max switches away from a thread that could have gone on has been tried. (Most bugs
// need two.) With preemptions_max = SIZE_MAX that is every interleaving.
//
// Finds       broken require()s, deadlocks and lost wake-ups (nobody can go on), endless loops, use
//             of an atomic or a value after Atomics::destroy(), destroying twice. A failure comes
//             with the schedule that leads to it, and explore() is deterministic.
// Cannot find what needs a weaker memory than sequential consistency, and data races on what is not
//             atomic: the first is argued in the comments of the code, the second is ThreadSanitizer's.
// Threads     Everything runs on the caller's thread: the threads are fibers.
// Errors      After a failure the fibers of that execution are abandoned as they are, with what they
//             own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <ucontext.h>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/shard/clock.h"

#if defined(__SANITIZE_ADDRESS__)
#define ZC_FIBERS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ZC_FIBERS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ZC_FIBERS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZC_FIBERS_TSAN 1
#endif
#endif
#ifdef ZC_FIBERS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef ZC_FIBERS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace zc::testing {

class model_parker {
 public:
  static model_parker& of_this_thread();
  void park();
  // With a deadline it may come at any time.
  bool park_until(time_point deadline);
  void unpark();

 protected:
  void forget() { token_ = false; }  // for variants that are broken on purpose

 private:
  friend class interleave;
  bool token_ = false;
};

class interleave {
 public:
  struct options {
    std::size_t preemptions_max = 2;
    std::size_t executions_max = 5'000'000;
    std::size_t steps_max = 20'000;  // of one execution; more is an endless loop
  };
  struct report {
    std::size_t executions = 0;
    std::size_t steps = 0;
    bool complete = false;  // everything within the bounds was tried
    std::string failure;
    std::string schedule;  // which thread went on at each point, when that failed

    bool holds() const { return complete && failure.empty(); }
    std::string text() const {
      return failure.empty() ? (complete ? "holds" : "not complete") + std::string(" after ") +
                                   std::to_string(executions) + " executions"
                             : failure + "; schedule " + schedule;
    }
  };
  using scenario = std::function<void(interleave&)>;

  static report explore(const options& how, const scenario& make) {
    interleave all(how);
    all.run_all(make);
    return std::move(all.report_);
  }

  // For the scenario: at most 8 threads, and what is looked at when all of them have ended.
  void thread(std::function<void()> body) {
    ZC_CHECK(used_ < threads_max);
    if (used_ == fibers_.size()) fibers_.push_back(std::make_unique<fiber>(*this));
    fibers_[used_]->begin(std::move(body));
    used_ += 1;
  }
  void at_end(std::function<void()> look) { at_end_.push_back(std::move(look)); }

  // For threads and at_end().
  static void require(bool holds, const char* what) {
    if (!holds) running()->fail(what);
  }
  // That the object has not been destroyed.
  static void touch(const void* object) {
    if (running() != nullptr) running()->check_alive(object);
  }
  // Destroyed for all to see; its memory stays until the execution has ended.
  template <class T>
  static void retire(T* object) {
    if (running() == nullptr) {
      delete object;
      return;
    }
    running()->add_grave({object, sizeof(T), [](void* p) { delete static_cast<T*>(p); }});
  }

  // How many that were, in this execution.
  static std::size_t retired() { return running()->graves_.size(); }

  // For the model's atomics. A point where another thread may go on.
  static void step(const void* object, bool writes) {
    interleave* const r = running();
    if (r == nullptr || r->current_ == nullptr) return;
    r->switch_if_chosen();
    r->check_alive(object);
    if (writes) r->writes_ += 1, r->current_->own_writes += 1;
  }
  // Has looked, and another thread must write something before it is of use to look again. It may
  // look once more at once, because that may have happened while it looked.
  static void yield() {
    interleave* const r = running();
    if (r == nullptr || r->current_ == nullptr) return;
    fiber& me = *r->current_;
    me.idle_since = me.looked_at;
    me.looked_at = r->writes_ - me.own_writes;
    me.yielded = true;
    r->switch_away();
    me.yielded = false;
  }
  // Cannot go on before `flag` is true. `or_not`: may go on without.
  static void wait_for(const bool& flag, bool or_not = false) {
    interleave* const r = running();
    if (r == nullptr || r->current_ == nullptr) {
      ZC_CHECK(flag || or_not);  // nobody else is there to set it
      return;
    }
    fiber& me = *r->current_;
    me.waits_for = &flag;
    me.or_not = or_not;
    r->switch_away();
    me.waits_for = nullptr;
  }
  static model_parker& parker_of_this_thread();

 private:
  static constexpr std::size_t threads_max = 8;
  static constexpr std::size_t stack_bytes = 256 * 1024;

  struct stack_context {
    ucontext_t where{};
    const void* bottom = nullptr;
    std::size_t size = 0;
    void* fake = nullptr;
    void* tsan = nullptr;
  };
  struct fiber {
    explicit fiber(interleave& of) : all(of), id(of.fibers_.size()), memory(stack_bytes) {
      ZC_CHECK(::getcontext(&stack.where) == 0);
      stack.bottom = memory.data();
      stack.size = memory.size();
      stack.where.uc_stack.ss_sp = memory.data();
      stack.where.uc_stack.ss_size = memory.size();
      stack.where.uc_link = nullptr;
      const auto self = reinterpret_cast<std::uintptr_t>(this);
      ::makecontext(&stack.where, reinterpret_cast<void (*)()>(&interleave::enter), 2,
                    static_cast<unsigned>(std::uint64_t{self} >> 32), static_cast<unsigned>(self));
#ifdef ZC_FIBERS_TSAN
      stack.tsan = __tsan_create_fiber(0);
#endif
    }
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;
    ~fiber() {
#ifdef ZC_FIBERS_TSAN
      __tsan_destroy_fiber(stack.tsan);
#endif
    }

    void begin(std::function<void()> what) {
      body = std::move(what);
      body_ended = yielded = or_not = false;
      looked_at = idle_since = SIZE_MAX;
      own_writes = 0;
      waits_for = nullptr;
      parker.token_ = false;
    }
    bool ready(const interleave& r) const {
      if (body_ended) return false;
      if (yielded) return r.writes_ - own_writes != idle_since;
      return waits_for == nullptr || *waits_for || or_not;
    }

    interleave& all;
    std::size_t id;
    std::vector<char> memory;
    stack_context stack;
    std::function<void()> body;
    bool body_ended = false;
    bool yielded = false;
    // In writes of the other threads: at the last yield(), and at the one before.
    std::size_t looked_at = SIZE_MAX;
    std::size_t idle_since = SIZE_MAX;
    std::size_t own_writes = 0;
    const bool* waits_for = nullptr;
    bool or_not = false;
    model_parker parker;
  };

  struct grave {
    void* at;
    std::size_t size;
    void (*free)(void*);
  };
  struct choice {
    std::size_t taken;
    std::size_t count;
  };

  explicit interleave(const options& how) : how_(how) {}

  static interleave*& running() {
    static thread_local interleave* now = nullptr;
    return now;
  }

  void run_all(const scenario& make) {
    running() = this;
#ifdef ZC_FIBERS_TSAN
    main_.tsan = __tsan_get_current_fiber();
#endif
    do {
      used_ = 0;
      depth_ = preemptions_ = steps_ = writes_ = 0;
      schedule_.clear();
      make(*this);
      run_once();
      if (report_.failure.empty()) {
        for (auto& look : at_end_) look();
      }
      report_.executions += 1;
      report_.steps += steps_;
      if (!report_.failure.empty()) break;
      at_end_.clear();
      for (std::size_t i = 0; i < used_; ++i) fibers_[i]->body = nullptr;
      dig();
      if (!next_choices()) {
        report_.complete = true;
        break;
      }
    } while (report_.executions < how_.executions_max);
    running() = nullptr;
    if (!report_.failure.empty()) {
      for (const std::size_t id : schedule_) report_.schedule += std::to_string(id);
      if (report_.schedule.size() > 400) report_.schedule.resize(400);
      abandon();
    }
  }

  void run_once() {
    fiber* const first = pick(nullptr);
    if (first == nullptr) return;
    current_ = first;
    swap(main_, first->stack);
    current_ = nullptr;
  }

  // Who goes on: the running thread first, so that the first execution has no preemption.
  fiber* pick(fiber* now) {
    std::array<fiber*, threads_max> may{};
    std::size_t count = 0;
    const bool now_may = now != nullptr && now->ready(*this);
    if (now_may) may[count++] = now;
    const bool willing = now_may && now->waits_for == nullptr && !now->yielded;
    if (!willing || preemptions_ < how_.preemptions_max) {
      for (std::size_t i = 0; i < used_; ++i) {
        if (fibers_[i].get() != now && fibers_[i]->ready(*this)) may[count++] = fibers_[i].get();
      }
    }
    if (count == 0) return nullptr;
    fiber* const next = may[count == 1 ? 0 : choose(count)];
    if (willing && next != now) preemptions_ += 1;
    return next;
  }

  std::size_t choose(std::size_t count) {
    if (depth_ == choices_.size()) choices_.push_back({0, count});
    ZC_CHECK(choices_[depth_].count == count);  // the scenario is not deterministic
    return choices_[depth_++].taken;
  }

  bool next_choices() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count) {
      choices_.pop_back();
    }
    if (choices_.empty()) return false;
    choices_.back().taken += 1;
    return true;
  }

  void switch_if_chosen() {
    if (++steps_ > how_.steps_max) fail("an endless loop");
    if (stopped_) return leave();
    go_to(pick(current_));
  }
  void switch_away() {
    if (++steps_ > how_.steps_max) fail("an endless loop");
    fiber* const next = stopped_ ? nullptr : pick(current_);
    if (next == nullptr) fail("nobody can go on: a deadlock, or a wake-up was lost");
    if (stopped_) return leave();
    go_to(next);
  }
  void go_to(fiber* next) {
    schedule_.push_back(next->id);
    if (next == current_) return;
    fiber* const from = std::exchange(current_, next);
    swap(from->stack, next->stack);
  }
  // A failed execution ends here: its fibers do not go on.
  void leave() {
    fiber* const from = current_;
    swap(from->stack, main_);
  }
  void ended(fiber& who) {
    who.body_ended = true;
    fiber* const next = stopped_ ? nullptr : pick(nullptr);
    if (next != nullptr) {
      go_to(next);
      return;
    }
    for (std::size_t i = 0; i < used_ && !stopped_; ++i) {
      if (!fibers_[i]->body_ended) fail("nobody can go on: a deadlock, or a wake-up was lost");
    }
    leave();
  }

  void fail(const char* what) {
    if (report_.failure.empty()) report_.failure = what;
    stopped_ = current_ != nullptr;
  }

  void check_alive(const void* object) {
    for (const grave& g : graves_) {
      const auto at = reinterpret_cast<std::uintptr_t>(object);
      const auto begin = reinterpret_cast<std::uintptr_t>(g.at);
      if (at >= begin && at - begin < g.size) {
        fail("used after it was destroyed");
        if (current_ != nullptr) leave();
      }
    }
  }
  void add_grave(const grave& g) {
    check_alive(g.at);
    graves_.push_back(g);
  }
  void dig() {
    // Destructors may retire more.
    while (!graves_.empty()) {
      const grave g = graves_.back();
      graves_.pop_back();
      g.free(g.at);
    }
  }

  void abandon();

  static void swap(stack_context& from, stack_context& to) {
#ifdef ZC_FIBERS_ASAN
    __sanitizer_start_switch_fiber(&from.fake, to.bottom, to.size);
#endif
#ifdef ZC_FIBERS_TSAN
    __tsan_switch_to_fiber(to.tsan, 0);
#endif
    ZC_CHECK(::swapcontext(&from.where, &to.where) == 0);
    arrived(from);
  }
  static void arrived([[maybe_unused]] stack_context& at) {
#ifdef ZC_FIBERS_ASAN
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(at.fake, &bottom, &size);
    // Who came first knows the bounds of the main stack from here.
    interleave& r = *running();
    if (r.main_.bottom == nullptr && &at != &r.main_) {
      r.main_.bottom = bottom;
      r.main_.size = size;
    }
#endif
  }

  static void enter(unsigned high, unsigned low);

  const options how_;
  report report_;
  stack_context main_;
  std::vector<std::unique_ptr<fiber>> fibers_;
  std::size_t used_ = 0;
  fiber* current_ = nullptr;  // null outside of threads
  std::vector<std::function<void()>> at_end_;
  std::vector<grave> graves_;
  std::vector<choice> choices_;
  std::size_t depth_ = 0;
  std::size_t preemptions_ = 0;
  std::size_t steps_ = 0;
  std::size_t writes_ = 0;
  std::vector<std::size_t> schedule_;
  bool stopped_ = false;
};

template <class T>
class model_atomic {
 public:
  model_atomic() noexcept : value_() {}
  model_atomic(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
  model_atomic(const model_atomic&) = delete;
  model_atomic& operator=(const model_atomic&) = delete;

  T load(std::memory_order = {}) const {
    interleave::step(this, false);
    return value_;
  }
  void store(T value, std::memory_order = {}) {
    interleave::step(this, true);
    value_ = value;
  }
  T exchange(T value, std::memory_order = {}) {
    interleave::step(this, true);
    return std::exchange(value_, value);
  }
  T fetch_add(T more, std::memory_order = {}) {
    interleave::step(this, true);
    return std::exchange(value_, static_cast<T>(value_ + more));
  }
  T fetch_sub(T less, std::memory_order = {}) {
    interleave::step(this, true);
    return std::exchange(value_, static_cast<T>(value_ - less));
  }
  T fetch_or(T bits, std::memory_order = {}) {
    interleave::step(this, true);
    return std::exchange(value_, static_cast<T>(value_ | bits));
  }
  bool compare_exchange_strong(T& expected, T wanted, std::memory_order = {},
                               std::memory_order = {}) {
    interleave::step(this, true);
    if (value_ == expected) {
      value_ = wanted;
      return true;
    }
    expected = value_;
    return false;
  }
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order a = {},
                             std::memory_order b = {}) {
    return compare_exchange_strong(expected, wanted, a, b);
  }

 private:
  T value_;
};

class model_mutex {
 public:
  void lock() {
    interleave::step(this, true);
    if (!free_) interleave::wait_for(free_);
    ZC_CHECK(std::exchange(free_, false));
  }
  void unlock() {
    interleave::step(this, true);
    free_ = true;
  }

 private:
  bool free_ = true;
};

inline model_parker& model_parker::of_this_thread() {
  return interleave::parker_of_this_thread();
}
inline void model_parker::park() {
  interleave::step(this, false);
  interleave::wait_for(token_);
  token_ = false;
}
inline bool model_parker::park_until(time_point deadline) {
  interleave::step(this, false);
  interleave::wait_for(token_, deadline != time_point::max());
  return std::exchange(token_, false);
}
inline void model_parker::unpark() {
  interleave::step(this, true);
  token_ = true;
}

// One fiber serves one thread of every execution, one after the other.
inline void interleave::enter(unsigned high, unsigned low) {
  auto* const self = reinterpret_cast<fiber*>(
      static_cast<std::uintptr_t>((std::uint64_t{high} << 32) | std::uint64_t{low}));
  arrived(self->stack);
  for (;;) {
    self->body();
    self->all.ended(*self);
  }
}

inline model_parker& interleave::parker_of_this_thread() {
  ZC_CHECK(running() != nullptr && running()->current_ != nullptr);
  return running()->current_->parker;
}

// What the fibers own cannot be taken from them in the middle of things: it is kept for ever, within
// reach, so that leak checkers know of it.
inline void interleave::abandon() {
  static auto* const kept = new std::vector<std::unique_ptr<fiber>>;
  for (auto& f : fibers_) kept->push_back(std::move(f));
  static auto* const looks = new std::vector<std::function<void()>>;
  for (auto& look : at_end_) looks->push_back(std::move(look));
  static auto* const dead = new std::vector<grave>;
  dead->insert(dead->end(), graves_.begin(), graves_.end());
}

// The policy for the code under test.
struct model_atomics {
  template <class T>
  using atomic = model_atomic<T>;
  using mutex = model_mutex;
  using parker = model_parker;
  static constexpr bool spins = false;
  static void pause() noexcept {}
  static void yield() { interleave::yield(); }
  template <class T>
  static void destroy(T* object) {
    interleave::retire(object);
  }
};

}  // namespace zc::testing
