// zc/shard/waiting_room.h - where those wait who found something full: tasks suspended, threads
// asleep.
//
//     co_await room.enter();      goes on when there may be place; others may be faster: try again
//     room.wait();                the same for a thread
//     room.tell(n);               after n places became free; cheap when nobody waits
//
// A task that was told and is destroyed before it could try passes the word on, so no place stays
// empty while somebody waits for it.
//
// Threads  enter(): tasks of any shard. tell(): any. `full` is asked by any of them and must read
//          what tell()'s callers have stored before, both sequentially consistent: then nobody
//          sleeps over a free place.
// Cost     tell() one load when nobody waits, else one lock. Nothing is allocated.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <mutex>

#include "zc/shard/wakeup.h"

namespace zc {

class waiting_room {
 public:
  using full_fn = bool (*)(const void* of) noexcept;

  // `of` is what `full` is asked about.
  waiting_room(full_fn full, const void* of) noexcept : full_(full), of_(of) {}
  waiting_room(const waiting_room&) = delete;
  waiting_room& operator=(const waiting_room&) = delete;
  // Requires: nobody waits.
  ~waiting_room();

  class [[nodiscard]] awaiter {
   public:
    explicit awaiter(waiting_room& of) noexcept : room_(of) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;
    ~awaiter();
    bool await_ready() const noexcept { return !room_.full_(room_.of_); }
    bool await_suspend(std::coroutine_handle<> who) noexcept;
    void await_resume() noexcept { told_ = false; }

   private:
    friend class waiting_room;
    waiting_room& room_;
    awaiter* next_ = nullptr;
    awaiter* previous_ = nullptr;
    bool entered_ = false;
    bool waits_ = false;
    bool told_ = false;  // and has not tried yet
    wakeup back_;
  };
  awaiter enter() noexcept { return awaiter(*this); }
  void wait();
  void tell(std::size_t places) noexcept;

 private:
  void tell_first() noexcept;        // under guard_
  void unlink(awaiter& w) noexcept;  // under guard_

  const full_fn full_;
  const void* const of_;
  std::atomic<std::size_t> waiting_{0};
  std::mutex guard_;
  std::condition_variable changed_;
  awaiter* first_ = nullptr;  // the oldest
  awaiter* last_ = nullptr;
};

}  // namespace zc
