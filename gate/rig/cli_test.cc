// What must hold of the commands: they explain themselves, refuse what makes no sense before
// anything runs, and run.
#include "gate/rig/cli.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    add_load_command(app_, stop_, exit_code_);
    add_sink_command(app_, stop_, exit_code_);
    app_.require_subcommand(1);
  }
  // CLI11 takes arguments from the back.
  bool parse(std::vector<std::string> arguments) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(reversed);
      return true;
    } catch (const CLI::ParseError& e) {
      said_ = e.what();
      return false;
    }
  }

  CLI::App app_{"test"};
  std::atomic<bool> stop_{true};  // whatever runs ends at once
  int exit_code_ = -1;
  std::string said_;
};

TEST_F(CliTest, HelpNamesEveryOption) {
  const std::string load = app_.get_subcommand("load")->help();
  for (const char* option :
       {"target", "--protocol", "--signals", "--compression", "--items", "--connections",
        "--in-flight", "--rate", "--duration", "--requests", "--retry", "--trace-items", "--json",
        "--replay", "--repeat", "--signal ", "Exit status"}) {
    EXPECT_NE(load.find(option), load.npos) << option;
  }
  const std::string sink = app_.get_subcommand("sink")->help();
  for (const char* option : {"--grpc", "--http", "--look", "--delay", "--refuse", "--partial",
                             "--cut", "--silence", "--read-rate", "--write", "--json"}) {
    EXPECT_NE(sink.find(option), sink.npos) << option;
  }
}

TEST_F(CliTest, NonsenseIsRefusedBeforeAnythingRuns) {
  const std::vector<std::vector<std::string>> bad{
      {"load"},
      {"load", "nowhere"},
      {"load", "localhost:1", "--signals", "spans"},
      {"load", "localhost:1", "--signals", "traces=0"},
      {"load", "localhost:1", "--compression", "brotli"},
      {"load", "localhost:1", "--duration", "soon"},
      {"load", "localhost:1", "--rate", "-3"},
      {"load", "localhost:1", "--rate", "12x"},
      {"load", "localhost:1", "--run", "0"},
      {"load", "localhost:1", "--run", "xyz"},
      {"load", "localhost:1", "--header", "novalue"},
      {"load", "localhost:1", "--replay"},
      {"load", "localhost:1", "--replay", "x", "--repeat", "some"},
      {"load", "localhost:1", "--replay", "x", "--signal", "spans"},
      {"load", "localhost:1", "--replay", "x", "--items", "5"},
      {"load", "localhost:1", "--replay", "x", "--signals", "logs"},
      {"load", "localhost:1", "--replay", "x", "--trace-items", "on"},
      {"load", "localhost:1", "--repeat", "2"},
      {"load", "localhost:1", "--signal", "logs"},
      {"sink", "--grpc", "nowhere"},
      {"sink", "--grpc", ":0", "--refuse", "2"},
      {"sink", "--grpc", ":0", "--refuse-grpc", "BROKEN"},
      {"sink", "--grpc", ":0", "--look", "hard"},
      {"sink", "--grpc", ":0", "--delay", "1s-"},
  };
  for (const auto& arguments : bad) {
    EXPECT_FALSE(parse(arguments)) << ::testing::PrintToString(arguments);
    EXPECT_EQ(exit_code_, -1) << ::testing::PrintToString(arguments);
  }
}

TEST_F(CliTest, ASinkRunsUntilItIsStopped) {
  EXPECT_TRUE(parse({"sink", "--grpc", "127.0.0.1:0", "--look", "verify", "--delay", "1ms-2ms",
                     "--refuse", "0.5", "--refuse-grpc", "RESOURCE_EXHAUSTED", "--retry-after",
                     "1s", "--memory", "64MiB", "--quiet"}))
      << said_;
  EXPECT_EQ(exit_code_, 0);
}

TEST_F(CliTest, ASinkWithoutAnEndpointCannotRun) {
  EXPECT_TRUE(parse({"sink", "--quiet"})) << said_;
  EXPECT_EQ(exit_code_, 1);
}

TEST_F(CliTest, ALoadThatIsStoppedAtOnceEnds) {
  EXPECT_TRUE(parse({"load",     "127.0.0.1:1",   "--signals", "traces=2,logs", "--rate",
                     "1k",       "--duration",    "1m",        "--drain",       "0s",
                     "--header", "X-Tenant=a",    "--header",  "b:c",           "--items",
                     "10",       "--compression", "zstd",      "--run",         "ff",
                     "--quiet"}))
      << said_;
  EXPECT_NE(exit_code_, 1);
}

TEST_F(CliTest, AReplayOfWhatIsNotThereCannotRun) {
  EXPECT_TRUE(parse({"load", "127.0.0.1:1", "--replay", "/nowhere/at/all", "--trace-items", "off"}))
      << said_;
  EXPECT_EQ(exit_code_, 1);
}

}  // namespace
}  // namespace sluice::rig
