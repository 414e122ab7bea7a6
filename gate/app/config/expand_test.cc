// What must hold of references: whole ones take YAML's type, others are text, nothing runs in
// circles or grows without bound, and a secret stays what it was.
#include "gate/app/config/expand.h"

#include <string>

#include <gtest/gtest.h>

#include "gate/app/config/load_fixture.h"

namespace sluice::config {
namespace {

struct expanded {
  node value;
  std::string text;  // diagnostics
};

expanded expand_value(const std::string& yaml, const world& in) {
  report to;
  const std::uint32_t source = to.add_source("c.yaml");
  auto root = parse_yaml("v: " + yaml + "\n", source, {});
  EXPECT_TRUE(root) << yaml;
  if (!root) return {};
  expand(*root, in.env(), in.reader(), {}, to);
  return {root->find("v")->value, to.take().text()};
}

world some() {
  world in;
  in.variables = {
      {"PORT", "4317"},    {"HOST", "example.com"}, {"ON", "true"},        {"EMPTY", ""},
      {"LIST", "[a, b]"},  {"ZIP", "0123"},         {"PW", "pa: ss #1"},   {"QUOTED", "\"4317\""},
      {"LOOP", "${LOOP}"}, {"A", "${B}${B}"},       {"B", "${C}${C}"},     {"C", "${D}${D}"},
      {"D", "${E}${E}"},   {"E", "${HOST}"},        {"NESTED", "${PORT}"}, {"MONEY", "a$$b"}};
  in.files = {{"token", "s3cret\n"}, {"part.yaml", "x: 1\ny: ${PORT}\n"}};
  return in;
}

TEST(ExpandTest, AWholeReferenceTakesTheTypeOfItsValue) {
  EXPECT_EQ(expand_value("${env:PORT}", some()).value.kind, node_kind::integer);
  EXPECT_EQ(expand_value("${PORT}", some()).value.text, "4317");
  EXPECT_EQ(expand_value("'${env:ON}'", some()).value.kind, node_kind::flag);
  EXPECT_EQ(expand_value("${env:LIST}", some()).value.items.size(), 2u);
  EXPECT_EQ(expand_value("${env:QUOTED}", some()).value.kind, node_kind::text);
  EXPECT_EQ(expand_value("${env:NESTED}", some()).value.kind, node_kind::integer);
  EXPECT_EQ(expand_value("'${yaml:{a: [1]}}'", some()).value.kind, node_kind::map);
}

TEST(ExpandTest, AReferenceWithinTextIsText) {
  const expanded address = expand_value("${env:HOST}:${env:PORT}", some());
  EXPECT_EQ(address.value.kind, node_kind::text);
  EXPECT_EQ(address.value.text, "example.com:4317");
  EXPECT_EQ(expand_value("${env:PORT}0", some()).value.kind, node_kind::text);
  EXPECT_EQ(expand_value("x${env:QUOTED}", some()).value.text, "x4317");
  EXPECT_EQ(expand_value("x${env:LIST}", some()).value.text, "x[a, b]");
}

TEST(ExpandTest, TheTextBehindATypedValueIsKept) {
  EXPECT_EQ(expand_value("${env:ZIP}", some()).value.raw, "0123");
  EXPECT_EQ(expand_value("${env:PW}", some()).value.raw, "pa: ss #1");
  EXPECT_EQ(expand_value("${env:QUOTED}", some()).value.raw, "4317");
  EXPECT_EQ(expand_value("${file:token}", some()).value.raw, "s3cret");
}

TEST(ExpandTest, DefaultsServeUnsetVariablesOnly) {
  EXPECT_EQ(expand_value("'${env:NO:-5}'", some()).value.kind, node_kind::integer);
  EXPECT_EQ(expand_value("'${NO:-5}'", some()).value.text, "5");
  EXPECT_EQ(expand_value("'${env:PORT:-5}'", some()).value.text, "4317");
  EXPECT_EQ(expand_value("'${env:EMPTY:-5}'", some()).value.kind, node_kind::null);
  EXPECT_EQ(expand_value("'${env:NO:-${env:PORT}}'", some()).value.text, "4317");
  EXPECT_EQ(expand_value("'${env:NO:-${env:NOR:-a}b}'", some()).value.text, "ab");
  EXPECT_EQ(expand_value("'${env:NO:-{}}'", some()).value.kind, node_kind::map);
  // The default of a variable that is set is not even looked at.
  EXPECT_EQ(expand_value("'${env:PORT:-${env:NO}}'", some()).text, "");
}

TEST(ExpandTest, AnUnsetVariableIsEmptyAndWarns) {
  const expanded whole = expand_value("${env:NO}", some());
  EXPECT_EQ(whole.value.kind, node_kind::null);
  EXPECT_EQ(whole.text,
            "warning: c.yaml:1:4: v: environment variable \"NO\" is not set: taken as empty\n");
  EXPECT_EQ(expand_value("a${env:NO}b", some()).value.text, "ab");
  EXPECT_EQ(expand_value("${env:EMPTY}", some()).text, "");
}

TEST(ExpandTest, TwoDollarsAreOne) {
  EXPECT_EQ(expand_value("a$$b", some()).value.text, "a$b");
  EXPECT_EQ(expand_value("$${env:PORT}", some()).value.text, "${env:PORT}");
  EXPECT_EQ(expand_value("$$$${X}", some()).value.text, "$${X}");
  EXPECT_EQ(expand_value("$PORT costs 5$", some()).value.text, "$PORT costs 5$");
  EXPECT_EQ(expand_value("${env:MONEY}", some()).value.raw, "a$b");
}

TEST(ExpandTest, AnOpenReferenceIsTextAndWarns) {
  const expanded open = expand_value("'a${env:PORT'", some());
  EXPECT_EQ(open.value.text, "a${env:PORT");
  EXPECT_EQ(open.text, "warning: c.yaml:1:4: v: \"${\" is not closed: taken as text\n");
}

TEST(ExpandTest, FilesKeepTheirPlacesAndMayHoldReferences) {
  report to;
  const std::uint32_t source = to.add_source("c.yaml");
  auto root = parse_yaml("v: ${file:part.yaml}", source, {});
  const world in = some();
  expand(*root, in.env(), in.reader(), {}, to);
  const node& value = root->find("v")->value;
  EXPECT_EQ(value.find("x")->value.at, (place{1, 1, 4}));
  EXPECT_EQ(value.find("y")->value.text, "4317");
}

TEST(ExpandTest, CirclesAndExplosionsEnd) {
  EXPECT_EQ(
      expand_value("${env:LOOP}", some()).text,
      "error: c.yaml:1:4: v: references within references, deeper than 16: is there a circle?\n");
  EXPECT_EQ(
      expand_value("x${env:LOOP}", some()).text,
      "error: c.yaml:1:4: v: references within references, deeper than 16: is there a circle?\n");
  EXPECT_EQ(expand_value("${env:A}", some()).value.text.size(),
            16 * std::string("example.com").size());
  world in;
  for (int i = 0; i < 12; ++i) {
    const std::string next = "${V" + std::to_string(i + 1) + "}";
    in.variables["V" + std::to_string(i)] = next + next + next;
  }
  in.variables["V12"] = "x";
  EXPECT_EQ(expand_value("${env:V0}", in).text, "error: c.yaml:1:4: v: too many references\n");
}

TEST(ExpandTest, TextsHaveABound) {
  world in;
  in.variables["BIG"] = std::string(600'000, 'x');
  EXPECT_EQ(expand_value("${BIG}${BIG}", in).text,
            "error: c.yaml:1:4: v: the text becomes too long\n");
}

TEST(ExpandTest, BadReferencesAreNamed) {
  const struct {
    const char* yaml;
    const char* message;
  } table[] = {
      {"'${}'", "\"\" is no name of an environment variable: letters, digits and _ only"},
      {"'${env:A B}'", "\"A B\" is no name of an environment variable: letters, digits and _ only"},
      {"'${vault:x}'", "unknown scheme \"vault\" in a reference; known are env, file and yaml"},
      {"'${https://x}'", "references of scheme \"https\" are not supported yet"},
      {"'${file:none}'", "cannot read \"none\": no such file here"}};
  for (const auto& each : table) {
    const expanded got = expand_value(each.yaml, some());
    EXPECT_EQ(got.text, std::string("error: c.yaml:1:4: v: ") + each.message + "\n");
    EXPECT_EQ(got.value.kind, node_kind::broken);
  }
}

}  // namespace
}  // namespace sluice::config
