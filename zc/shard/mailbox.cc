#include "zc/shard/mailbox.h"

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

#include "zc/base/check.h"
#include "zc/shard/shard.h"

namespace zc {
namespace {

// At least 2: with one place, free for the next round and filled in this one would look the same.
std::uint64_t places(std::size_t letters_max) {
  ZC_REQUIRES(letters_max > 0 && letters_max <= (std::size_t{1} << 20),
              "a mailbox requires room for 1 to 2^20 letters");
  return std::bit_ceil(std::max<std::size_t>(letters_max, 2));
}

}  // namespace

mailbox::mailbox(shard& to, std::size_t letters_max)
    : to_(to), mask_(places(letters_max) - 1), room_(&must_wait, this) {
  slots_ = std::make_unique<slot[]>(mask_ + 1);
  for (std::uint64_t i = 0; i <= mask_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
}

mailbox::~mailbox() {
  close();
}

mailbox::outcome mailbox::try_post(letter&& l) {
  std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  for (;;) {
    if ((tail & closed_bit) != 0) return outcome::closed;
    const std::uint64_t position = tail >> 1;
    slot& s = slots_[position & mask_];
    // Acquire: the letter that lay here a round ago is gone.
    const std::uint64_t turn = s.turn.load(std::memory_order_acquire);
    if (turn == position) {
      // Sequentially consistent with the shard's look at it before it sleeps: either it does not
      // sleep, or rouse() sees that it does.
      if (tail_.compare_exchange_weak(tail, tail + 2)) {
        s.held = std::move(l);
        s.turn.store(position + 1, std::memory_order_release);
        to_.rouse();
        return outcome::taken;
      }
    } else if (turn < position) {
      return outcome::full;
    } else {
      tail = tail_.load(std::memory_order_relaxed);
    }
  }
}

bool mailbox::must_wait(const void* of) noexcept {
  const auto* box = static_cast<const mailbox*>(of);
  const std::uint64_t tail = box->tail_.load();
  return (tail & closed_bit) == 0 && (tail >> 1) - box->head_.load() > box->mask_;
}

bool mailbox::empty() const noexcept {
  return (tail_.load() >> 1) == next_;
}

bool mailbox::take(letter& to) {
  slot& s = slots_[next_ & mask_];
  if (s.turn.load(std::memory_order_acquire) != next_ + 1) return false;
  to = std::exchange(s.held, nullptr);
  s.turn.store(next_ + mask_ + 1, std::memory_order_release);
  next_ += 1;
  return true;
}

std::size_t mailbox::run_batch() {
  const std::uint64_t end = tail_.load(std::memory_order_relaxed) >> 1;
  if (end == next_) return 0;
  const std::uint64_t start = next_;
  letter now;
  while (next_ < end && take(now)) {
    std::exchange(now, nullptr)();
  }
  const auto ran = static_cast<std::size_t>(next_ - start);
  head_.store(next_);
  room_.tell(ran);
  return ran;
}

void mailbox::close() {
  const std::uint64_t before = tail_.fetch_or(closed_bit);
  const std::uint64_t end = before >> 1;
  letter dropped;
  while (next_ < end) {
    if (take(dropped)) {
      dropped = nullptr;
    } else {
      std::this_thread::yield();  // claimed, about to be filled
    }
  }
  head_.store(next_);
  room_.tell(SIZE_MAX);
}

bool mailbox::post_and_wait(letter&& l) {
  ZC_REQUIRES(shard::current() != &to_,
              "mailbox::post_and_wait requires another thread than the receiving shard's");
  for (;;) {
    // A letter that is not taken has not been touched. NOLINTNEXTLINE(bugprone-use-after-move)
    switch (try_post(std::move(l))) {
      case outcome::taken:
        return true;
      case outcome::closed:
        return false;
      case outcome::full:
        break;
    }
    room_.wait();
  }
}

}  // namespace zc
