// zc/io/tcp.h - the options every TCP socket of ours gets.
#pragma once

#include "zc/base/result.h"
#include "zc/shard/poller.h"

namespace zc::io {

bool set_option(int socket, int level, int option, int value) noexcept;
// TCP_NODELAY, keep-alive, congestion control. Set on listeners too: accepted sockets inherit all
// of it, which saves the calls per connection.
result<void> prepare_tcp(int socket, const socket_options& how);
int take_socket_error(int socket) noexcept;  // errno of what went wrong since; 0: nothing

}  // namespace zc::io
