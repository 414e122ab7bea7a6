// zc/io/epoll_source.h - what an epoll poller watches: a descriptor, and what to do when it is
// ready.
//
// Ownership  Made by its user, deleted by itself once the user has let go (abandon()) and no batch
//            of events can name it any more.
// Threads    The poller's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/io/fd.h"

namespace zc::io {

class epoll_source;

// The poller, as its sources see it.
class epoll_home {
 public:
  virtual int epoll() const noexcept = 0;
  virtual void enlist(epoll_source& s) noexcept = 0;
  virtual void remove(epoll_source& s) noexcept = 0;  // deletes it, now or when the batch is done
  virtual void schedule(epoll_source& s, bool later) = 0;
  virtual void note_received(std::size_t n) noexcept = 0;  // what a source has read
  virtual bool ends_soon() const noexcept = 0;             // no more reading in this poll()

 protected:
  ~epoll_home() = default;
};

// What epoll reports on. Outlives the handle its user holds for as long as a batch of events may
// name it.
class epoll_source {
 public:
  epoll_source() noexcept = default;
  epoll_source(const epoll_source&) = delete;
  epoll_source& operator=(const epoll_source&) = delete;
  virtual ~epoll_source() = default;

 protected:
  virtual void on_ready(std::uint32_t events) = 0;
  virtual void on_due() = 0;  // what schedule() promised

  // Tells epoll what is wanted. Cheap when it knows already.
  bool watch(std::uint32_t wanted) noexcept;
  void unwatch() noexcept;
  // on_due() in the next poll(), or when descriptors may be free.
  void schedule(bool later = false) noexcept;
  void abandon() noexcept;  // the user let go; may delete this

  bool alive() const noexcept { return !dead_ && home_ != nullptr; }

  fd socket_;
  epoll_home* home_ = nullptr;  // null when the poller is gone

 private:
  friend class epoll_poller;
  epoll_source* next_ = nullptr;  // all sources of a poller
  epoll_source* previous_ = nullptr;
  std::uint32_t wanted_ = 0;
  bool watched_ = false;
  bool scheduled_ = false;
  bool dead_ = false;
};

}  // namespace zc::io
