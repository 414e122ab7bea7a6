// What must hold of `service`: telemetry has the Collector's defaults, and pipelines name what
// exists.
#include "gate/app/config/service.h"

#include <string>

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice::config {
namespace {

gateway_settings service(const std::string& body) {
  const loaded got = load_text(with_service(body));
  EXPECT_TRUE(got.settings) << got.text();
  return got.settings ? *got.settings : gateway_settings{};
}

std::string service_error(const std::string& body) {
  return load_text(with_service(body)).text();
}

std::string pipelines_error(const std::string& pipelines) {
  return load_text(
             "receivers: {otlp: {protocols: {grpc: }}}\n"
             "processors: {batch: }\n"
             "exporters: {nop: , debug: }\n"
             "service:\n  pipelines:\n" +
             pipelines)
      .text();
}

TEST(ServiceTest, TelemetryDefaults) {
  const gateway_settings got = service("");
  ASSERT_TRUE(got.metrics_at);
  EXPECT_EQ(got.metrics_at->text(), "localhost:8888");
  EXPECT_EQ(got.level, log_level::info);
  EXPECT_TRUE(got.resource.empty());
  EXPECT_TRUE(got.resource_removed.empty());
  EXPECT_FALSE(got.health_check);
}

TEST(ServiceTest, MetricsCanMoveAndBeTurnedOff) {
  EXPECT_FALSE(service("  telemetry: {metrics: {level: none}}\n").metrics_at);
  EXPECT_FALSE(service("  telemetry: {metrics: {readers: []}}\n").metrics_at);
  EXPECT_EQ(service("  telemetry: {metrics: {address: ':9999'}}\n").metrics_at->port, 9999);
  EXPECT_EQ(service("  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: "
                    "'::1', port: 1}}}}]}}\n")
                .metrics_at->text(),
            "[::1]:1");
  EXPECT_EQ(service("  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: }}}]}}\n")
                .metrics_at->text(),
            "localhost:8888");
}

TEST(ServiceTest, LogsAndResource) {
  const gateway_settings got = service(
      "  telemetry:\n    logs: {level: WARN, output_paths: [stderr]}\n"
      "    resource: {service.name: x, service.instance.id: , attributes: [{name: a, value: "
      "b}]}\n");
  EXPECT_EQ(got.level, log_level::warn);
  EXPECT_EQ(got.resource, (std::map<std::string, std::string>{{"a", "b"}, {"service.name", "x"}}));
  EXPECT_EQ(got.resource_removed, std::vector<std::string>{"service.instance.id"});
}

TEST(ServiceTest, WhoAsksForOtherNamesOfMetricsIsTold) {
  const auto remarks = [](const std::string& flags) {
    return load_text(
               with_service("  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {" +
                            flags + "}}}}]}}\n"))
        .text();
  };
  EXPECT_EQ(remarks("without_type_suffix: true, without_units: true").find("without_"),
            std::string::npos);
  EXPECT_NE(remarks("without_type_suffix: false").find("without_type_suffix: has no effect"),
            std::string::npos)
      << remarks("without_type_suffix: false");
}

TEST(ServiceTest, ABatchGoesTo64ConsumersAtMost) {
  const auto with = [](int exporters, int pipelines) {
    std::string text = "receivers: {otlp: {protocols: {grpc: }}}\nexporters:\n";
    std::string names;
    for (int i = 0; i < exporters; ++i) {
      const std::string id = "nop/" + std::to_string(i);
      text += "  " + id + ":\n";
      names += (i > 0 ? ", " : "") + id;
    }
    text += "service:\n  pipelines:\n";
    for (int i = 0; i < pipelines; ++i) {
      text +=
          "    logs/" + std::to_string(i) + ": {receivers: [otlp], exporters: [" + names + "]}\n";
    }
    return load_text(text).text();
  };
  EXPECT_EQ(with(64, 1).find("error"), std::string::npos) << with(64, 1);
  EXPECT_NE(with(65, 1).find("service::pipelines::logs/0::exporters: 65 exporters in one pipeline "
                             "are too many: at most 64"),
            std::string::npos)
      << with(65, 1);
  EXPECT_EQ(with(1, 64).find("error"), std::string::npos) << with(1, 64);
  EXPECT_NE(
      with(1, 65).find("config.yaml:1:13: receivers::otlp: 65 pipelines of logs are too many"),
      std::string::npos)
      << with(1, 65);
}

TEST(ServiceTest, TelemetryMistakes) {
  const struct {
    const char* body;
    const char* message;
  } table[] = {
      {"  telemetry: {metrics: {level: full}}\n",
       "error: config.yaml:5:32: service::telemetry::metrics::level: expected one of none, basic, "
       "normal, detailed; "
       "got \"full\"\n"},
      {"  telemetry: {metrics: {readers: [{periodic: {interval: 1s}}]}}\n",
       "error: config.yaml:5:36: service::telemetry::metrics::readers::0: \"periodic\" is not "
       "supported yet\n"},
      {"  telemetry: {metrics: {readers: [{}]}}\n",
       "error: config.yaml:5:35: service::telemetry::metrics::readers::0: requires \"pull\"\n"},
      {"  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {port: 70000}}}}]}}\n",
       "error: config.yaml:5:73: "
       "service::telemetry::metrics::readers::0::pull::exporter::prometheus::port: must be at "
       "most 65535, got 70000\n"},
      {"  telemetry: {metrics: {views: [1]}, logs: {level: loud, output_paths: [/var/log/x]}}\n",
       "error: config.yaml:5:25: service::telemetry::metrics: \"views\" is not supported yet\n"
       "error: config.yaml:5:52: service::telemetry::logs::level: expected one of debug, info, "
       "warn, error, dpanic, "
       "panic, fatal; got \"loud\"\n"
       "error: config.yaml:5:73: service::telemetry::logs::output_paths: logs in a file are not "
       "supported yet: write "
       "stderr\n"},
      {"  telemetry: {logs: {encoding: json}}\n",
       "warning: config.yaml:5:32: service::telemetry::logs::encoding: json is not supported yet: "
       "logs are written as "
       "plain lines\n"},
      {"  telemetry: {resource: {a: 1}, traces: {processors: [x]}}\n",
       "error: config.yaml:5:29: service::telemetry::resource::a: expected a text, got 1 (put it "
       "in quotes)\n"
       "error: config.yaml:5:42: service::telemetry::traces: \"processors\" is not supported "
       "yet\n"},
      {"  telemtry: {}\n",
       "error: config.yaml:5:3: service: unknown key \"telemtry\"; did you mean \"telemetry\"?\n"},
      {"  telemetry: {metrics: {address: 'localhost:4317'}}\n",
       "error: config.yaml: service::telemetry::metrics: listens on \"localhost:4317\", and so "
       "does "
       "receivers::otlp::protocols::grpc\n"},
  };
  for (const auto& each : table) EXPECT_EQ(service_error(each.body), each.message) << each.body;
}

TEST(ServiceTest, PipelineMistakes) {
  const struct {
    const char* pipelines;
    const char* message;
  } table[] = {
      {"", "error: config.yaml:5:3: service::pipelines: requires at least one pipeline\n"},
      {"    traces: {receivers: [otlp], exporters: [dbug, nop]}\n",
       "error: config.yaml:6:45: service::pipelines::traces::exporters: exporter \"dbug\" is not "
       "defined; did you mean "
       "\"debug\"?\n"},
      {"    traces: {receivers: [], exporters: }\n",
       "error: config.yaml:6:5: service::pipelines::traces: requires at least one of receivers\n"
       "error: config.yaml:6:5: service::pipelines::traces: requires at least one of exporters\n"},
      {"    traces:\n",
       "error: config.yaml:6:5: service::pipelines::traces: requires at least one of receivers\n"
       "error: config.yaml:6:5: service::pipelines::traces: requires at least one of exporters\n"},
      {"    traces: {receivers: otlp, exporters: [nop]}\n",
       "error: config.yaml:6:25: service::pipelines::traces::receivers: expected a list, got "
       "\"otlp\"\n"},
      {"    traces: {receivers: [otlp], processors: [batch, batch], exporters: [nop]}\n",
       "error: config.yaml:6:53: service::pipelines::traces::processors: \"batch\" is listed "
       "twice\n"},
      {"    trace/a: {receivers: [otlp], exporters: [nop]}\n",
       "error: config.yaml:6:5: service::pipelines: unknown signal \"trace\"; pipelines are "
       "traces, metrics, logs or "
       "profiles; did you mean \"traces\"?\n"},
      {"    traces/: {receivers: [otlp], exporters: [nop]}\n",
       "error: config.yaml:6:5: service::pipelines: \"traces/\" is no valid name: what follows the "
       "/ is empty, too "
       "long or has blanks\n"},
      {"    profiles: {receivers: [otlp], processors: [batch], exporters: [nop]}\n",
       "error: config.yaml:6:48: service::pipelines::profiles::processors: processor \"batch\" "
       "does not work for "
       "profiles\n"},
      {"    traces: {receivers: [otlp], exporter: [nop]}\n",
       "error: config.yaml:6:5: service::pipelines::traces: requires at least one of exporters\n"
       "error: config.yaml:6:33: service::pipelines::traces: unknown key \"exporter\"; did you "
       "mean \"exporters\"?\n"},
  };
  for (const auto& each : table) {
    std::string got = pipelines_error(each.pipelines);
    got = got.substr(0, got.find("warning: "));  // what no pipeline uses is another test's matter
    EXPECT_EQ(got, each.message) << each.pipelines;
  }
}

}  // namespace
}  // namespace sluice::config
