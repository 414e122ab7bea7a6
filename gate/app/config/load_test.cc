// What must hold of the whole: what operators have loads as they mean it, all mistakes come at
// once, and hostile input stays bounded.
#include "gate/app/config/load.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice::config {
namespace {

std::string sample(const std::string& name) {
  std::ifstream in(std::string(SLUICE_TESTDATA "/") + name);
  EXPECT_TRUE(in) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(LoadTest, TheQuickstartLoads) {
  const loaded got = load_text(sample("quickstart.yaml"));
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.text(), "");
  EXPECT_EQ(got.settings->receivers[0].listeners.size(), 2u);
}

TEST(LoadTest, AnAgentLoads) {
  world in;
  in.files["config.yaml"] = sample("agent.yaml");
  in.variables = {
      {"GATEWAY_HOST", "gateway.example.com"}, {"MY_POD_IP", "10.1.2.3"}, {"NODE_NAME", "n1"}};
  const loaded got = load_in(in, {{"config.yaml"}, {}});
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.text(), "");
  const gateway_settings& all = *got.settings;
  EXPECT_EQ(all.receivers[0].listeners[0].at.text(), "10.1.2.3:4317");
  EXPECT_EQ(all.batch_processors[0].timeout, milliseconds(1'000));
  const exporter_settings& to = all.exporters[0];
  EXPECT_EQ(to.otlp.to.text(), "gateway.example.com:4317");
  EXPECT_EQ(to.otlp.headers[0].second, "main");
  EXPECT_EQ(to.queue.queue_size, 500u);
  EXPECT_EQ(to.queue.num_consumers, 4u);
  EXPECT_EQ(to.retry.max_elapsed_time, milliseconds(0));
  EXPECT_EQ(all.resource.at("service.instance.id"), "n1");
  EXPECT_EQ(all.pipelines.size(), 3u);
}

TEST(LoadTest, AGatewayLoads) {
  world in;
  in.files["config.yaml"] = sample("gateway.yaml");
  in.variables = {{"MIMIR_TOKEN", "dTpw"}};
  const loaded got = load_in(in, {{"config.yaml"}, {}});
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_TRUE(got.remarks.warnings.empty()) << got.text();
  EXPECT_EQ(got.remarks.notes.size(), 3u) << got.text();
  const gateway_settings& all = *got.settings;
  ASSERT_EQ(all.receivers.size(), 2u);
  EXPECT_EQ(all.receivers[0].listeners[0].message_bytes_max, 16_MiB);
  EXPECT_EQ(all.receivers[0].listeners[0].inflated_bytes_max, 128_MiB);
  EXPECT_EQ(all.receivers[0].listeners[1].url_paths.at(otlp::signal::traces), "/otlp/v1/traces");
  EXPECT_EQ(all.receivers[1].listeners[0].at.unix_path, "/run/sluice/otlp.sock");
  ASSERT_EQ(all.batch_processors.size(), 2u);
  EXPECT_EQ(all.batch_processors[1].timeout, milliseconds(5'000));
  EXPECT_EQ(all.batch_processors[1].send_batch_max_size, 8'192u);
  ASSERT_EQ(all.exporters.size(), 5u);
  EXPECT_EQ(all.exporters[0].queue.sizer, queue_sizer::bytes);
  EXPECT_EQ(all.exporters[1].otlp.base_path, "/otlp");
  EXPECT_EQ(all.exporters[1].otlp.headers[0].second, "Basic dTpw");
  EXPECT_EQ(all.exporters[2].otlp.paths.at(otlp::signal::logs), "/otlp/v1/logs");
  EXPECT_TRUE(all.exporters[3].file.zstd);
  EXPECT_EQ(all.health_check->path, "/healthz");
  EXPECT_EQ(all.metrics_at->text(), "0.0.0.0:9464");
  EXPECT_EQ(all.level, log_level::warn);
}

TEST(LoadTest, WhatIsNotSupportedYetIsNamed) {
  EXPECT_EQ(
      load_text(sample("contrib.yaml")).text(),
      "error: config.yaml:4:3: extensions::pprof: extension \"pprof\" is not supported yet\n"
      "error: config.yaml:6:3: extensions::zpages: extension \"zpages\" is not supported yet\n"
      "error: config.yaml:16:3: receivers::prometheus: receiver \"prometheus\" is not supported "
      "yet\n"
      "error: config.yaml:21:3: receivers::jaeger: receiver \"jaeger\" is not supported yet\n"
      "error: config.yaml:25:3: receivers::zipkin: receiver \"zipkin\" is not supported yet\n");
}

TEST(LoadTest, AllMistakesOfAFileComeAtOnce) {
  const std::string text =
      "recievers: {}\n"
      "receivers:\n"
      "  oltp: {}\n"
      "  otlp:\n"
      "    protocols:\n"
      "      grpc: {endpoint: nowhere}\n"
      "exporters:\n"
      "  otlp_grpc/backend:\n"
      "    endpont: b:4317\n"
      "    timeout: 5x\n"
      "  logging: {}\n"
      "service:\n"
      "  extensions: [health_chek]\n"
      "  pipelines:\n"
      "    traces:\n"
      "      receivers: [otlp, oltp]\n"
      "      exporters: [otlp_grpc/bakend, logging]\n";
  EXPECT_EQ(
      load_text(text).text(),
      "error: config.yaml:1:1: unknown key \"recievers\"; did you mean \"receivers\"?\n"
      "error: config.yaml:3:3: receivers::oltp: unknown receiver \"oltp\"; did you mean \"otlp\"?\n"
      "error: config.yaml:6:24: receivers::otlp::protocols::grpc::endpoint: expected host:port "
      "such as "
      "localhost:4317, got \"nowhere\" (port missing)\n"
      "error: config.yaml:8:3: exporters::otlp_grpc/backend: requires \"endpoint\"\n"
      "error: config.yaml:9:5: exporters::otlp_grpc/backend: unknown key \"endpont\"; did you mean "
      "\"endpoint\"?\n"
      "error: config.yaml:10:14: exporters::otlp_grpc/backend::timeout: expected a duration such "
      "as 5s, got \"5x\" "
      "(the units are ns, us, ms, s, m and h)\n"
      "error: config.yaml:11:3: exporters::logging: exporter \"logging\" was removed from the "
      "Collector; what took its "
      "place is debug\n"
      "error: config.yaml:13:16: service::extensions: extension \"health_chek\" is not defined\n"
      "error: config.yaml:17:19: service::pipelines::traces::exporters: exporter "
      "\"otlp_grpc/bakend\" is not defined; "
      "did you mean \"otlp_grpc/backend\"?\n"
      "warning: config.yaml:8:3: exporters::otlp_grpc/backend: is not used by any pipeline and "
      "will not be built\n");
}

TEST(LoadTest, WhatIsUnusedIsCheckedButNotBuilt) {
  const std::string text =
      "receivers: {otlp: {protocols: {grpc: }}, jaeger: }\n"
      "processors: {memory_limiter: {limit_mib: 5}, batch: }\n"
      "exporters: {nop: , otlp: {endpoint: 'b:1'}}\n"
      "extensions: {health_check: }\n"
      "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n";
  const loaded got = load_text(text);
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.settings->exporters.size(), 1u);
  EXPECT_TRUE(got.settings->batch_processors.empty());
  EXPECT_FALSE(got.settings->health_check);
  EXPECT_EQ(got.remarks.warnings.size(), 8u) << got.text();
  // A typing error is one even where nothing is built.
  EXPECT_FALSE(load_text(text + "connectors: {forwrd: }\n").settings);
  EXPECT_TRUE(load_text(text + "connectors: {forward: }\n").settings);
}

TEST(LoadTest, ConnectorsCountAsDefined) {
  EXPECT_EQ(
      load_text(
          "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {nop: }\nconnectors: {forward: }\n"
          "service: {pipelines: {traces: {receivers: [otlp], exporters: [forward]}, "
          "traces/2: {receivers: [forward], exporters: [nop]}}}\n")
          .text(),
      "error: config.yaml:3:14: connectors::forward: connector \"forward\" is not supported yet\n");
}

TEST(LoadTest, TwoExportersDoNotShareAFile) {
  EXPECT_EQ(
      load_text(
          "receivers: {otlp: {protocols: {grpc: }}}\n"
          "exporters:\n  file/a: {path: x, format: proto}\n  file/b: {path: x, format: proto}\n"
          "service: {pipelines: {traces: {receivers: [otlp], exporters: [file/a, file/b]}}}\n")
          .text(),
      "error: config.yaml:4:3: exporters::file/b: writes to the same file as exporters::file/a\n");
}

TEST(LoadTest, MissingSectionsAreNamed) {
  EXPECT_EQ(load_text("receivers: {}\n").text(),
            "error: config.yaml: requires \"service\", with at least one pipeline\n");
  EXPECT_EQ(load_text("").text(), "error: config.yaml: the configuration is empty\n");
  EXPECT_EQ(load_text("# nothing\n").text(), "error: config.yaml: the configuration is empty\n");
  EXPECT_EQ(load_text("receivers: [otlp]\n").settings.error().errors[1].text(),
            "config.yaml:1:1: receivers: expected a map, got a list");
}

TEST(LoadTest, AMistakeThatCameByReferenceSaysSo) {
  world in;
  in.files["config.yaml"] =
      with_exporter("otlp", "    endpoint: http://b:1\n    timeout: ${env:WAIT}\n");
  in.variables["WAIT"] = "soon";
  EXPECT_EQ(load_in(in, {{"config.yaml"}, {}}).text(),
            "error: config.yaml:6:14: exporters::otlp::timeout: expected a duration such as 5s, "
            "got \"soon\" from "
            "${env:WAIT} (a number is missing)\n");
}

TEST(LoadTest, SecretsAreNotShown) {
  world in;
  in.files["config.yaml"] =
      with_exporter("otlp",
                    "    endpoint: http://b:1\n    headers: {a: \"${env:TOKEN:-s3cret}\", b: "
                    "[s3cret], c: \"s3cret\\x01\"}\n");
  const loaded got = load_in(in, {{"config.yaml"}, {}});
  EXPECT_FALSE(got.settings);
  EXPECT_EQ(got.text().find("s3cret"), std::string::npos) << got.text();
}

TEST(LoadTest, ErrorsAreBounded) {
  std::string text = "receivers:\n";
  for (int i = 0; i < 5'000; ++i) text += "  bad" + std::to_string(i) + ":\n";
  const loaded got = load_text(text);
  ASSERT_FALSE(got.settings);
  EXPECT_EQ(got.settings.error().errors.size(), report::errors_max + 1);
  EXPECT_EQ(got.settings.error().errors.back().text(), "and 4901 more errors");
}

TEST(LoadTest, SystemFilesReadFilesAndSayWhyNot) {
  const file_reader files = system_files();
  const auto text = files(SLUICE_TESTDATA "/quickstart.yaml");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, sample("quickstart.yaml"));
  EXPECT_EQ(why_not(files(SLUICE_TESTDATA "/none.yaml").error()), "No such file or directory");
  EXPECT_EQ(why_not(files(SLUICE_TESTDATA).error()), "Is a directory");
}

}  // namespace
}  // namespace sluice::config
