// What must hold of components: unset keys have the Collector's defaults (where ours differ, a test
// says so), written ones arrive, and each mistake has its own message.
#include "gate/app/config/components.h"

#include <string>

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice::config {
namespace {

exporter_settings exporter(const std::string& id, const std::string& body) {
  const loaded got = load_text(with_exporter(id, body));
  EXPECT_TRUE(got.settings) << got.text();
  if (!got.settings || got.settings->exporters.size() != 1) return {};
  return got.settings->exporters[0];
}

otlp_receiver_settings receiver(const std::string& body) {
  const loaded got = load_text(with_receiver(body));
  EXPECT_TRUE(got.settings) << got.text();
  if (!got.settings || got.settings->receivers.size() != 1) return {};
  return got.settings->receivers[0];
}

std::string exporter_error(const std::string& id, const std::string& body) {
  return load_text(with_exporter(id, body)).text();
}

std::string receiver_error(const std::string& body) {
  return load_text(with_receiver(body)).text();
}

TEST(ComponentsTest, MoreHeadersThanFitAreAnError) {
  std::string headers = "    endpoint: a:1\n    tls: {insecure: true}\n    headers:\n";
  for (int i = 0; i < 64; ++i) headers += "      h" + std::to_string(i) + ": v\n";
  EXPECT_EQ(exporter("otlp_grpc", headers).otlp.headers.size(), 64u);
  EXPECT_NE(exporter_error("otlp_grpc", headers + "      more: v\n").find("at most 64 headers"),
            std::string::npos);
}

TEST(ComponentsTest, OtlpReceiverDefaults) {
  const otlp_receiver_settings got = receiver("    protocols: {grpc: , http: }\n");
  EXPECT_EQ(got.id, "otlp");
  EXPECT_EQ(got.inspect, otlp::inspect::count);
  ASSERT_EQ(got.listeners.size(), 2u);
  const otlp_listener_settings& grpc = got.listeners[0];
  EXPECT_TRUE(grpc.grpc);
  EXPECT_EQ(grpc.at.text(), "localhost:4317");
  EXPECT_EQ(grpc.max_concurrent_streams, 1'000u);
  EXPECT_FALSE(grpc.include_metadata);
  const otlp_listener_settings& http = got.listeners[1];
  EXPECT_FALSE(http.grpc);
  EXPECT_EQ(http.at.text(), "localhost:4318");
  EXPECT_TRUE(http.url_paths.empty());
  // Ours: 64 MiB as OTLP recommends, where the Collector has 4 MiB and 20 MiB.
  for (const otlp_listener_settings& each : got.listeners) {
    EXPECT_EQ(each.message_bytes_max, 64_MiB);
    EXPECT_EQ(each.inflated_bytes_max, 64_MiB);
  }
}

TEST(ComponentsTest, OtlpReceiverLimitsAreHonoured) {
  const otlp_receiver_settings got = receiver(
      "    protocols:\n"
      "      grpc: {max_recv_msg_size_mib: 4, max_concurrent_streams: 7, include_metadata: true}\n"
      "      http: {max_request_body_size: 20971520, logs_url_path: in/logs, traces_url_path: "
      "/v1/traces}\n");
  EXPECT_EQ(got.listeners[0].message_bytes_max, 4_MiB);
  EXPECT_EQ(got.listeners[0].inflated_bytes_max, 4_MiB);
  EXPECT_EQ(got.listeners[0].max_concurrent_streams, 7u);
  EXPECT_TRUE(got.listeners[0].include_metadata);
  EXPECT_EQ(got.listeners[1].message_bytes_max, 20_MiB);
  EXPECT_EQ(got.listeners[1].url_paths,
            (std::map<otlp::signal, std::string>{{otlp::signal::logs, "/in/logs"}}));
}

TEST(ComponentsTest, OtlpReceiverHasKeysOfOurOwn) {
  const otlp_receiver_settings got = receiver(
      "    protocols: {http: {max_request_body_size: 1MiB}}\n    inspect: none\n    "
      "max_inflated_size: 8MiB\n");
  EXPECT_EQ(got.inspect, otlp::inspect::none);
  EXPECT_EQ(got.listeners[0].message_bytes_max, 1_MiB);
  EXPECT_EQ(got.listeners[0].inflated_bytes_max, 8_MiB);
}

TEST(ComponentsTest, OtlpReceiverListensOnUnixSockets) {
  const auto got = receiver("    protocols: {grpc: {transport: unix, endpoint: /run/s.sock}}\n");
  EXPECT_EQ(got.listeners[0].at.unix_path, "/run/s.sock");
  EXPECT_EQ(receiver_error("    protocols:\n      grpc: {transport: unix}\n"),
            "error: config.yaml:6:7: receivers::otlp::protocols::grpc: requires \"endpoint\", the "
            "path of the socket, "
            "with transport unix\n");
}

TEST(ComponentsTest, OtlpReceiverMistakes) {
  const struct {
    const char* body;
    const char* message;
  } table[] = {
      {"    protocols:\n",
       "error: config.yaml:4:3: receivers::otlp: requires at least one of protocols::grpc and "
       "protocols::http\n"},
      {"    protocols: {grcp: }\n",
       "error: config.yaml:4:3: receivers::otlp: requires at least one of protocols::grpc and "
       "protocols::http\n"
       "error: config.yaml:5:17: receivers::otlp::protocols: unknown key \"grcp\"; did you mean "
       "\"grpc\"?\n"},
      {"    protocols: {grpc: {endpoint: 4317}}\n",
       "error: config.yaml:5:34: receivers::otlp::protocols::grpc::endpoint: expected a text, got "
       "4317 (put it in "
       "quotes)\n"},
      {"    protocols: {grpc: {endpoint: localhost}}\n",
       "error: config.yaml:5:34: receivers::otlp::protocols::grpc::endpoint: expected host:port "
       "such as "
       "localhost:4317, got \"localhost\" (port missing)\n"},
      {"    protocols: {grpc: {transport: udp}}\n",
       "error: config.yaml:5:35: receivers::otlp::protocols::grpc::transport: expected one of tcp, "
       "unix; got \"udp\"\n"},
      {"    protocols: {grpc: {max_recv_msg_size_mib: -1}}\n",
       "error: config.yaml:5:47: receivers::otlp::protocols::grpc::max_recv_msg_size_mib: must not "
       "be negative, got "
       "-1\n"},
      {"    protocols: {grpc: {max_recv_msg_size_mib: 5000}}\n",
       "error: config.yaml:5:47: receivers::otlp::protocols::grpc::max_recv_msg_size_mib: must be "
       "at most 4095, got "
       "5000\n"},
      {"    protocols: {grpc: {tls: {cert_file: a}}}\n",
       "error: config.yaml:5:24: receivers::otlp::protocols::grpc: \"tls\" is not supported yet\n"},
      {"    protocols: {grpc: {keepalive: {server_parameters: {max_connection_age: 1m}}}}\n",
       "error: config.yaml:5:56: receivers::otlp::protocols::grpc::keepalive::server_parameters: "
       "\"max_connection_age\" is not supported yet\n"},
      {"    protocols: {http: {max_request_body_size: 4XB}}\n",
       "error: config.yaml:5:47: receivers::otlp::protocols::http::max_request_body_size: expected "
       "a number of bytes "
       "such as 1048576 or 1MiB, got \"4XB\" (the units are KiB, MiB, GiB, TiB, KB, MB, GB and "
       "TB)\n"},
      {"    protocols: {http: {keep_alives_enabled: false}}\n",
       "error: config.yaml:5:45: receivers::otlp::protocols::http::keep_alives_enabled: false is "
       "not supported yet\n"},
      {"    protocols: {http: {compression_algorithms: [gzip, lz4, brotli]}}\n",
       "error: config.yaml:5:55: receivers::otlp::protocols::http::compression_algorithms: "
       "compression \"lz4\" is not "
       "supported yet\n"
       "error: config.yaml:5:60: receivers::otlp::protocols::http::compression_algorithms: unknown "
       "compression "
       "\"brotli\"\n"},
      {"    protocols: {http: {cors: {allowed_origins: ['*']}, traces_url_path: '/a?b'}}\n",
       "error: config.yaml:5:24: receivers::otlp::protocols::http: \"cors\" is not supported yet\n"
       "error: config.yaml:5:73: receivers::otlp::protocols::http::traces_url_path: expected a "
       "path such as "
       "/v1/traces, got \"/a?b\"\n"},
      {"    protocols: {http: }\n    inspect: deep\n",
       "error: config.yaml:6:14: receivers::otlp::inspect: expected one of none, count, full; got "
       "\"deep\"\n"},
      {"    protocols: {grpc: , http: {endpoint: 'localhost:4317'}}\n",
       "error: config.yaml:4:3: receivers::otlp::protocols::http: listens on \"localhost:4317\", "
       "and so does "
       "receivers::otlp::protocols::grpc\n"},
      {"    - protocols\n",
       "error: config.yaml:4:3: receivers::otlp: expected a map, got a list\n"},
  };
  for (const auto& each : table) EXPECT_EQ(receiver_error(each.body), each.message) << each.body;
}

TEST(ComponentsTest, WhatIsAcceptedAndIgnoredLeavesANote) {
  const loaded got =
      load_text(with_receiver("    protocols: {grpc: {read_buffer_size: 524288}, http: "
                              "{read_timeout: 1m, compression_algorithms: [gzip]}}\n"));
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.text(),
            "warning: config.yaml:5:76: receivers::otlp::protocols::http::compression_algorithms: "
            "the codings left "
            "out here stay accepted\n"
            "note: config.yaml:5:24: receivers::otlp::protocols::grpc::read_buffer_size: accepted, "
            "and without effect "
            "here\n"
            "note: config.yaml:5:58: receivers::otlp::protocols::http::read_timeout: accepted, and "
            "without effect "
            "here\n");
  EXPECT_EQ(receiver_error("    protocols: {http: {read_timeout: soon}}\n"),
            "error: config.yaml:5:38: receivers::otlp::protocols::http::read_timeout: expected a "
            "duration such as 5s, "
            "got \"soon\" (a number is missing)\n"
            "note: config.yaml:5:24: receivers::otlp::protocols::http::read_timeout: accepted, and "
            "without effect "
            "here\n");
}

TEST(ComponentsTest, OtlpGrpcExporterDefaults) {
  const exporter_settings got = exporter("otlp_grpc", "    endpoint: http://b:4317\n");
  EXPECT_EQ(got.id, "otlp_grpc");
  EXPECT_EQ(got.kind, exporter_kind::otlp_grpc);
  EXPECT_EQ(got.otlp.to.text(), "b:4317");
  EXPECT_EQ(got.otlp.authority, "b:4317");
  EXPECT_EQ(got.otlp.compression, zc::coding::gzip);
  EXPECT_EQ(got.otlp.compression_level, 0);
  EXPECT_EQ(got.otlp.timeout, milliseconds(5'000));
  EXPECT_TRUE(got.otlp.headers.empty());
  EXPECT_EQ(got.otlp.user_agent, "");
  EXPECT_EQ(got.otlp.request_bytes_max, 64_MiB);
  EXPECT_TRUE(got.queue.enabled);
  EXPECT_EQ(got.queue.num_consumers, 10u);
  EXPECT_FALSE(got.queue.wait_for_result);
  EXPECT_FALSE(got.queue.block_on_overflow);
  EXPECT_EQ(got.queue.sizer, queue_sizer::requests);
  EXPECT_EQ(got.queue.queue_size, 1'000u);
  EXPECT_TRUE(got.retry.enabled);
  EXPECT_EQ(got.retry.initial_interval, milliseconds(5'000));
  EXPECT_EQ(got.retry.randomization_factor, 0.5);
  EXPECT_EQ(got.retry.multiplier, 1.5);
  EXPECT_EQ(got.retry.max_interval, milliseconds(30'000));
  EXPECT_EQ(got.retry.max_elapsed_time, milliseconds(300'000));
}

TEST(ComponentsTest, OtlpIsTheOldNameOfOtlpGrpc) {
  const exporter_settings got =
      exporter("otlp/x", "    endpoint: b:4317\n    tls: {insecure: true}\n");
  EXPECT_EQ(got.id, "otlp/x");
  EXPECT_EQ(got.kind, exporter_kind::otlp_grpc);
}

TEST(ComponentsTest, OtlpGrpcExporterTakesItsKeys) {
  const exporter_settings got =
      exporter("otlp_grpc",
               "    endpoint: unix:///run/x\n"
               "    tls: {insecure: true, insecure_skip_verify: true}\n"
               "    compression: zstd\n"
               "    compression_params: {level: 11}\n"
               "    timeout: 1m\n"
               "    headers: {X-Tenant: a, User-Agent: h}\n"
               "    user_agent: u\n"
               "    authority: back.end\n"
               "    max_request_size: 4MiB\n"
               "    balancer_name: pick_first\n"
               "    wait_for_ready: true\n"
               "    keepalive: {time: 10s}\n"
               "    sending_queue: {enabled: false, queue_size: 0, sizer: items}\n"
               "    retry_on_failure: {enabled: false, multiplier: 2}\n");
  EXPECT_EQ(got.otlp.to.unix_path, "/run/x");
  EXPECT_EQ(got.otlp.compression, zc::coding::zstd);
  EXPECT_EQ(got.otlp.compression_level, 11);
  EXPECT_EQ(got.otlp.timeout, milliseconds(60'000));
  EXPECT_EQ(got.otlp.headers,
            (zc::shared_array<std::pair<std::string, std::string>>{{"x-tenant", "a"}}));
  EXPECT_EQ(got.otlp.user_agent, "u");
  EXPECT_EQ(got.otlp.authority, "back.end");
  EXPECT_EQ(got.otlp.request_bytes_max, 4_MiB);
  EXPECT_FALSE(got.queue.enabled);
  EXPECT_EQ(got.queue.sizer, queue_sizer::items);
  EXPECT_FALSE(got.retry.enabled);
  EXPECT_EQ(got.retry.multiplier, 2.0);
}

TEST(ComponentsTest, HeadersMayBeAListAndMayComeFromTheEnvironment) {
  world in;
  in.files["config.yaml"] = with_exporter("otlp",
                                          "    endpoint: http://b:1\n"
                                          "    headers:\n"
                                          "      - {name: X-A, value: '1'}\n"
                                          "      - {name: X-B, value: \"${PIN}\"}\n");
  in.variables["PIN"] = "0042";
  const loaded got = load_in(in, {{"config.yaml"}, {}});
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.settings->exporters[0].otlp.headers,
            (zc::shared_array<std::pair<std::string, std::string>>{{"x-a", "1"}, {"x-b", "0042"}}));
}

TEST(ComponentsTest, OtlpGrpcExporterMistakes) {
  const struct {
    const char* body;
    const char* message;
  } table[] = {
      {"    {}\n", "error: config.yaml:4:3: exporters::otlp_grpc: requires \"endpoint\"\n"},
      {"    endpoint: ''\n",
       "error: config.yaml:5:15: exporters::otlp_grpc::endpoint: must not be empty\n"},
      {"    endpont: http://b:1\n    endpoint: http://b:1\n",
       "error: config.yaml:5:5: exporters::otlp_grpc: unknown key \"endpont\"; did you mean "
       "\"endpoint\"?\n"},
      {"    endpoint: b:4317\n",
       "error: config.yaml:5:15: exporters::otlp_grpc::endpoint: TLS, the default, is not "
       "supported yet: write \"tls: "
       "{insecure: true}\" beside the endpoint, or start it with http://, to send in clear text\n"},
      {"    endpoint: https://b:4317\n",
       "error: config.yaml:5:15: exporters::otlp_grpc::endpoint: TLS is not supported yet: start "
       "the endpoint with "
       "http:// to send in clear text\n"},
      {"    endpoint: b\n    tls: {insecure: true}\n",
       "error: config.yaml:5:15: exporters::otlp_grpc::endpoint: expected host:port such as "
       "localhost:4317, got \"b\" "
       "(port missing)\n"},
      {"    endpoint: b:1\n    tls: {insecure: true, ca_file: x}\n",
       "error: config.yaml:6:27: exporters::otlp_grpc::tls: \"ca_file\" is not supported yet\n"},
      {"    endpoint: http://b:1\n    compression: gzp\n",
       "error: config.yaml:6:18: exporters::otlp_grpc::compression: expected one of gzip, snappy, "
       "zstd, none; got "
       "\"gzp\"; did you mean \"gzip\"?\n"},
      {"    endpoint: http://b:1\n    compression_params: {level: 10}\n",
       "error: config.yaml:6:33: exporters::otlp_grpc::compression_params::level: must be at most "
       "9 for this "
       "compression, got 10\n"},
      {"    endpoint: http://b:1\n    compression: snappy\n    compression_params: {level: 1}\n",
       "error: config.yaml:7:33: exporters::otlp_grpc::compression_params::level: this compression "
       "has no levels\n"},
      {"    endpoint: http://b:1\n    timeout: 5\n",
       "error: config.yaml:6:14: exporters::otlp_grpc::timeout: expected a duration such as 5s, "
       "got 5 (the unit is "
       "missing)\n"},
      {"    endpoint: http://b:1\n    timeout: -5s\n",
       "error: config.yaml:6:14: exporters::otlp_grpc::timeout: must not be negative, got "
       "\"-5s\"\n"},
      {"    endpoint: http://b:1\n    headers: {a: 5}\n",
       "error: config.yaml:6:18: exporters::otlp_grpc::headers::a: expected a text (put it in "
       "quotes)\n"},
      {"    endpoint: http://b:1\n    headers: {\"a b\": x, c: \"d\\ne\", trace-bin: x}\n",
       "error: config.yaml:6:15: exporters::otlp_grpc::headers: \"a b\" cannot be the name of a "
       "header\n"
       "error: config.yaml:6:25: exporters::otlp_grpc::headers::c: the value holds a control "
       "character\n"
       "error: config.yaml:6:36: exporters::otlp_grpc::headers::trace-bin: binary metadata (names "
       "that end in -bin) "
       "is not supported yet\n"},
      {"    endpoint: http://b:1\n    sending_queue: {queue_size: 0, num_consumers: '4', sizer: "
       "rows}\n",
       "error: config.yaml:6:33: exporters::otlp_grpc::sending_queue::queue_size: must be greater "
       "than 0, got 0\n"
       "error: config.yaml:6:51: exporters::otlp_grpc::sending_queue::num_consumers: expected a "
       "whole number, got "
       "\"4\" (leave the quotes away)\n"
       "error: config.yaml:6:63: exporters::otlp_grpc::sending_queue::sizer: expected one of "
       "requests, items, bytes; "
       "got \"rows\"\n"},
      {"    endpoint: http://b:1\n    sending_queue: {storage: file_storage, batch: }\n",
       "error: config.yaml:6:21: exporters::otlp_grpc::sending_queue: \"storage\" is not supported "
       "yet\n"
       "error: config.yaml:6:44: exporters::otlp_grpc::sending_queue::batch: batches of the queue "
       "are not supported "
       "yet; use the batch processor\n"},
      {"    endpoint: http://b:1\n    retry_on_failure: {randomization_factor: 1.5, multiplier: "
       "0.5}\n",
       "error: config.yaml:6:46: exporters::otlp_grpc::retry_on_failure::randomization_factor: "
       "must be at most 1, got "
       "1.5\n"
       "error: config.yaml:6:63: exporters::otlp_grpc::retry_on_failure::multiplier: must be at "
       "least 1, got 0.5\n"},
      {"    endpoint: http://b:1\n    retry_on_failure: {max_elapsed_time: 10s}\n",
       "error: config.yaml:6:42: exporters::otlp_grpc::retry_on_failure::max_elapsed_time: "
       "max_elapsed_time must be 0 "
       "or at least max_interval\n"},
      {"    endpoint: http://b:1\n    auth: {authenticator: x}\n    max_request_size: 10\n",
       "error: config.yaml:6:5: exporters::otlp_grpc: \"auth\" is not supported yet\n"
       "error: config.yaml:7:23: exporters::otlp_grpc::max_request_size: must be at least 1024 "
       "bytes, got 10\n"},
      {"    endpoint: http://b:1\n    wait_for_ready: yes\n",
       "error: config.yaml:6:21: exporters::otlp_grpc::wait_for_ready: expected true or false, got "
       "\"yes\"\n"
       "note: config.yaml:6:5: exporters::otlp_grpc::wait_for_ready: accepted, and without effect "
       "here\n"},
      {"    endpoint: http://b:1\n    max_idle_conns: 5\n",
       "error: config.yaml:6:5: exporters::otlp_grpc: unknown key \"max_idle_conns\"\n"},
  };
  for (const auto& each : table)
    EXPECT_EQ(exporter_error("otlp_grpc", each.body), each.message) << each.body;
}

TEST(ComponentsTest, OtlpHttpExporterDefaults) {
  const exporter_settings got = exporter("otlp_http", "    endpoint: http://b:4318/otlp/\n");
  EXPECT_EQ(got.kind, exporter_kind::otlp_http);
  EXPECT_EQ(got.otlp.to.text(), "b:4318");
  EXPECT_EQ(got.otlp.authority, "b:4318");
  EXPECT_EQ(got.otlp.base_path, "/otlp");
  EXPECT_TRUE(got.otlp.paths.empty());
  EXPECT_EQ(got.otlp.timeout, milliseconds(30'000));
  EXPECT_EQ(got.otlp.compression, zc::coding::gzip);
  EXPECT_EQ(got.queue.queue_size, 1'000u);
  EXPECT_EQ(got.retry.max_elapsed_time, milliseconds(300'000));
}

TEST(ComponentsTest, OtlpHttpExporterTakesItsKeys) {
  const exporter_settings got = exporter("otlphttp/a",
                                         "    endpoint: http://b:4318\n"
                                         "    traces_endpoint: http://b:4318/t?x=1\n"
                                         "    encoding: proto\n"
                                         "    compression: zlib\n"
                                         "    headers: {Host: other, Content-Type: x}\n"
                                         "    tls: {insecure: true, ca_file: /x}\n"
                                         "    max_idle_conns: 100\n"
                                         "    idle_conn_timeout: 90s\n"
                                         "    disable_keep_alives: false\n");
  EXPECT_EQ(got.otlp.paths,
            (std::map<otlp::signal, std::string>{{otlp::signal::traces, "/t?x=1"}}));
  EXPECT_EQ(got.otlp.compression, zc::coding::deflate);
  EXPECT_EQ(got.otlp.authority, "other");
  EXPECT_TRUE(got.otlp.headers.empty());
}

TEST(ComponentsTest, OtlpHttpExporterMistakes) {
  const struct {
    const char* body;
    const char* message;
  } table[] = {
      {"    {}\n",
       "error: config.yaml:4:3: exporters::otlp_http: requires \"endpoint\", or "
       "\"traces_endpoint\" and its siblings\n"},
      {"    endpoint: b:4318\n",
       "error: config.yaml:5:15: exporters::otlp_http::endpoint: expected a URL such as "
       "http://localhost:4318, got "
       "\"b:4318\" (it has to start with http://)\n"},
      {"    endpoint: https://b:4318\n",
       "error: config.yaml:5:15: exporters::otlp_http::endpoint: TLS is not supported yet: start "
       "the endpoint with "
       "http:// to send in clear text\n"},
      {"    endpoint: http://b:4318\n    encoding: json\n    compression: lz4\n",
       "error: config.yaml:6:15: exporters::otlp_http::encoding: encoding json is not supported "
       "yet\n"
       "error: config.yaml:7:18: exporters::otlp_http::compression: compression \"lz4\" is not "
       "supported yet\n"},
      {"    endpoint: http://b:4318\n    traces_endpoint: http://c:4318/t\n    proxy_url: "
       "http://p\n",
       "error: config.yaml:6:22: exporters::otlp_http::traces_endpoint: another host or port than "
       "the exporter's other "
       "endpoints is not supported yet: define one exporter for each\n"
       "error: config.yaml:7:5: exporters::otlp_http: \"proxy_url\" is not supported yet\n"},
      {"    logs_endpoint: http://b:4318/l\n",
       "error: config.yaml:2:63: service::pipelines::traces::exporters: exporter \"otlp_http\" has "
       "no address for "
       "traces: write \"endpoint\" or \"traces_endpoint\"\n"},
  };
  for (const auto& each : table)
    EXPECT_EQ(exporter_error("otlp_http", each.body), each.message) << each.body;
}

TEST(ComponentsTest, FileExporterDefaults) {
  const exporter_settings got = exporter("file", "    path: a\n    format: proto\n");
  EXPECT_EQ(got.kind, exporter_kind::file);
  EXPECT_EQ(got.file.path, "a");
  EXPECT_FALSE(got.file.append);
  EXPECT_FALSE(got.file.create_directory);
  EXPECT_FALSE(got.file.zstd);
  EXPECT_EQ(got.file.rotate_megabytes_max, 0u);
  const exporter_settings rotated =
      exporter("file", "    path: a\n    format: proto\n    rotation:\n");
  EXPECT_EQ(rotated.file.rotate_megabytes_max, 100u);
  EXPECT_EQ(rotated.file.rotate_backups_max, 100u);
}

TEST(ComponentsTest, FileExporterMistakes) {
  const struct {
    const char* body;
    const char* message;
  } table[] = {
      {"    {}\n",
       "error: config.yaml:4:3: exporters::file: requires \"path\"\n"
       "error: config.yaml:4:3: exporters::file::format: format json, the default, is not "
       "supported yet; write "
       "\"format: proto\"\n"},
      {"    path: a\n    format: json\n",
       "error: config.yaml:6:13: exporters::file::format: only \"format: proto\" is supported yet, "
       "got \"json\"\n"},
      {"    path: a\n    format: proto\n    compression: gzip\n",
       "error: config.yaml:7:18: exporters::file::compression: expected zstd or none, got "
       "\"gzip\"\n"},
      {"    path: a\n    format: proto\n    rotation: {max_days: 3, max_megabytes: -1}\n",
       "error: config.yaml:7:16: exporters::file::rotation: \"max_days\" is not supported yet\n"
       "error: config.yaml:7:44: exporters::file::rotation::max_megabytes: must not be negative, "
       "got -1\n"},
      {"    path: a\n    format: proto\n    group_by: {enabled: true}\n",
       "error: config.yaml:7:25: exporters::file::group_by::enabled: group_by is not supported "
       "yet\n"},
      {"    path: [a]\n    format: proto\n",
       "error: config.yaml:5:5: exporters::file::path: expected a text, got a list\n"},
  };
  for (const auto& each : table)
    EXPECT_EQ(exporter_error("file", each.body), each.message) << each.body;
}

TEST(ComponentsTest, WhatAsksForNothingIsNoError) {
  exporter("file",
           "    path: a\n    format: proto\n    group_by: {enabled: false}\n"
           "    rotation: {max_days: 0, localtime: false}\n");
  exporter(
      "otlp",
      "    endpoint: http://b:1\n    auth:\n    middlewares: []\n    sending_queue: {storage: }\n");
}

TEST(ComponentsTest, DebugExporterDefaultsAndKeys) {
  const exporter_settings got = exporter("debug", "    {}\n");
  EXPECT_EQ(got.kind, exporter_kind::debug);
  EXPECT_EQ(got.debug.verbosity, debug_verbosity::basic);
  EXPECT_EQ(got.debug.sampling_initial, 2u);
  EXPECT_EQ(got.debug.sampling_thereafter, 1u);
  const exporter_settings loud =
      exporter("debug", "    verbosity: Detailed\n    sampling_initial: 5\n");
  EXPECT_EQ(loud.debug.verbosity, debug_verbosity::detailed);
  EXPECT_EQ(loud.debug.sampling_initial, 5u);
  EXPECT_EQ(exporter_error("debug", "    verbosity: none\n"),
            "error: config.yaml:5:16: exporters::debug::verbosity: expected one of basic, normal, "
            "detailed; got "
            "\"none\"\n");
}

TEST(ComponentsTest, NopHasNoKeys) {
  EXPECT_EQ(exporter("nop", "    {}\n").kind, exporter_kind::nop);
  EXPECT_EQ(exporter_error("nop", "    a: 1\n"),
            "error: config.yaml:5:5: exporters::nop: unknown key \"a\"\n");
}

std::string with_batch(const std::string& body) {
  return "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {nop: }\n"
         "service: {pipelines: {logs: {receivers: [otlp], processors: [batch], exporters: "
         "[nop]}}}\n"
         "processors:\n  batch:\n" +
         body;
}

TEST(ComponentsTest, BatchDefaultsAndKeys) {
  const loaded got = load_text(with_batch(""));
  ASSERT_TRUE(got.settings) << got.text();
  ASSERT_EQ(got.settings->batch_processors.size(), 1u);
  const batch_settings& batch = got.settings->batch_processors[0];
  EXPECT_EQ(batch.id, "batch");
  EXPECT_EQ(batch.timeout, milliseconds(200));
  EXPECT_EQ(batch.send_batch_size, 8'192u);
  EXPECT_EQ(batch.send_batch_max_size, 0u);
  EXPECT_EQ(load_text(with_batch("    send_batch_max_size: 100\n    metadata_keys: [a]\n")).text(),
            "error: config.yaml:6:26: processors::batch::send_batch_max_size: send_batch_max_size "
            "must be 0 or at "
            "least send_batch_size (8192), got 100\n"
            "error: config.yaml:7:5: processors::batch: \"metadata_keys\" is not supported yet\n");
}

std::string with_health_check(const std::string& body) {
  return with_service("  extensions: [health_check]\nextensions:\n  health_check:\n" + body);
}

TEST(ComponentsTest, HealthCheckDefaultsAndKeys) {
  const loaded got = load_text(with_health_check(""));
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.settings->health_check->at.text(), "localhost:13133");
  EXPECT_EQ(got.settings->health_check->path, "/");
  EXPECT_EQ(
      load_text(
          with_health_check("    path: x\n    endpoint: x\n    response_body: {healthy: a}\n"))
          .text(),
      "error: config.yaml:8:11: extensions::health_check::path: must start with /, got \"x\"\n"
      "error: config.yaml:9:15: extensions::health_check::endpoint: expected host:port such as "
      "localhost:4317, "
      "got \"x\" (port missing)\n"
      "error: config.yaml:10:5: extensions::health_check: \"response_body\" is not supported "
      "yet\n");
}

}  // namespace
}  // namespace sluice::config
