// zc/io/name_lookup.h - names resolved beside the poller, so that a slow name server delays nobody
// but those who want that name.
//
//     lookup_ = lookups.start(to, *this);     a thread of the offload pool asks
//     ...                                     the poller is woken
//     lookups.deliver();                      the poller: who still waits is told
//
// Ownership  The one who waits holds a ticket; dropping it, at any time, ends the waiting. A lookup
//            that runs meanwhile ends by itself; the desk may be gone by then.
// Threads    The poller's; the resolver runs on the pool.
// Cost       deliver() one relaxed load when nothing has come.
// Bound      The pool's queue; when that is full start() gives an empty ticket: try again later.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "zc/base/result.h"
#include "zc/io/address.h"
#include "zc/shard/offload.h"
#include "zc/shard/poller.h"

namespace zc::io {

// Instead of the system's: on a thread of the pool, may block.
using resolver = std::function<result<std::vector<address>>(const endpoint&)>;

class lookup_desk {
 public:
  class waiter {
   public:
    virtual void on_resolved(result<std::vector<address>>&& found) = 0;

   protected:
    ~waiter() = default;
  };
  struct lookup;  // one name, shared with the pool
  // Dropping it ends the waiting.
  class ticket {
   public:
    ticket() noexcept = default;
    explicit ticket(std::shared_ptr<lookup> of) noexcept : of_(std::move(of)) {}
    ticket(ticket&&) noexcept = default;
    ticket& operator=(ticket&& t) noexcept {
      drop();
      of_ = std::move(t.of_);
      return *this;
    }
    ~ticket() { drop(); }
    explicit operator bool() const noexcept { return of_ != nullptr; }
    void drop() noexcept;

   private:
    std::shared_ptr<lookup> of_;
  };

  // `to` is woken when something has come. The pool outlives the desk.
  lookup_desk(poller& to, offload_pool& on, resolver how);
  lookup_desk(const lookup_desk&) = delete;
  lookup_desk& operator=(const lookup_desk&) = delete;
  ~lookup_desk();

  ticket start(const endpoint& what, waiter& who);
  std::size_t deliver();  // returns how many were told

 private:
  struct inbox;
  offload_pool& on_;
  const std::shared_ptr<const resolver> how_;
  const std::shared_ptr<inbox> inbox_;
};

}  // namespace zc::io
