// zc/net/memory_gate.h - who may read while memory is short.
//
//     quota         connection without a message under way    with one under way
//     below soft    read                                      read
//     above soft    pause, for `admission_wait` at most       read, while the pool has blocks
//     still above   read on, refuse every new request         read on; refuse it too when the pool
//                                                             is empty
//
// Pausing makes TCP push back, which is all that most short overloads need; refusing tells clients
// to wait, with hints, before their own time-outs make them guess. One gate per server, so that all
// its connections change over together.
//
// A gate with a line waits in the quota's line (zc/mem/quota.h): whoever frees memory, on whatever
// shard, tells it, and pools keep no free blocks meanwhile. Nothing polls, but where there was no
// block though the quota is not tight: that is looked at again soon.
//
// Threads  One shard.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "zc/mem/quota.h"
#include "zc/shard/shard.h"

namespace zc::net {

class memory_gate;

// A connection that waits for memory. Destroying it leaves the line.
class memory_waiter {
 public:
  memory_waiter() noexcept = default;
  memory_waiter(const memory_waiter&) = delete;
  memory_waiter& operator=(const memory_waiter&) = delete;
  bool waiting() const noexcept { return link_ != nullptr; }

 protected:
  ~memory_waiter() { leave(); }

 private:
  friend class memory_gate;
  virtual void on_memory_news() = 0;  // ask again
  void leave() noexcept;
  memory_waiter* next_ = nullptr;
  memory_waiter** link_ = nullptr;
};

class memory_gate {
 public:
  enum class answer : unsigned char { read, pause, refuse };

  memory_gate(shard& on, std::chrono::milliseconds admission_wait);
  memory_gate(const memory_gate&) = delete;
  memory_gate& operator=(const memory_gate&) = delete;
  ~memory_gate();

  // May a connection read on? After `pause` call wait(). `exhausted`: the pool has just refused a
  // block.
  answer ask(bool message_under_way, bool exhausted = false) noexcept;
  void wait(memory_waiter& who) noexcept;
  bool refusing() const noexcept { return refusing_; }

 private:
  // Our place in the quota's line. What it hears on another thread it posts to the shard, which may
  // run it when the gate has gone.
  class place final : public quota::waiter {
   public:
    explicit place(memory_gate& of);
    ~place();

   private:
    void on_room() noexcept override;
    shard& shard_;
    const std::shared_ptr<memory_gate*> gate_;
  };

  void look();
  void tell();

  shard& shard_;
  const std::chrono::milliseconds admission_wait_;
  memory_waiter* first_ = nullptr;
  memory_waiter* woken_ = nullptr;  // the line that is being told, during tell()
  time_point waiting_since_{};
  bool refusing_ = false;
  place place_;
  member_timer<memory_gate, &memory_gate::look> tick_{*this};
};

}  // namespace zc::net
