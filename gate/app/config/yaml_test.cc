// What must hold of the tree: it says where everything was written, hostile documents stay small,
// and what is not YAML is reported at its place.
#include "gate/app/config/yaml.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

node good(const std::string& text) {
  auto parsed = parse_yaml(text, 0, {});
  EXPECT_TRUE(parsed) << text << "\n" << (parsed ? "" : parsed.error().front().message);
  return parsed ? std::move(*parsed) : node{};
}

std::string bad(const std::string& text, const yaml_limits& limits = {}) {
  const auto parsed = parse_yaml(text, 0, limits);
  if (parsed) return "loaded";
  std::string out;
  for (const yaml_problem& each : parsed.error()) {
    out += std::to_string(each.at.line) + ":" + std::to_string(each.at.column) + ": ";
    if (!each.path.empty()) out += each.path + ": ";
    out += each.message + "\n";
  }
  return out;
}

TEST(YamlTest, EveryPieceKnowsItsPlace) {
  const node root = good("a: 1\nb:\n  - x\n  - {c: yes}\n");
  ASSERT_EQ(root.kind, node_kind::map);
  EXPECT_EQ(root.find("a")->key_at, (place{0, 1, 1}));
  EXPECT_EQ(root.find("a")->value.at, (place{0, 1, 4}));
  const node& list = root.find("b")->value;
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[0].at, (place{0, 3, 5}));
  EXPECT_EQ(list.items[1].find("c")->key_at, (place{0, 4, 6}));
}

TEST(YamlTest, PlainScalarsHaveTypesAndQuotedOnesAreText) {
  const node root = good("[1, 1.5, true, ~, abc, '1', \"true\", !!str 7, !!int 8, yes, 12ms]");
  const node_kind kinds[] = {node_kind::integer, node_kind::number, node_kind::flag,
                             node_kind::null,    node_kind::text,   node_kind::text,
                             node_kind::text,    node_kind::text,   node_kind::integer,
                             node_kind::text,    node_kind::text};
  ASSERT_EQ(root.items.size(), std::size(kinds));
  for (std::size_t i = 0; i < std::size(kinds); ++i) EXPECT_EQ(root.items[i].kind, kinds[i]) << i;
}

TEST(YamlTest, AKeyWithoutAValueStandsWhereItsKeyDoes) {
  const node root = good("a:\n\n\nb: 1\n");
  EXPECT_EQ(root.find("a")->value.kind, node_kind::null);
  EXPECT_EQ(root.find("a")->value.at, (place{0, 1, 1}));
}

TEST(YamlTest, AnEmptyDocumentIsNull) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "~"}) {
    EXPECT_EQ(good(text).kind, node_kind::null) << text;
  }
}

TEST(YamlTest, AliasesRepeatAndMergeKeysGiveWay) {
  const node root = good("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\nd: {<<: [{k: 8}, *x]}\n");
  EXPECT_EQ(root.find("b")->value.find("k")->value.text, "1");
  EXPECT_EQ(root.find("c")->value.find("k")->value.text, "1");
  EXPECT_EQ(root.find("c")->value.find("l")->value.text, "3");
  EXPECT_EQ(root.find("d")->value.find("k")->value.text, "8");
  EXPECT_EQ(root.find("d")->value.find("l")->value.text, "2");
}

TEST(YamlTest, AllDuplicateKeysAreReported) {
  EXPECT_EQ(bad("a: 1\nb: {c: 1, c: 2}\na: 2\n"),
            "2:11: b: duplicate key \"c\"; it is already on line 2\n"
            "3:1: duplicate key \"a\"; it is already on line 1\n");
}

TEST(YamlTest, ABillionLaughsAreCounted) {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 0; n < 9; ++n) text += ", " + before;
    text += "]\n";
  }
  EXPECT_EQ(bad(text),
            "5:20: a4: the document is too large: more than 50000 keys and values, aliases counted "
            "as often "
            "as they are used\n");
}

