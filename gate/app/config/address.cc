#include "gate/app/config/address.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "gate/app/config/report.h"

namespace sluice::config {
namespace {

constexpr std::size_t unix_path_bytes_max = 107;  // sockaddr_un, less its final zero
constexpr std::string_view tls_message =
    "TLS is not supported yet: start the endpoint with http:// to send in clear text";

std::unexpected<std::string> expected_host_port(std::string_view text, std::string_view why) {
  return std::unexpected("expected host:port such as localhost:4317, got " + quoted(text) + " (" +
                         std::string(why) + ")");
}

bool has_scheme(std::string_view text, std::string_view scheme) {
  if (text.size() < scheme.size()) return false;
  return std::ranges::equal(text.substr(0, scheme.size()), scheme, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

or_message<target> with_authority(or_message<zc::endpoint>&& to, std::string_view authority) {
  if (!to) return std::unexpected(std::move(to.error()));
  return target{std::move(*to), std::string(authority), {}, false};
}

std::unexpected<std::string> expected_url(std::string_view text, std::string_view why) {
  return std::unexpected("expected a URL such as http://localhost:4318, got " + quoted(text) +
                         " (" + std::string(why) + ")");
}

// What stands between http:// and the path.
or_message<target> parse_url_authority(std::string_view whole, std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) {
    return std::unexpected(std::string(
        "a user and password in the URL are not supported yet: write an authorization header"));
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = authority.substr(0, colon);
  if (host.empty()) return expected_url(whole, "the host is missing");
  const bool has_port = colon != std::string_view::npos;
  auto to = zc::endpoint::parse(has_port ? std::string(authority) : std::string(authority) + ":80");
  if (!to) return expected_url(whole, to.error().reason);
  if (!to->unix_path.empty() || to->port == 0) return expected_url(whole, "the port is 0");
  const bool own_port = to->port == 80;
  return target{std::move(*to), std::string(own_port ? host : authority), {}, true};
}

bool is_path_character(char c) {
  return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
}

}  // namespace

or_message<zc::endpoint> parse_host_port(std::string_view text, bool any_port) {
  if (text.find("://") != std::string_view::npos) {
    return expected_host_port(text, "no scheme belongs here");
  }
  if (text.starts_with("unix:")) return expected_host_port(text, "a Unix socket is not taken here");
  auto parsed = zc::endpoint::parse(text);
  if (!parsed) return expected_host_port(text, parsed.error().reason);
  if (parsed->port == 0 && !any_port) return expected_host_port(text, "the port is 0");
  return std::move(*parsed);
}

or_message<zc::endpoint> parse_unix_path(std::string_view text) {
  std::string_view path = text;
  if (path.starts_with("unix://")) {
    path.remove_prefix(7);
  } else if (path.starts_with("unix:")) {
    path.remove_prefix(5);
  }
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return std::unexpected("expected the path of a Unix socket, got " + quoted(text));
  }
  if (path.size() > unix_path_bytes_max) {
    return std::unexpected("the path of a Unix socket has at most " +
                           std::to_string(unix_path_bytes_max) + " bytes, got " +
                           std::to_string(path.size()));
  }
  zc::endpoint out;
  out.unix_path = path;
  return out;
}

or_message<target> parse_grpc_target(std::string_view text) {
  if (has_scheme(text, "https://")) return std::unexpected(std::string(tls_message));
  if (has_scheme(text, "unix:")) return with_authority(parse_unix_path(text), "localhost");
  bool clear_text = false;
  std::string_view rest = text;
  for (const std::string_view scheme : {"http://", "dns:///", "passthrough:///", "dns:"}) {
    if (!has_scheme(text, scheme) || (scheme == "dns:" && has_scheme(text, "dns://"))) continue;
    // "dns:4317" is a host of that name.
    if (scheme == "dns:" && text.find(':', scheme.size()) == std::string_view::npos) continue;
    clear_text = scheme == "http://";
    rest.remove_prefix(scheme.size());
    break;
  }
  if (rest.find('/') != std::string_view::npos) {
    return expected_host_port(text, rest.find("://") != std::string_view::npos
                                        ? "the scheme is not known"
                                        : "gRPC takes no path");
  }
  if (rest.starts_with(':')) return expected_host_port(text, "the host is missing");
  auto parsed = parse_host_port(rest, false);
  auto out = with_authority(std::move(parsed), rest);
  if (out) out->clear_text = clear_text;
  return out;
}

or_message<target> parse_http_url(std::string_view text, bool base) {
  if (has_scheme(text, "https://")) return std::unexpected(std::string(tls_message));
  if (!has_scheme(text, "http://")) return expected_url(text, "it has to start with http://");
  const std::string_view rest = text.substr(7);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  auto out = parse_url_authority(text, rest.substr(0, end));
  if (!out) return out;
  std::string_view path = rest.substr(end);
  if (!std::ranges::all_of(path, is_path_character)) {
    return expected_url(text, "a character of the path is not allowed");
  }
  if (base && path.find('?') != std::string_view::npos) {
    return expected_url(text, "a query cannot stand before the signal's path");
  }
  while (base && path.ends_with('/')) path.remove_suffix(1);
  out->path = path;
  if (!base && !out->path.starts_with('/')) out->path.insert(0, "/");
  return out;
}

}  // namespace sluice::config
