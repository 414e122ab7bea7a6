// zc/mem/object_pool.h - objects that are made once and used again, at most so many of them.
//
//     slots   [ object | generation ] [ object | generation ] [ - | generation ] ...
//                 ^ idle: even            ^ out: odd
//     pooled<T>       the right to use one object; gives it back when it goes
//     pool_handle<T>  {index, generation}, 8 bytes, safe to keep: finds its object, or nothing once
//                     the object was given back
//
// Ownership  The pool makes objects with its factory and keeps them constructed between uses; the
//            reset hook puts one back into the state a user expects, when it is given back. A
//            pooled<T> may outlive the pool: its object is destroyed when it goes.
// Threads    One, the one that made the pool; debug builds check. Nothing here is `sendable`.
// Cost       try_acquire and give-back: a few plain loads and stores, no allocation while an object
//            is idle. The table keeps 16 bytes per object that was ever out at once.
// Bounds     Objects: objects_max. Idle ones kept: idle_max. Waiters: waiters_max.
// Errors     try_acquire() returns an empty handle at the bound. A stale handle finds nothing; a
//            double give-back by handle breaks a contract. Under AddressSanitizer idle objects are
//            poisoned. The factory may throw: nothing changes then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#include "zc/mem/poison.h"
#if ZC_DCHECKS
#include <thread>
#endif

namespace zc {

template <class T>
class object_pool;

// Names one use of one object. Never dangles; 2^31 uses of a slot later the slot is retired.
template <class T>
struct pool_handle {
  using thread_bound = std::true_type;

  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0: of no object

  explicit operator bool() const noexcept { return generation != 0; }
  friend bool operator==(const pool_handle&, const pool_handle&) noexcept = default;
};

namespace detail {

template <class T>
class object_core;

}  // namespace detail

// The right to use one object. Empty after a move, and where the pool had none.
template <class T>
class [[nodiscard]] pooled {
 public:
  using thread_bound = std::true_type;

  pooled() noexcept = default;
  pooled(pooled&& other) noexcept
      : core_(other.core_), object_(std::exchange(other.object_, nullptr)), index_(other.index_) {}
  pooled& operator=(pooled&& other) noexcept {
    pooled taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~pooled() { reset(); }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  T* get() const noexcept ZC_LIFETIMEBOUND { return object_; }
  T& operator*() const noexcept ZC_LIFETIMEBOUND { return *object_; }
  T* operator->() const noexcept ZC_LIFETIMEBOUND { return object_; }

  void reset() noexcept;  // gives the object back now
  // A name for this use of the object: finds it until it is given back. Requires: not empty.
  pool_handle<T> handle() const noexcept;
  // Lets go without giving back: whoever has the handle gives back, with object_pool::adopt() or
  // give_back(). Requires: not empty.
  pool_handle<T> release() && noexcept;

 private:
  friend class detail::object_core<T>;
  friend class object_pool<T>;
  pooled(detail::object_core<T>& core, T* object, std::uint32_t index) noexcept
      : core_(&core), object_(object), index_(index) {}
  void swap(pooled& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(object_, other.object_);
    std::swap(index_, other.index_);
  }

  detail::object_core<T>* core_ = nullptr;
  T* object_ = nullptr;
  std::uint32_t index_ = 0;
};

// Waits for an object, first in first out. Derive from it; the shard's awaitable does
// (zc/shard/object_pool_wait.h). Destroying it gives up the place in the line, or gives back what
// was granted and not taken.
template <class T>
class object_waiter {
 public:
  using thread_bound = std::true_type;

  object_waiter() noexcept = default;
  object_waiter(const object_waiter&) = delete;
  object_waiter& operator=(const object_waiter&) = delete;

  bool waiting() const noexcept { return previous_ != nullptr; }
  // What was granted; empty when the pool has gone.
  pooled<T> take() noexcept { return std::move(granted_); }

 protected:
  ~object_waiter() { unlink(); }

 private:
  friend class detail::object_core<T>;
  // take() has the object, or nothing because the pool has gone. Called from inside a give-back:
  // note it and return.
  virtual void on_granted() noexcept = 0;
  void unlink() noexcept;

