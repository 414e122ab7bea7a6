#include "gate/rig/cli.h"

#include <array>
#include <charconv>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "gate/rig/archive.h"
#include "gate/rig/load.h"
#include "gate/rig/sink.h"

namespace sluice::rig {
namespace {

using zc::grpc::code;

[[noreturn]] void refuse(const std::string& option, const std::string& why) {
  throw CLI::ValidationError(option, why);  // CLI11 reports it; nothing runs yet
}

zc::endpoint endpoint_of(const std::string& option, const std::string& text) {
  const auto at = zc::endpoint::parse(text);
  if (!at) refuse(option, "'" + text + "' is no endpoint: " + at.error().reason);
  return *at;
}

// "250ms", "10s", "2m", "1h", "300us"; a bare number is seconds.
std::chrono::microseconds duration_of(const std::string& option, const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 6> units{
      {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"", 1e6}}};
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    const double microseconds = number * factor;
    if (failed == std::errc() && name == unit && microseconds >= 0 && microseconds < 1e15) {
      return std::chrono::microseconds(static_cast<std::int64_t>(microseconds));
    }
  }
  refuse(option, "'" + text + "' is no duration: write 500ms, 10s, 2m or 1h");
}

// "1000000", "1.5M", "200k", "64MiB".
double amount_of(const std::string& option, const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> units{{{"", 1},
                                                                              {"k", 1e3},
                                                                              {"K", 1e3},
                                                                              {"M", 1e6},
                                                                              {"G", 1e9},
                                                                              {"KiB", 0x1p10},
                                                                              {"MiB", 0x1p20},
                                                                              {"GiB", 0x1p30},
                                                                              {"MB", 1e6},
                                                                              {"GB", 1e9}}};
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    if (failed == std::errc() && name == unit && number >= 0 && number * factor < 1e18) {
      return number * factor;
    }
  }
  refuse(option, "'" + text + "' is no amount: write 1000000, 1.5M, 200k or 64MiB");
}

// "traces", "traces,logs", "traces=3,logs=1"
std::vector<signal_share> mix_of(const std::string& text) {
  std::vector<signal_share> mix;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    const std::size_t cut = part.find('=');
    const auto named = otlp::signal_named(part.substr(0, cut));
    if (!named || *named == otlp::signal::profiles) {
      refuse("--signals", "'" + part + "': a signal is traces, metrics or logs");
    }
    signal_share share{*named, 1};
    if (cut != std::string::npos) {
      const double weight = amount_of("--signals", part.substr(cut + 1));
      if (weight < 1 || weight > 1e6) refuse("--signals", "a weight is a number from 1 on");
      share.weight = static_cast<unsigned>(weight);
    }
    mix.push_back(share);
  }
  return mix;
}

std::uint64_t run_of(const std::string& text) {
  std::uint64_t run = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), run, 16);
  if (failed != std::errc() || end != text.data() + text.size() || run == 0) {
    refuse("--run", "'" + text + "' is no run id: up to 16 hexadecimal digits, not 0");
  }
  return run;
}

code grpc_code_of(const std::string& text) {
  for (unsigned i = 1; i <= 16; ++i) {
    const auto c = static_cast<code>(i);
    if (text == std::to_string(i) || text == zc::grpc::name_of(c)) return c;
  }
  refuse("--refuse-grpc", "'" + text + "': write a code such as UNAVAILABLE or 14");
}

std::pair<std::string, std::string> field_of(const std::string& text) {
  const std::size_t cut = text.find_first_of("=:");
  if (cut == 0 || cut == std::string::npos) refuse("--header", "write name=value");
  std::string name = text.substr(0, cut);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return {name, text.substr(cut + 1)};
}

using setter = std::function<void(const std::string&)>;
CLI::Option* text_option(CLI::App& c, const std::string& name, const std::string& kind,
                         const std::string& help, const setter& set) {
  return c.add_option_function<std::string>(name, set, help)->type_name(kind);
}

template <class Unit>
void duration_option(CLI::App& c, const std::string& name, Unit& into, const std::string& help) {
  text_option(c, name, "TIME", help, [name, &into](const std::string& t) {
    into = std::chrono::duration_cast<Unit>(duration_of(name, t));
  });
}

