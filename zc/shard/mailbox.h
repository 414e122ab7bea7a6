// zc/shard/mailbox.h - work handed to another shard: bounded, many senders, one shard that runs it.
//
//     try_post(letter)         any thread; full or closed is an answer, and the letter stays yours
//     co_await room()          a task waits until there may be room
//     post_and_wait(letter)    a thread that is no shard's waits
//     co_await call(to, fn)    runs fn there and brings the result back (call.h)
//
// Ownership  A letter is destroyed on the receiving shard as soon as it has run; when the mailbox
//            closes, those that have not run are destroyed there, too.
// Order      Of one sender: as sent. Nothing is promised between a mailbox and shard::post().
// Threads    Senders: any. run_batch() and close(): the shard's loop.
// Cost       try_post() a compare-and-swap and a store, no lock, no allocation for a letter of up
//            to three words; one wake-up per batch, and only of a shard that sleeps.
// Errors     outcome, as a value. std::bad_alloc: the constructor; and a letter of more than three
//            words may throw it where it is made, before the mailbox knows of it.
// Bound      letters_max, rounded up to a power of two, at least 2. A shard's replies do not pass
//            through here but through wakeups, so shards that call each other cannot block each
//            other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "zc/base/units.h"
#include "zc/shard/waiting_room.h"

namespace zc {

class shard;

class mailbox {
 public:
  using letter = std::move_only_function<void()>;
  enum class outcome : std::uint8_t { taken, full, closed };

  mailbox(shard& to, std::size_t letters_max);
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox();  // closes

  // Moves from the letter only when it is taken.
  outcome try_post(letter&& l);
  // Until it is taken (true) or the mailbox is closed. For threads that are no shard's; a task
  // awaits room() instead. Requires: not the receiving shard's thread.
  bool post_and_wait(letter&& l);

  // co_await box.room(): goes on when there is room, or the mailbox is closed. Others may be
  // faster: try again.
  waiting_room::awaiter room() noexcept { return room_.enter(); }

  std::size_t capacity() const noexcept { return mask_ + 1; }
  bool empty() const noexcept;
  bool closed() const noexcept { return (tail_.load() & closed_bit) != 0; }

  // Runs what was there when it began, and returns how much that was.
  std::size_t run_batch();
  // No more is taken; what was not run is destroyed.
  void close();

 private:
  // tail_ counts in twos; the lowest bit says closed, so that no sender can slip in behind.
  static constexpr std::uint64_t closed_bit = 1;
  struct slot {
    std::atomic<std::uint64_t> turn{0};  // position: free for it; position + 1: its letter is here
    letter held;
  };
  static bool must_wait(const void* of) noexcept;
  bool take(letter& to);

  shard& to_;
  const std::uint64_t mask_;
  std::unique_ptr<slot[]> slots_;
  std::uint64_t next_ = 0;  // to be taken; the shard's
  alignas(destructive_size) std::atomic<std::uint64_t> tail_{0};
  // next_ as others may know it, after each batch; followed by a word to the room.
  alignas(destructive_size) std::atomic<std::uint64_t> head_{0};
  waiting_room room_;
};

}  // namespace zc