  detail::object_core<T>* core_ = nullptr;
  object_waiter* next_ = nullptr;
  object_waiter** previous_ = nullptr;  // the pointer that points here; null: not in the line
  pooled<T> granted_;
};

template <class T>
class object_pool {
 public:
  using thread_bound = std::true_type;
  using factory = std::move_only_function<T()>;  // T need not be movable
  using reset_hook = std::move_only_function<void(T&)>;

  struct options {
    std::size_t objects_max;  // out and idle together
    std::size_t initial = 0;  // made at once
    std::size_t idle_max = std::numeric_limits<std::size_t>::max();
    std::size_t waiters_max = 1024;
  };
  struct statistics {
    std::uint64_t reused = 0;   // acquired without making one
    std::uint64_t made = 0;     // by the factory
    std::uint64_t refused = 0;  // acquisitions and waiters at the bound
    std::uint64_t waited = 0;   // granted to a waiter
    std::size_t out = 0;
    std::size_t out_peak = 0;
    std::size_t idle = 0;
    std::size_t waiters = 0;
  };
  enum class line : std::uint8_t { granted, waiting, refused };

  // Requires: objects_max >= 1, initial <= objects_max, initial <= idle_max.
  object_pool(const options& how, factory make, reset_hook reset = {});
  object_pool(const object_pool&) = delete;
  object_pool& operator=(const object_pool&) = delete;
  ~object_pool();

  // Empty when objects_max are out.
  pooled<T> try_acquire();
  // Granted: take() has an object already. Waiting: on_granted() will be called. Refused: too many
  // wait. Requires: not waiting, and nothing granted that was not taken.
  line wait(object_waiter<T>& who);

  // Null when that use of the object is over.
  T* find(pool_handle<T> handle) noexcept ZC_LIFETIMEBOUND;
  // Takes over what release() let go; empty when the handle is stale or has an owner.
  pooled<T> adopt(pool_handle<T> handle) noexcept;
  // Requires: the handle came from release() and was not given back or adopted since.
  void give_back(pool_handle<T> handle) noexcept;

  // Destroys idle objects until at most `keep` stay.
  void trim(std::size_t keep = 0) noexcept;
  const statistics& read() const noexcept;
  std::size_t objects_max() const noexcept;

 private:
  friend struct object_pool_probe;  // of the test
  detail::object_core<T>* core_;
};

namespace detail {

template <class T>
class object_core {
 public:
  using pool_of = object_pool<T>;

  object_core(const typename pool_of::options& how, typename pool_of::factory make,
              typename pool_of::reset_hook reset)
      : how_(how), make_(std::move(make)), reset_(std::move(reset)) {}

  void check_thread() const noexcept {
#if ZC_DCHECKS
    ZC_REQUIRES(made_on_ == std::this_thread::get_id(),
                "object_pool: a pool and its objects belong to the thread that made it");
#endif
  }

  pooled<T> acquire() {
    check_thread();
    if (idle_ != none) {
      stats_.reused += 1;
      const std::uint32_t index = pop(idle_);
      stats_.idle -= 1;
      unpoison(slots_[index].object, sizeof(T));
      return hand_out(index);
    }
    if (stats_.out >= how_.objects_max) return {};
    const std::uint32_t index = make_one();
    return hand_out(index);
  }

  typename pool_of::line wait(object_waiter<T>& who) {
    ZC_REQUIRES(!who.waiting() && !who.granted_,
                "object_pool::wait requires a waiter that waits for nothing else");
    who.granted_ = acquire();
    if (who.granted_) return pool_of::line::granted;
    if (stats_.waiters >= how_.waiters_max) {
      stats_.refused += 1;
      return pool_of::line::refused;
    }
    who.core_ = this;
    who.next_ = nullptr;
    who.previous_ = last_waiter_;
    *last_waiter_ = &who;
    last_waiter_ = &who.next_;
    stats_.waiters += 1;
    return pool_of::line::waiting;
  }

  void leave_line(object_waiter<T>& who) noexcept {
    check_thread();
    *who.previous_ = who.next_;
    if (who.next_ != nullptr) {
      who.next_->previous_ = who.previous_;
    } else {
      last_waiter_ = who.previous_;
    }
    who.previous_ = nullptr;
    stats_.waiters -= 1;
  }