TEST(YamlTest, AnAliasInsideItsOwnAnchorIsRefused) {
  EXPECT_EQ(bad("a: &x [1, *x]\n"), "1:11: a: the alias stands inside what it repeats\n");
}

TEST(YamlTest, DepthIsBoundedAlsoThroughAliases) {
  EXPECT_EQ(bad(std::string(65, '[') + std::string(65, ']')),
            "1:65: nested too deep: more than 64 levels\n");
  EXPECT_EQ(good(std::string(64, '[') + std::string(64, ']')).kind, node_kind::list);
  EXPECT_NE(bad(std::string(100'000, '[')), "loaded");
  const std::string deep = "a: &x " + std::string(40, '[') + std::string(40, ']') +
                           "\nb: " + std::string(40, '[') + "*x" + std::string(40, ']') + "\n";
  EXPECT_EQ(bad(deep), "2:44: b: nested too deep: more than 64 levels\n");
}

TEST(YamlTest, ATextBeyondTheLimitIsNotRead) {
  yaml_limits small;
  small.text_bytes_max = 4;
  EXPECT_EQ(bad("a: 12", small), "0:0: too large: 5 bytes, at most 4 are read\n");
  EXPECT_EQ(bad("a: 1", small), "loaded");
}

TEST(YamlTest, ATabThatIndentsIsNamed) {
  EXPECT_EQ(bad("a:\n\tb: 1\n"), "2:1: a tab indents this line; YAML takes spaces only\n");
  EXPECT_EQ(bad("a:\n  b: 1\n  \tc: 1\n"),
            "3:3: a tab indents this line; YAML takes spaces only\n");
}

TEST(YamlTest, WhatIsNotYamlIsReportedAtItsPlace) {
  EXPECT_EQ(bad("a: [1, 2\n"), "2:1: this is not YAML: end of sequence flow not found\n");
  EXPECT_EQ(bad("a: b: c\n"), "1:5: this is not YAML: illegal map value\n");
  EXPECT_EQ(bad("a: *nowhere\n"), "1:4: this is not YAML: the referenced anchor is not defined\n");
  EXPECT_EQ(bad("? [a]\n: b\n"), "1:3: a key has to be text\n");
  EXPECT_EQ(bad("a: !ruby/object 1\n"), "1:4: a: the tag \"!ruby/object\" means nothing here\n");
}

TEST(YamlTest, OneDocumentIsRead) {
  EXPECT_EQ(bad("a: 1\n---\nb: 1\n"),
            "2:1: the document has ended, but more text follows; only one is read\n");
  EXPECT_EQ(good("---\na: 1\n...\n").kind, node_kind::map);
}

TEST(YamlTest, BytesThatAreNoTextAreRefused) {
  EXPECT_EQ(bad("a: \xff\n"), "1:4: this is not UTF-8\n");
  EXPECT_EQ(bad("a: 1\nb: \xed\xa0\x80\n"), "2:4: this is not UTF-8\n");
  EXPECT_EQ(bad(std::string("a: 1\n\x04 b: 1\n")),
            "2:1: control character \"\\x04\" is not allowed\n");
  EXPECT_EQ(good("a: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n").find("a")->value.text.size(), 9u);
}

TEST(YamlTest, MergeJoinsMapsAndReplacesTheRest) {
  node into = good("a: {x: 1, y: [1, 2]}\nb: 1\n");
  merge(into, good("a: {y: [3], z: 4}\nb: {c: 1}\nd: 5\n"));
  EXPECT_EQ(into.find("a")->value.find("x")->value.text, "1");
  EXPECT_EQ(into.find("a")->value.find("y")->value.items.size(), 1u);
  EXPECT_EQ(into.find("a")->value.find("z")->value.text, "4");
  EXPECT_EQ(into.find("b")->value.kind, node_kind::map);
  EXPECT_EQ(into.find("d")->value.text, "5");
}

}  // namespace
}  // namespace sluice::config
