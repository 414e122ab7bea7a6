// zc/io/epoll_poller.h - the poller on plain non-blocking sockets: TCP (IPv4, IPv6) and Unix.
//
// Level-triggered. Per readiness a stream makes up to four reads and stops at the first short one;
// per send one sendmsg. TCP_NODELAY and keep-alive are always on. What stands in the way of a
// callback's order:
//
//   - a stream (or acceptor) may be destroyed in any callback; what the kernel still reports for it
//   is skipped
//   - a failed send() returns the error, and on_failed() follows in the next poll() unless the
//   stream is gone by then; what the peer had sent before is delivered first, unless reading is
//   paused
//   - connect() resolves a name on the process's offload pool, and then tries its addresses in
//     order; a stream may be destroyed meanwhile
//   - an error that connect() meets at once (no route, no such path) is told by on_failed() too, as
//     is an unknown name; connect() itself returns only what no retry would heal by itself: unknown
//     congestion control at a numeric address
//   - an acceptor that meets the limit of open files waits 100 ms and tries again
//   - shutdown_send() while a send is pending takes effect when that send has ended and no new one
//   was made
//
// Unix listeners take over a path that a dead process left, and remove theirs when they go.
//
// Threads  One, but for wake(). Streams and acceptors may outlive the poller; they are dead then.
#pragma once

#include <memory>

#include "zc/io/name_lookup.h"
#include "zc/shard/poller.h"

namespace zc::io {

// Null when the kernel refuses (no descriptors left).
std::unique_ptr<poller> make_epoll_poller();
// With another resolver of names than the system's. connect() uses it; listen() does not.
std::unique_ptr<poller> make_epoll_poller_with(resolver how);

}  // namespace zc::io
