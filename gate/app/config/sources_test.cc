// What must hold of sources: later ones win as the Collector has it, and each error names its
// source.
#include "gate/app/config/sources.h"

#include <string>

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice::config {
namespace {

const char* const base =
    "receivers: {otlp: {protocols: {grpc: , http: }}}\n"
    "exporters: {debug: {verbosity: normal}}\n"
    "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n";

world files() {
  world in;
  in.files["base.yaml"] = base;
  in.files["more.yaml"] =
      "exporters: {debug: {sampling_initial: 7}, nop: }\n"
      "service: {pipelines: {traces: {exporters: [nop]}}}\n";
  in.variables["WHOLE"] = base;
  return in;
}

TEST(SourcesTest, MapsMergeAndListsReplace) {
  const loaded got = load_in(files(), {{"base.yaml", "file:more.yaml"}, {}});
  ASSERT_TRUE(got.settings) << got.text();
  ASSERT_EQ(got.settings->exporters.size(), 1u);
  EXPECT_EQ(got.settings->exporters[0].id, "nop");
  EXPECT_EQ(got.settings->receivers[0].listeners.size(), 2u);
  EXPECT_EQ(got.text(),
            "warning: more.yaml:1:13: exporters::debug: is not used by any pipeline and will not "
            "be built\n");
}

TEST(SourcesTest, VariablesAndTextsAreSourcesToo) {
  const loaded got =
      load_in(files(), {{"env:WHOLE", "yaml:exporters::debug::verbosity: detailed"}, {}});
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.settings->exporters[0].debug.verbosity, debug_verbosity::detailed);
}

TEST(SourcesTest, SetsComeLast) {
  const config_sources from{{"base.yaml"},
                            {{"exporters.debug.sampling_initial", "9"},
                             {"service.telemetry.metrics", "{level: none}"},
                             {"service.pipelines.traces.receivers", "[otlp]"}}};
  const loaded got = load_in(files(), from);
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.settings->exporters[0].debug.sampling_initial, 9u);
  EXPECT_FALSE(got.settings->metrics_at);
}

TEST(SourcesTest, MistakesNameTheirSource) {
  const struct {
    config_sources from;
    const char* message;
  } table[] = {
      {{{}, {}}, "error: --config: no configuration was given\n"},
      {{{"none.yaml"}, {}}, "error: none.yaml: cannot be read: no such file here\n"},
      {{{"env:NONE"}, {}}, "error: env:NONE: the environment variable is not set\n"},
      {{{"https://x/y"}, {}}, "error: --config: configuration over https is not supported yet\n"},
      {{{"s3:x"}, {}},
       "error: --config: unknown scheme \"s3\"; known are file, env and yaml (write file:PATH for "
       "such a path)\n"},
      {{{"yaml:a: [1"}, {}},
       "error: --config yaml::2:1: this is not YAML: end of sequence flow not found\n"},
      {{{"yaml:[1]"}, {}}, "error: --config yaml::1:1: expected a map at the top, got a list\n"},
      {{{"yaml:"}, {}}, "error: --config yaml:: the configuration is empty\n"},
      {{{"base.yaml"}, {{"a..b", "1"}}},
       "error: --set a..b: expected a key such as exporters.otlp.endpoint, got \"a..b\"\n"},
      {{{"base.yaml"}, {{"exporters.debug.verbosity", "loud"}}},
       "error: --set exporters.debug.verbosity: exporters::debug::verbosity: expected one of "
       "basic, normal, detailed; "
       "got \"loud\"\n"},
      {{{"base.yaml"}, {{"receivers.otlp.protocols.grpc.endpint", "x"}}},
       "error: --set receivers.otlp.protocols.grpc.endpint: receivers::otlp::protocols::grpc: "
       "unknown key \"endpint\"; "
       "did you mean \"endpoint\"?\n"},
  };
  for (const auto& each : table) EXPECT_EQ(load_in(files(), each.from).text(), each.message);
}

TEST(SourcesTest, AnEmptySourceBesideOthersWarns) {
  EXPECT_EQ(load_in(files(), {{"base.yaml", "yaml:# nothing"}, {}}).text(),
            "warning: --config yaml:: the document is empty\n");
}

}  // namespace
}  // namespace sluice::config
