// The exporters that send OTLP: what gRPC and HTTP have in common, and what each has of its own.
#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gate/app/config/address.h"
#include "gate/app/config/components.h"
#include "gate/app/config/section.h"

namespace sluice::config {
namespace {

// What fits beside the client's own into one block of request fields.
constexpr std::size_t headers_max = 64;

constexpr std::size_t request_bytes_largest = 4_GiB - 1;  // a gRPC message has a 32-bit length
constexpr std::size_t queue_largest = std::size_t{1} << 40;
constexpr std::size_t consumers_most = 10'000;

void read_queue(section from, queue_settings& into) {
  from.read("enabled", into.enabled);
  from.read("wait_for_result", into.wait_for_result);
  from.read("block_on_overflow", into.block_on_overflow);
  from.read_choice("sizer", into.sizer,
                   {{"requests", queue_sizer::requests},
                    {"items", queue_sizer::items},
                    {"bytes", queue_sizer::bytes}});
  // The Collector looks at these two only while the queue is on.
  const std::size_t least = into.enabled ? 1 : 0;
  from.read("num_consumers", into.num_consumers, least, consumers_most);
  from.read("queue_size", into.queue_size, least, queue_largest);
  from.unsupported("storage");
  // Being there turns it on, whatever it holds.
  from.know("batch");
  if (from.present("batch"))
    from.not_yet("batch", "batches of the queue are not supported yet; use the batch processor");
  from.finish();
}

void check_elapsed(const section& from, const retry_settings& retry) {
  if (!retry.enabled || retry.max_elapsed_time.count() == 0) return;
  const auto check = [&](std::string_view key, milliseconds longest) {
    if (longest <= retry.max_elapsed_time) return true;
    from.error(from.has("max_elapsed_time") ? "max_elapsed_time" : key,
               "max_elapsed_time must be 0 or at least " + std::string(key));
    return false;
  };
  if (check("initial_interval", retry.initial_interval)) check("max_interval", retry.max_interval);
}

void read_retry(section from, retry_settings& into) {
  from.read("enabled", into.enabled);
  from.read("initial_interval", into.initial_interval);
  from.read("randomization_factor", into.randomization_factor, 0, 1);
  from.read("multiplier", into.multiplier, 1, 1'000);
  from.read("max_interval", into.max_interval);
  from.read("max_elapsed_time", into.max_elapsed_time);
  check_elapsed(from, into);
  from.finish();
}

using coding_choice = choice<std::optional<zc::coding>>;
constexpr std::optional<zc::coding> coding_not_here;

void read_compression(section& from, bool grpc, otlp_exporter_settings& into) {
  std::optional<zc::coding> coding = into.compression;
  if (grpc) {
    from.read_choice("compression", coding,
                     {coding_choice{"gzip", zc::coding::gzip},
                      {"snappy", zc::coding::snappy_framed},  // as gRPC means it
                      {"zstd", zc::coding::zstd},
                      {"none", zc::coding::identity},
                      {"", zc::coding::identity}});
  } else {
    from.read_choice("compression", coding,
                     {coding_choice{"gzip", zc::coding::gzip},
                      {"zstd", zc::coding::zstd},
                      {"snappy", zc::coding::snappy},
                      {"x-snappy-framed", zc::coding::snappy_framed},
                      {"zlib", zc::coding::deflate},
                      {"deflate", zc::coding::deflate},
                      {"lz4", coding_not_here},
                      {"none", zc::coding::identity},
                      {"", zc::coding::identity}});
  }
  if (!coding) return from.not_yet("compression", "compression \"lz4\" is not supported yet");
  into.compression = *coding;
}

int level_most(zc::coding coding) {
  if (coding == zc::coding::zstd) return 22;
  return coding == zc::coding::gzip || coding == zc::coding::deflate ? 9 : 0;
}

// -1 is what the Collector calls the coder's own choice; ours is 0.
void read_level(section from, otlp_exporter_settings& into) {
  int level = 0;
  from.read("level", level, -1, 22);
  const int most = level_most(into.compression);
  if (level > most) {
    from.error("level", most == 0 ? "this compression has no levels"
                                  : "must be at most " + std::to_string(most) +
                                        " for this compression, got " + std::to_string(level));
  }
  into.compression_level = std::max(level, 0);
  from.finish();
}

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

// Headers that the transport writes itself.
bool is_ours(std::string_view name) {
  constexpr std::string_view ours[] = {
      "content-type",      "content-length", "content-encoding",
      "accept-encoding",   "connection",     "te",
      "transfer-encoding", "upgrade",        "keep-alive",
      "proxy-connection",  "grpc-encoding",  "grpc-accept-encoding",
      "grpc-timeout"};
  return std::ranges::find(ours, name) != std::end(ours);
}

void take_header(const section& from, const std::string& path, bool grpc, placed_text&& name,
                 std::string&& value, otlp_exporter_settings& into,
                 std::vector<std::pair<std::string, std::string>>& headers) {
  report& to = from.to();
  const std::string own_path = join_path(path, name.text);
  if (!is_token(name.text))
    return to.error(name.at, path, quoted(name.text) + " cannot be the name of a header");
  if (!is_header_value(value))
    return to.error(name.at, own_path, "the value holds a control character");
  std::ranges::transform(name.text, name.text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (is_ours(name.text)) {
    return to.warning(name.at, own_path,
                      "Sluice writes this header itself: what is written here is not sent");
  }
  if (grpc && name.text.ends_with("-bin")) {
    return to.unsupported(name.at, own_path,
                          "binary metadata (names that end in -bin) is not supported yet");
  }
  if (name.text == "user-agent") {
    into.user_agent = std::move(value);
  } else if (!grpc && name.text == "host") {
    into.authority = std::move(value);
  } else if (headers.size() == headers_max) {
    to.error(name.at, own_path, "an exporter sends at most 64 headers of its own");
  } else {
    headers.emplace_back(std::move(name.text), std::move(value));
  }
}

void read_headers(section& from, bool grpc, otlp_exporter_settings& into) {
  const std::string path = join_path(from.path(), "headers");
  std::vector<std::pair<std::string, std::string>> headers;
  for (auto& [name, value] : from.text_map("headers")) {
    take_header(from, path, grpc, std::move(name), std::move(value), into, headers);
  }
  into.headers = decltype(into.headers)::from_range(std::ranges::subrange(
      std::make_move_iterator(headers.begin()), std::make_move_iterator(headers.end())));
}

// Whether the section says that nothing is to be encrypted. `clear_text`: the address says so
// already.
bool read_tls(section tls, bool clear_text) {
  bool insecure = false;
  tls.read("insecure", insecure);
  constexpr std::string_view others[] = {"insecure_skip_verify",
                                         "server_name_override",
                                         "cert_file",
                                         "cert_pem",
                                         "key_file",
                                         "key_pem",
                                         "min_version",
                                         "max_version",
                                         "cipher_suites",
                                         "curve_preferences",
                                         "reload_interval",
                                         "tpm"};
  // The Collector encrypts when it is given an authority, even if `insecure` is set.
  constexpr std::string_view authorities[] = {"ca_file", "ca_pem", "include_system_ca_certs_pool"};
  for (const std::string_view key : others) {
    if (insecure || clear_text) {
      tls.ignore(key, shape::any);
    } else {
      tls.unsupported(key);
    }
  }
  for (const std::string_view key : authorities) {
    if (clear_text) {
      tls.ignore(key, shape::any);
    } else {
      tls.unsupported(key);
    }
  }
  tls.finish();
  return insecure;
}

// What both transports read in the same way, after their address.
void read_common(section& from, bool grpc, exporter_settings& into) {
  read_compression(from, grpc, into.otlp);
  read_level(from.below("compression_params"), into.otlp);
  from.read("timeout", into.otlp.timeout);
  from.read_bytes("max_request_size", into.otlp.request_bytes_max, 1'024, request_bytes_largest);
  read_headers(from, grpc, into.otlp);
  read_queue(from.below("sending_queue"), into.queue);
  read_retry(from.below("retry_on_failure"), into.retry);
  from.ignore({"read_buffer_size", "write_buffer_size"}, shape::integer);
  from.unsupported({"auth", "middlewares"});
}

void read_grpc_address(section& from, otlp_exporter_settings& into) {
  std::string endpoint;
  if (!from.require("endpoint", endpoint)) {
    from.below("tls");  // whatever it says, the address is the first thing to mend
    return;
  }
  auto parsed = parse_grpc_target(endpoint);
  const bool clear_text = parsed && parsed->clear_text;
  const bool insecure = read_tls(from.below("tls"), clear_text);
  if (!parsed) return from.error("endpoint", std::move(parsed.error()));
  if (!clear_text && !insecure) {
    from.not_yet("endpoint",
                 "TLS, the default, is not supported yet: write \"tls: {insecure: true}\" beside "
                 "the endpoint, or "
                 "start it with http://, to send in clear text");
  }
  into.to = std::move(parsed->to);
  into.authority = std::move(parsed->authority);
}

void read_client_keepalive(section keepalive) {
  keepalive.ignore({"time", "timeout"}, shape::duration);
  keepalive.ignore("permit_without_stream", shape::flag);
  keepalive.finish();
}

struct signal_endpoint {
  std::string_view key;
  otlp::signal signal;
};
constexpr signal_endpoint signal_endpoints[] = {{"traces_endpoint", otlp::signal::traces},
                                                {"metrics_endpoint", otlp::signal::metrics},
                                                {"logs_endpoint", otlp::signal::logs},
                                                {"profiles_endpoint", otlp::signal::profiles}};

bool same_place(const zc::endpoint& a, const zc::endpoint& b) {
  return a.host == b.host && a.port == b.port && a.unix_path == b.unix_path;
}

// Fills the address from `endpoint` and its siblings. All of them lead to one server.
class http_addresses {
 public:
  http_addresses(section& from, otlp_http_exporter& into) : from_(from), into_(into) {}

  void read() {
    read_base();
    for (const signal_endpoint& each : signal_endpoints) read_signal(each);
    if (any_) return;
    into_.without.clear();  // one message is enough
    if (from_.sound()) {
      from_.error_here("requires \"endpoint\", or \"traces_endpoint\" and its siblings");
    }
  }

 private:
  otlp_exporter_settings& otlp() { return into_.settings.otlp; }

  // The text of a key, if there is one that can be read.
  std::optional<target> address(std::string_view key, bool base) {
    from_.know(key);
    if (!from_.has(key)) return std::nullopt;
    any_ = true;
    std::string text;
    if (!from_.require(key, text)) return std::nullopt;
    auto parsed = parse_http_url(text, base);
    if (parsed) return std::move(*parsed);
    from_.error(key, std::move(parsed.error()));
    return std::nullopt;
  }

  void read_base() {
    auto parsed = address("endpoint", true);
    base_ = from_.has("endpoint");
    if (!parsed) return;
    otlp().base_path = parsed->path;
    take_server(std::move(*parsed));
  }

  void read_signal(const signal_endpoint& each) {
    auto parsed = address(each.key, false);
    if (!from_.has(each.key) && !base_) into_.without.push_back(each.signal);
    if (!parsed) return;
    otlp().paths[each.signal] = parsed->path;
    if (server_ && !same_place(otlp().to, parsed->to)) {
      return from_.not_yet(
          each.key,
          "another host or port than the exporter's other endpoints is not supported yet: "
          "define one exporter for each");
    }
    take_server(std::move(*parsed));
  }

  void take_server(target&& found) {
    if (std::exchange(server_, true)) return;
    otlp().to = std::move(found.to);
    otlp().authority = std::move(found.authority);
  }

  section& from_;
  otlp_http_exporter& into_;
  bool any_ = false;     // one of the keys is there
  bool base_ = false;    // `endpoint` is
  bool server_ = false;  // otlp().to is set
};

void read_encoding(section& from) {
  enum class encoding : std::uint8_t { proto, json };
  encoding value = encoding::proto;
  from.read_choice("encoding", value, {{"proto", encoding::proto}, {"json", encoding::json}});
  if (value == encoding::json) from.not_yet("encoding", "encoding json is not supported yet");
}

}  // namespace

exporter_settings read_otlp_grpc_exporter(report& to, const component_body& from) {
  exporter_settings out;
  out.id = from.id;
  out.kind = exporter_kind::otlp_grpc;
  section body(to, from.body, from.at, from.path);
  read_grpc_address(body, out.otlp);
  read_common(body, true, out);
  body.read("user_agent", out.otlp.user_agent);
  std::string authority;
  body.read("authority", authority);
  if (!authority.empty()) out.otlp.authority = std::move(authority);
  body.ignore("balancer_name", shape::text);
  body.ignore("wait_for_ready", shape::flag);
  read_client_keepalive(body.below("keepalive"));
  body.finish();
  return out;
}

otlp_http_exporter read_otlp_http_exporter(report& to, const component_body& from) {
  otlp_http_exporter out;
  out.settings.id = from.id;
  out.settings.kind = exporter_kind::otlp_http;
  out.settings.otlp.timeout = milliseconds{30'000};
  section body(to, from.body, from.at, from.path);
  http_addresses(body, out).read();
  read_tls(body.below("tls"), true);
  read_encoding(body);
  read_common(body, false, out.settings);
  body.ignore({"max_idle_conns", "max_idle_conns_per_host", "max_conns_per_host"}, shape::integer);
  body.ignore({"idle_conn_timeout", "http2_read_idle_timeout", "http2_ping_timeout"},
              shape::duration);
  body.ignore({"disable_keep_alives", "force_attempt_http2"}, shape::flag);
  body.unsupported({"proxy_url", "cookies"});
  body.finish();
  return out;
}

}  // namespace sluice::config