  // The object is back: to the first that waits, to the idle ones, or away.
  void give_back(std::uint32_t index) noexcept {
    check_thread();
    ZC_CHECK((slots_[index].generation & 1) == 1);
    const visit inside(*this);
    if (reset_) reset_(*slots_[index].object);  // which may use the pool
    end_use(index);
    if (first_waiter_ != nullptr) return grant(index);
    if (gone_ || stats_.idle >= how_.idle_max) return destroy(index);
    poison(slots_[index].object, sizeof(T));
    push_idle(index);
  }

  T* find(pool_handle<T> handle) noexcept {
    check_thread();
    return is_out(handle) ? slots_[handle.index].object : nullptr;
  }
  pool_handle<T> handle_of(std::uint32_t index) const noexcept {
    return {index, slots_[index].generation};
  }
  void detach(std::uint32_t index) noexcept { slots_[index].next = detached; }
  bool attach(pool_handle<T> handle) noexcept {
    if (!is_out(handle) || slots_[handle.index].next != detached) return false;
    slots_[handle.index].next = owned;
    return true;
  }

  void prefill() {
    for (std::size_t i = 0; i < how_.initial; ++i) {
      const std::uint32_t index = make_one();
      poison(slots_[index].object, sizeof(T));
      push_idle(index);
    }
  }
  void trim(std::size_t keep) noexcept {
    check_thread();
    while (stats_.idle > keep) {
      const std::uint32_t index = pop(idle_);
      stats_.idle -= 1;
      unpoison(slots_[index].object, sizeof(T));
      destroy(index);
    }
  }
  void pool_goes() noexcept {
    const visit inside(*this);
    gone_ = true;
    trim(0);
    while (first_waiter_ != nullptr) {
      object_waiter<T>& who = *first_waiter_;
      leave_line(who);
      who.on_granted();
    }
  }

  // For the test of retired slots: as if the idle objects had been used that often.
  void force_generation(std::uint32_t even) noexcept {
    for (slot& s : slots_) s.generation = even;
  }
  std::size_t slots() const noexcept { return slots_.size(); }

  typename pool_of::statistics stats_;
  const typename pool_of::options how_;

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t owned = none - 1;     // `next` of an object that is out
  static constexpr std::uint32_t detached = none - 2;  // the same, let go by release()
  static constexpr std::uint32_t index_max = none - 3;

  struct slot {
    T* object = nullptr;
    std::uint32_t generation = 0;  // odd while the object is out
    std::uint32_t next = none;     // in the list of idle or of vacant slots
  };

  // Objects may hold others of their pool: the core goes when the outermost call ends.
  class visit {
   public:
    explicit visit(object_core& core) noexcept : core_(core) { core_.visits_ += 1; }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() {
      core_.visits_ -= 1;
      if (core_.gone_ && core_.visits_ == 0 && core_.stats_.out == 0) delete &core_;
    }

   private:
    object_core& core_;
  };