template <class Number>
void amount_option(CLI::App& c, const std::string& name, Number& into, const std::string& help) {
  text_option(c, name, "N", help, [name, &into](const std::string& t) {
    into = static_cast<Number>(amount_of(name, t));
  });
}

void add_common(CLI::App& c, unsigned& threads, bool& pin, bool& quiet, std::string& json,
                std::string& congestion, std::chrono::milliseconds& every) {
  c.add_option("--threads", threads, "threads to work with")->capture_default_str();
  c.add_flag("--pin", pin, "bind each thread to a core");
  c.add_option("--congestion", congestion, "TCP congestion control, for example cubic or bbr");
  duration_option(c, "--report-interval", every, "time between progress lines (1s)");
  c.add_flag("-q,--quiet", quiet, "no progress lines");
  c.add_option("--json", json, "write the report as JSON to this file; - is standard output");
}

void add_target_options(CLI::App& c, load_options& o) {
  c.add_option_function<std::vector<std::string>>(
       "target",
       [&o](const std::vector<std::string>& all) {
         for (const std::string& t : all) o.targets.push_back(endpoint_of("target", t));
       },
       "where to send: host:port, [v6]:port or unix:/path; connections take several in turn")
      ->required()
      ->type_name("ENDPOINT");
  text_option(
      c, "--protocol", "grpc|http", "OTLP over gRPC, or over HTTP/1.1 in protobuf (grpc)",
      [&o](const std::string& t) { o.via = t == "http" ? transport::http : transport::grpc; })
      ->check(CLI::IsMember({"grpc", "http"}));
  c.add_option("--path-prefix", o.path_prefix, "with http: before /v1/traces and its siblings");
  c.add_option_function<std::vector<std::string>>(
       "--header",
       [&o](const std::vector<std::string>& all) {
         for (const std::string& t : all) o.fields.push_back(field_of(t));
       },
       "further request field, name=value; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

void add_content_options(CLI::App& c, load_options& o) {
  text_option(c, "--signals", "LIST",
              "what to send: traces, metrics, logs, with weights as in traces=3,logs=1 (traces)",
              [&o](const std::string& t) { o.mix = mix_of(t); });
  text_option(c, "--compression", "CODING", "none, gzip, zstd, snappy or deflate (none)",
              [&o](const std::string& t) {
                o.coding = t == "none" ? zc::coding::identity : *zc::coding_named(t);
              })
      ->check(CLI::IsMember({"none", "gzip", "zstd", "snappy", "deflate"}));
  c.add_option("--compression-level", o.coding_level, "0 is fast; 1-9 for gzip, 1-22 for zstd")
      ->check(CLI::Range(0, 22));
  amount_option(c, "--items", o.items, "spans, data points or log records per request (1000)");
  amount_option(c, "--resources", o.resources, "resources per request (one for every 250 items)");
  amount_option(c, "--variety", o.variety, "requests of different content, used in turn (8)");
  c.add_option("--seed", o.seed, "seed of the content: the same seed sends the same telemetry")
      ->capture_default_str();
  text_option(c, "--trace-items", "on|off",
              "on: every item carries an identity, current times and fresh ids; off: the same "
              "requests again and again, compressed once at the start, which costs the least (on)",
              [&o](const std::string& t) { o.trace_items = t == "on"; })
      ->check(CLI::IsMember({"on", "off"}));
  text_option(c, "--run", "HEX", "the run id in the identities (random)",
              [&o](const std::string& t) { o.run = run_of(t); });
}

// What is sent again, before it is read.
struct replay_options {
  std::vector<std::string> files;
  std::optional<otlp::signal> all_are;
  CLI::Option* repeat = nullptr;
};

void add_replay_options(CLI::App& c, load_options& o, replay_options& r) {
  c.add_option("--replay", r.files,
               "send the requests of these archives again, as they lie in the files: what the file "
               "exporter (format: proto) and `sluice sink --write` write. Once, unless --repeat or "
               "--duration say otherwise; a file that is cut off is sent up to its last whole "
               "record, and the exit status is 2")
      ->type_name("FILE")
      ->group("Replay");
  text_option(
      c, "--signal", "SIGNAL",
      "of a replay: all its requests are traces, metrics, logs or profiles. Without it each "
      "request's fields tell; where they do not, the file's name, then its other requests",
      [&r](const std::string& t) { r.all_are = otlp::signal_named(t); })
      ->check(CLI::IsMember({"traces", "metrics", "logs", "profiles"}))
      ->group("Replay");
  r.repeat =
      text_option(c, "--repeat", "N", "of a replay: send all of it so often; 0: no bound (1)",
                  [&o](const std::string& t) {
                    o.repeat = static_cast<std::uint64_t>(amount_of("--repeat", t));
                  })
          ->group("Replay");
}

// What belongs to generated requests says so beside --replay, and the other way round.
void check_replay(const CLI::App& c, const load_options& o) {
  const bool replays = c.count("--replay") > 0;
  for (const char* name : replays ? std::vector<const char*>{"--signals", "--items", "--resources",
                                                             "--variety", "--seed", "--run"}
                                  : std::vector<const char*>{"--signal", "--repeat"}) {
    if (c.count(name) == 0) continue;
    refuse(name, replays ? "does not go with --replay: requests are sent as they lie in the files"
                         : "goes with --replay only");
  }
  if (replays && c.count("--trace-items") > 0 && o.trace_items) {
    refuse("--trace-items",
           "does not go with --replay: requests are sent as they lie in the files, so nothing can "
           "be written into their items");
  }
}

int run_replay(load_options& o, const replay_options& r, bool timed,
               const std::atomic<bool>& stop) {
  o.trace_items = false;
  if (!timed) o.duration = std::chrono::milliseconds(0);
  if (timed && r.repeat->count() == 0) o.repeat = 0;
  auto opened = archive::open(r.files, r.all_are);
  if (!opened) {
    fmt::print(stderr, "sluice load: {}\n", text_of(opened.error()));
    return 1;
  }
  o.replay = std::make_shared<const archive>(std::move(*opened));
  return run_load(o, stop);
}

void add_pressure_options(CLI::App& c, load_options& o) {
  c.add_option("--connections", o.connections,
               "clients; with http each opens --in-flight connections")
      ->capture_default_str();
  c.add_option("--in-flight", o.in_flight, "requests under way per client")->capture_default_str();
  amount_option(c, "--rate", o.rate, "items a second in all, for example 200k; 0: no limit (0)");
  duration_option(c, "--duration", o.duration, "how long to send; 0: until stopped (10s)");
  amount_option(c, "--requests", o.requests, "how many requests in all; 0: no bound (0)");
  duration_option(c, "--drain", o.drain, "how long to wait for the last answers (5s)");
  duration_option(c, "--timeout", o.timeout, "of one attempt (10s)");
  text_option(c, "--retry", "on|off",
              "send again what was refused retryably or has no answer, as an SDK does (on)",
              [&o](const std::string& t) { o.retry = t == "on"; })
      ->check(CLI::IsMember({"on", "off"}));
  duration_option(c, "--retry-min", o.retry_min, "first wait before trying again (100ms)");
  duration_option(c, "--retry-max", o.retry_max, "longest wait without a hint of the target (5s)");
}

void add_listen_options(CLI::App& c, sink_options& o) {
  text_option(c, "--grpc", "ENDPOINT", "listen for OTLP/gRPC, for example :4317",
              [&o](const std::string& t) { o.grpc = endpoint_of("--grpc", t); });
  text_option(c, "--http", "ENDPOINT", "listen for OTLP/HTTP, for example :4318",
              [&o](const std::string& t) { o.http = endpoint_of("--http", t); });
  text_option(
      c, "--look", "none|count|verify",
      "none: answer only; count: count items; verify: also read the identities that `load` "
      "gave them and report loss and duplicates (count)",
      [&o](const std::string& t) {
        o.look = t == "none" ? scrutiny::none : t == "count" ? scrutiny::count : scrutiny::verify;
      })
      ->check(CLI::IsMember({"none", "count", "verify"}));
  c.add_option("--write", o.write_directory,
               "write bodies to SIGNAL-THREAD.otlp in this directory, each behind its length (4 "
               "bytes, big end first)")
      ->type_name("DIRECTORY");
  amount_option(c, "--write-limit", o.write_bytes_max, "bytes to write per thread (16GiB)");
  amount_option(c, "--memory", o.memory, "memory for requests under way (1GiB)");
  amount_option(c, "--message-limit", o.message_bytes_max, "largest request, as received (256MiB)");
  c.add_option("--streams", o.streams_max, "concurrent gRPC requests per connection")
      ->capture_default_str();
  duration_option(c, "--duration", o.duration, "how long to run (until stopped)");
}

void add_fault_options(CLI::App& c, sink_options& o) {
  text_option(c, "--delay", "TIME[-TIME]",
              "answer after this time, or a random one between the two",
              [&o](const std::string& t) {
                const std::size_t cut = t.find('-');
                o.delay_min = duration_of("--delay", t.substr(0, cut));
                o.delay_max = cut == std::string::npos ? o.delay_min
                                                       : duration_of("--delay", t.substr(cut + 1));
              });
  const auto probability = [&](const char* name, double& into, const char* help) {
    c.add_option(name, into, help)->check(CLI::Range(0.0, 1.0))->type_name("P");
  };
  probability("--refuse", o.refuse, "refuse this share of requests");
  text_option(c, "--refuse-grpc", "CODE", "with this gRPC status (UNAVAILABLE)",
              [&o](const std::string& t) { o.refuse_grpc = grpc_code_of(t); });
  c.add_option("--refuse-http", o.refuse_http, "with this HTTP status")
      ->check(CLI::Range(400, 599))
      ->capture_default_str();
  text_option(
      c, "--retry-after", "TIME", "and this hint when to try again", [&o](const std::string& t) {
        o.retry_after =
            std::chrono::duration_cast<std::chrono::milliseconds>(duration_of("--retry-after", t));
      });
  probability("--partial", o.partial, "answer this share with a partial success");
  amount_option(c, "--partial-rejected", o.partial_rejected, "items it says were rejected (1)");
  probability("--cut", o.cut, "cut the connection instead of answering this share");
  probability("--silence", o.silence, "never answer this share");
  amount_option(c, "--read-rate", o.read_rate, "read at most so many bytes a second in all");
  c.add_option("--concurrent", o.concurrent_max,
               "requests waiting for an answer, per thread; more are refused")
      ->capture_default_str();
  c.add_option("--seed", o.seed, "seed of the probabilities")->capture_default_str();
}

}  // namespace

void add_load_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code) {
  auto o = std::make_shared<load_options>();
  auto r = std::make_shared<replay_options>();
  CLI::App& c =
      *app.add_subcommand("load", "send generated or archived telemetry to an OTLP endpoint");
  c.footer(
      "Prints a line a second and an exact report at the end, on standard error.\n"
      "Exit status: 0 everything was acknowledged, 1 it could not run, 2 something was not, or "
      "an\narchive is cut off.\n\n"
      "  sluice load localhost:4317 --signals traces,logs --rate 100k --duration 1m\n"
      "  sluice load localhost:4318 --protocol http --compression gzip --connections 4\n"
      "  sluice load localhost:4317 --replay archive/*.binpb --rate 50k\n\n"
      "With `sluice sink --look verify` behind the gateway, loss and duplicates are exact.");
  add_target_options(c, *o);
  add_content_options(c, *o);
  add_replay_options(c, *o, *r);
  add_pressure_options(c, *o);
  add_common(c, o->threads, o->pin, o->quiet, o->json_path, o->congestion, o->report_interval);
  c.callback([o, r, &c, &stop, &exit_code] {
    check_replay(c, *o);
    exit_code =
        r->files.empty() ? run_load(*o, stop) : run_replay(*o, *r, c.count("--duration") > 0, stop);
  });
}

void add_sink_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code) {
  auto o = std::make_shared<sink_options>();
  CLI::App& c = *app.add_subcommand("sink", "take OTLP, count it, and misbehave as told");
  c.footer(
      "Prints a line a second, and an exact report when it is stopped, on standard error.\n\n"
      "  sluice sink --grpc :4317 --http :4318 --look verify\n"
      "  sluice sink --grpc :4317 --refuse 0.2 --retry-after 1s --delay 10ms-200ms\n\n"
      "Of several faults the first that is drawn counts, in this order: cut, silence, refuse.\n"
      "Only requests that were taken are counted and verified.");
  add_listen_options(c, *o);
  add_fault_options(c, *o);
  add_common(c, o->threads, o->pin, o->quiet, o->json_path, o->congestion, o->report_interval);
  c.callback([o, &stop, &exit_code] { exit_code = run_sink(*o, stop); });
}

}  // namespace sluice::rig
