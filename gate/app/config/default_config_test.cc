// What must hold of the default configuration: it loads without a word, and stays on this machine.
#include "gate/app/config/default_config.h"

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice {
namespace {

TEST(DefaultConfigTest, LoadsWithoutAWord) {
  const config::loaded got = config::load_text(std::string(default_config()));
  ASSERT_TRUE(got.settings) << got.text();
  EXPECT_EQ(got.text(), "");
  EXPECT_TRUE(config::load_in({}, {{"yaml:" + std::string(default_config())}, {}}).settings);
}

TEST(DefaultConfigTest, ArchivesEverySignalOfThisMachine) {
  const auto got = config::load_text(std::string(default_config()));
  ASSERT_TRUE(got.settings);
  const gateway_settings& all = *got.settings;
  ASSERT_EQ(all.receivers.size(), 1u);
  EXPECT_EQ(all.receivers[0].listeners[0].at.text(), "127.0.0.1:4317");
  EXPECT_EQ(all.receivers[0].listeners[1].at.text(), "127.0.0.1:4318");
  EXPECT_EQ(all.health_check->at.text(), "127.0.0.1:13133");
  EXPECT_EQ(all.metrics_at->text(), "127.0.0.1:8888");
  ASSERT_EQ(all.exporters.size(), 4u);
  ASSERT_EQ(all.pipelines.size(), 4u);
  for (const pipeline_settings& each : all.pipelines) {
    EXPECT_EQ(each.exporters, std::vector<std::string>{"file/" + each.id});
  }
  for (const exporter_settings& each : all.exporters) {
    EXPECT_EQ(each.kind, exporter_kind::file);
    EXPECT_EQ(each.file.path, "./sluice-data/" + each.id.substr(5) + ".binpb");
    EXPECT_TRUE(each.file.append && each.file.create_directory);
    EXPECT_EQ(each.file.rotate_megabytes_max, 256u);
    EXPECT_EQ(each.file.rotate_backups_max, 4u);
  }
}

}  // namespace
}  // namespace sluice
