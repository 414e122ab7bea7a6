#include <algorithm>

#include "gate/app/config/address.h"
#include "gate/app/config/components.h"
#include "gate/app/config/section.h"

namespace sluice::config {
namespace {

// A gRPC message has a 32-bit length; bodies over HTTP get the same bound.
constexpr std::size_t message_bytes_largest = 4_GiB - 1;
constexpr std::size_t message_mib_largest = 4'095;

void read_listen_address(section& from, bool unix_socket, std::string_view otherwise,
                         zc::endpoint& into) {
  std::string text(otherwise);
  from.read("endpoint", text);
  if (unix_socket && !from.has("endpoint")) {
    return from.error_here("requires \"endpoint\", the path of the socket, with transport unix");
  }
  auto parsed = unix_socket ? parse_unix_path(text) : parse_host_port(text, true);
  if (!parsed) return from.error("endpoint", std::move(parsed.error()));
  into = std::move(*parsed);
}

// Where unset means the default of ours, as the Collector's 0 means its own.
void read_message_mib(section& from, std::size_t& into) {
  std::size_t mib = 0;
  from.read("max_recv_msg_size_mib", mib, 0, message_mib_largest);
  if (mib != 0) into = mib << 20;
}

void read_keepalive(section keepalive) {
  section server = keepalive.below("server_parameters");
  server.unsupported({"max_connection_idle", "max_connection_age", "max_connection_age_grace"});
  server.ignore({"time", "timeout"}, shape::duration);
  server.finish();
  section policy = keepalive.below("enforcement_policy");
  policy.ignore("min_time", shape::duration);
  policy.ignore("permit_without_stream", shape::flag);
  policy.finish();
  keepalive.finish();
}

otlp_listener_settings read_grpc(section from) {
  enum class transport : std::uint8_t { tcp, unix_socket };
  otlp_listener_settings out;
  out.grpc = true;
  transport over = transport::tcp;
  from.read_choice("transport", over, {{"tcp", transport::tcp}, {"unix", transport::unix_socket}});
  read_listen_address(from, over == transport::unix_socket, "localhost:4317", out.at);
  read_message_mib(from, out.message_bytes_max);
  std::uint32_t streams = 0;
  from.read("max_concurrent_streams", streams);
  if (streams != 0) out.max_concurrent_streams = streams;
  from.read("include_metadata", out.include_metadata);
  from.ignore({"read_buffer_size", "write_buffer_size"}, shape::integer);
  read_keepalive(from.below("keepalive"));
  from.unsupported({"tls", "auth", "middlewares", "dialer"});
  from.finish();
  return out;
}

void read_url_paths(section& from, std::map<otlp::signal, std::string>& into) {
  constexpr std::pair<std::string_view, otlp::signal> keys[] = {
      {"traces_url_path", otlp::signal::traces},
      {"metrics_url_path", otlp::signal::metrics},
      {"logs_url_path", otlp::signal::logs}};
  for (const auto& [key, signal] : keys) {
    std::string path;
    from.read(key, path);
    if (path.empty()) continue;
    if (!path.starts_with('/')) path.insert(0, "/");
    const bool odd =
        std::ranges::any_of(path, [](char c) { return c <= 0x20 || c == '?' || c == '#'; });
    if (odd) {
      from.error(key, "expected a path such as /v1/traces, got " + quoted(path));
    } else if (path != otlp::http_path(signal)) {
      into[signal] = std::move(path);
    }
  }
}

// We always take all codings that we know. A list that leaves some out is worth a word, one that
// names others an error.
void read_codings(section& from) {
  constexpr std::string_view ours[] = {"",       "gzip",    "zstd",           "zlib",
                                       "snappy", "deflate", "x-snappy-framed"};
  if (!from.has("compression_algorithms")) return from.know("compression_algorithms");
  bool sound = true;
  std::size_t named = 0;
  for (const placed_text& each : from.texts("compression_algorithms")) {
    ++named;
    if (std::ranges::find(ours, each.text) != std::end(ours)) continue;
    sound = false;
    const std::string path = join_path(from.path(), "compression_algorithms");
    if (each.text == "lz4") {
      from.to().unsupported(each.at, path, "compression \"lz4\" is not supported yet");
    } else {
      from.to().error(each.at, path, "unknown compression " + quoted(each.text));
    }
  }
  if (sound && named < std::size(ours) - 1) {
    from.warning("compression_algorithms", "the codings left out here stay accepted");
  }
}

otlp_listener_settings read_http(section from) {
  otlp_listener_settings out;
  out.grpc = false;
  read_listen_address(from, false, "localhost:4318", out.at);
  std::size_t body = 0;
  from.read_bytes("max_request_body_size", body, 0, message_bytes_largest);
  if (body != 0) out.message_bytes_max = body;
  read_url_paths(from, out.url_paths);
  read_codings(from);
  from.read("include_metadata", out.include_metadata);
  bool keep_alives = true;
  from.read("keep_alives_enabled", keep_alives);
  if (!keep_alives) from.not_yet("keep_alives_enabled", "false is not supported yet");
  from.ignore({"read_timeout", "read_header_timeout", "write_timeout", "idle_timeout"},
              shape::duration);
  from.unsupported({"tls", "cors", "auth", "response_headers", "middlewares", "transport"});
  from.finish();
  return out;
}

}  // namespace

otlp_receiver_settings read_otlp_receiver(report& to, const component_body& from) {
  otlp_receiver_settings out;
  out.id = from.id;
  section body(to, from.body, from.at, from.path);
  body.read_choice("inspect", out.inspect,
                   {{"none", otlp::inspect::none},
                    {"count", otlp::inspect::count},
                    {"full", otlp::inspect::full}});
  section protocols = body.below("protocols");
  protocols.know("grpc");
  protocols.know("http");
  if (protocols.present("grpc")) out.listeners.push_back(read_grpc(protocols.below("grpc")));
  if (protocols.present("http")) out.listeners.push_back(read_http(protocols.below("http")));
  protocols.finish();
  if (out.listeners.empty() && body.sound() && protocols.sound())
    body.error_here("requires at least one of protocols::grpc and protocols::http");
  // As in the Collector, where one limit holds before and after decompression, unless ours says
  // otherwise.
  std::size_t inflated = 0;
  body.read_bytes("max_inflated_size", inflated, 1, message_bytes_largest);
  for (otlp_listener_settings& each : out.listeners) {
    each.inflated_bytes_max = inflated != 0 ? inflated : each.message_bytes_max;
  }
  body.finish();
  return out;
}

}  // namespace sluice::config
