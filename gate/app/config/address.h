// gate/app/config/address.h - the ways in which a configuration writes where to listen and where to
// send.
//
// Pure functions; no name is resolved. On failure: what is wrong, as a sentence for the operator.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "zc/shard/poller.h"

namespace sluice::config {

template <class T>
using or_message = std::expected<T, std::string>;

// "localhost:4317", "[::1]:4317", ":4317". Port 0 means any, where `any_port` allows it.
or_message<zc::endpoint> parse_host_port(std::string_view text, bool any_port);

// A Unix socket: "/run/sluice.sock", or with unix: or unix:// before it.
or_message<zc::endpoint> parse_unix_path(std::string_view text);

// Where a client sends, and the name it uses for the server.
struct target {
  zc::endpoint to;
  std::string authority;    // host, and the port unless it is the scheme's own
  std::string path;         // of a URL; without a closing slash, for a base
  bool clear_text = false;  // http:// was written
};

// "host:4317", "http://host:4317", "dns:///host:4317", "passthrough:///host:4317", "unix:///path".
or_message<target> parse_grpc_target(std::string_view text);

// "http://host[:port][/path]". `base`: paths are appended to it, so it has no query and loses its
// closing slash.
or_message<target> parse_http_url(std::string_view text, bool base);

}  // namespace sluice::config