  bool is_out(pool_handle<T> handle) const noexcept {
    return handle.index < slots_.size() && (handle.generation & 1) == 1 &&
           slots_[handle.index].generation == handle.generation;
  }
  std::uint32_t pop(std::uint32_t& list) noexcept { return std::exchange(list, slots_[list].next); }
  void push_idle(std::uint32_t index) noexcept {
    slots_[index].next = std::exchange(idle_, index);
    stats_.idle += 1;
  }
  void need_vacant() {
    if (vacant_ != none) return;
    ZC_CHECK(slots_.size() <= index_max);
    slots_.emplace_back();
    vacant_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
  // A slot with a new object in it, in no list.
  std::uint32_t make_one() {
    need_vacant();
    T* fresh = new T(make_());
    const std::uint32_t index = pop(vacant_);
    slots_[index].object = fresh;
    stats_.made += 1;
    return index;
  }
  pooled<T> hand_out(std::uint32_t index) noexcept {
    slot& s = slots_[index];
    s.generation += 1;
    s.next = owned;
    stats_.out += 1;
    if (stats_.out > stats_.out_peak) stats_.out_peak = stats_.out;
    return pooled<T>(*this, s.object, index);
  }
  void end_use(std::uint32_t& index) noexcept {
    stats_.out -= 1;
    slots_[index].generation += 1;
    if (slots_[index].generation != 0) return;
    retire(index);
  }
  // Its generations are used up: the object moves to another slot, this one stays empty for ever.
  void retire(std::uint32_t& index) noexcept {
    T* const object = std::exchange(slots_[index].object, nullptr);
    slots_[index].next = none;
    need_vacant();
    index = pop(vacant_);
    slots_[index].object = object;
  }
  void destroy(std::uint32_t index) noexcept {
    delete std::exchange(slots_[index].object, nullptr);
    slots_[index].next = std::exchange(vacant_, index);
  }
  void grant(std::uint32_t index) noexcept {
    object_waiter<T>& who = *first_waiter_;
    leave_line(who);
    stats_.waited += 1;
    who.granted_ = hand_out(index);
    who.on_granted();
  }

  typename pool_of::factory make_;
  typename pool_of::reset_hook reset_;
  std::vector<slot> slots_;
  std::uint32_t idle_ = none;    // slots with an idle object
  std::uint32_t vacant_ = none;  // slots without an object
  object_waiter<T>* first_waiter_ = nullptr;
  object_waiter<T>** last_waiter_ = &first_waiter_;
  bool gone_ = false;
  unsigned visits_ = 0;
#if ZC_DCHECKS
  std::thread::id made_on_ = std::this_thread::get_id();
#endif
};

}  // namespace detail

template <class T>
void pooled<T>::reset() noexcept {
  if (std::exchange(object_, nullptr) != nullptr) core_->give_back(index_);
}
template <class T>
pool_handle<T> pooled<T>::handle() const noexcept {
  ZC_REQUIRES(object_ != nullptr, "pooled::handle requires an object");
  return core_->handle_of(index_);
}
template <class T>
pool_handle<T> pooled<T>::release() && noexcept {
  ZC_REQUIRES(object_ != nullptr, "pooled::release requires an object");
  object_ = nullptr;
  core_->detach(index_);
  return core_->handle_of(index_);
}

template <class T>
void object_waiter<T>::unlink() noexcept {
  if (waiting()) core_->leave_line(*this);
}

template <class T>
object_pool<T>::object_pool(const options& how, factory make, reset_hook reset) {
  ZC_REQUIRES(how.objects_max >= 1 && how.initial <= how.objects_max && how.initial <= how.idle_max,
              "object_pool requires objects_max >= 1 and initial within objects_max and idle_max");
  auto core = std::make_unique<detail::object_core<T>>(how, std::move(make), std::move(reset));
  struct on_failure {  // objects that were made before the factory threw
    detail::object_core<T>* core;
    ~on_failure() {
      if (core != nullptr) core->trim(0);
    }
  } guard{core.get()};
  core->prefill();
  guard.core = nullptr;
  core_ = core.release();
}
template <class T>
object_pool<T>::~object_pool() {
  core_->pool_goes();
}
template <class T>
pooled<T> object_pool<T>::try_acquire() {
  pooled<T> one = core_->acquire();
  if (!one) core_->stats_.refused += 1;
  return one;
}
template <class T>
typename object_pool<T>::line object_pool<T>::wait(object_waiter<T>& who) {
  return core_->wait(who);
}
template <class T>
T* object_pool<T>::find(pool_handle<T> handle) noexcept {
  return core_->find(handle);
}
template <class T>
pooled<T> object_pool<T>::adopt(pool_handle<T> handle) noexcept {
  if (!core_->attach(handle)) return {};
  return pooled<T>(*core_, core_->find(handle), handle.index);
}
template <class T>
void object_pool<T>::give_back(pool_handle<T> handle) noexcept {
  const bool live = core_->attach(handle);
  ZC_REQUIRES(live, "object_pool::give_back requires a handle that release() let go, once");
  core_->give_back(handle.index);
}
template <class T>
void object_pool<T>::trim(std::size_t keep) noexcept {
  core_->trim(keep);
}
template <class T>
const typename object_pool<T>::statistics& object_pool<T>::read() const noexcept {
  return core_->stats_;
}
template <class T>
std::size_t object_pool<T>::objects_max() const noexcept {
  return core_->how_.objects_max;
}

}  // namespace zc
