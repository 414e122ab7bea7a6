// What must hold of the catalogue: it is sorted, ours is part of what is known, and it prints as
// YAML.
#include "gate/app/config/catalogue.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "gate/app/config/yaml.h"

namespace sluice {
namespace {

TEST(CatalogueTest, KnownTypesAreSortedAndOursAreAmongThem) {
  for (const component_kind kind : all_component_kinds) {
    const auto known = known_components(kind);
    EXPECT_TRUE(std::ranges::is_sorted(known)) << name_of(kind);
    EXPECT_EQ(std::ranges::adjacent_find(known), known.end()) << name_of(kind);
  }
  for (const supported_component& each : supported_components()) {
    EXPECT_TRUE(std::ranges::binary_search(known_components(each.kind), each.type)) << each.type;
    if (each.alias_of.empty()) continue;
    EXPECT_NE(find_supported(each.kind, each.alias_of), nullptr);
  }
}

TEST(CatalogueTest, BatchesAreNotForProfiles) {
  const supported_component* batch = find_supported(component_kind::processor, "batch");
  ASSERT_NE(batch, nullptr);
  EXPECT_TRUE(batch->supports(otlp::signal::logs));
  EXPECT_FALSE(batch->supports(otlp::signal::profiles));
  EXPECT_EQ(find_supported(component_kind::exporter, "batch"), nullptr);
}

TEST(CatalogueTest, WhatWasRemovedHasASuccessor) {
  EXPECT_EQ(successor_of(component_kind::exporter, "logging"), "debug");
  EXPECT_EQ(successor_of(component_kind::receiver, "logging"), "");
}

TEST(CatalogueTest, ComponentsPrintAsYaml) {
  const std::string text = components_yaml("sluice", "1.2");
  EXPECT_TRUE(text.starts_with("buildinfo:\n    command: sluice\n"));
  EXPECT_NE(
      text.find("    - name: batch\n      stability:\n        logs: Beta\n        metrics: Beta\n"
                "        traces: Beta\nexporters:\n"),
      std::string::npos);
  EXPECT_NE(text.find("    - name: otlp\n      alias_of: otlp_grpc\n"), std::string::npos);
  EXPECT_NE(text.find("      stability:\n        extension: Beta\n"), std::string::npos);
  const auto parsed = config::parse_yaml(text, 0, {});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->find("exporters")->value.items.size(), 7u);
  EXPECT_EQ(parsed->find("connectors")->value.items.size(), 0u);
  EXPECT_EQ(parsed->find("buildinfo")->value.find("version")->value.text, "1.2");
}

}  // namespace
}  // namespace sluice
