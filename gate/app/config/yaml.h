// gate/app/config/yaml.h - a YAML document as a tree that remembers where each piece was written.
//
// Anchors, aliases and merge keys ("<<") are expanded while reading; duplicate keys are errors, as
// in the Collector.
//
// Bounds   `yaml_limits`: bytes of text, depth, and nodes (keys too) *after* expansion, so that
// aliases of aliases cannot blow up. Errors   All duplicate keys of a document, or the one place
// where it stops to be YAML. Cost     Every node is a heap object or two; this is for
// configuration, not for data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/app/config/report.h"

namespace sluice::config {

struct yaml_limits {
  std::size_t text_bytes_max = std::size_t{1} << 20;
  std::size_t depth_max = 64;
  std::size_t nodes_max = 50'000;
};

enum class node_kind : std::uint8_t {
  null,
  text,     // quoted, or plain and none of the following
  integer,  // these three keep their text as it was written
  number,
  flag,
  list,
  map,
  broken,  // an error was reported here already: says nothing, and is not missing either
};

struct entry;

struct node {
  node_kind kind = node_kind::null;
  place at;
  std::string text;                // scalars
  std::vector<node> items;         // lists
  std::vector<entry> entries;      // maps, in the order written
  std::string from;                // "${env:PORT}", when a reference gave this value
  std::optional<std::string> raw;  // what that reference gave, before it was read as YAML

  bool scalar() const { return kind <= node_kind::flag; }
  const entry* find(std::string_view key) const;
  entry* find(std::string_view key);
};

struct entry {
  std::string key;
  place key_at;
  node value;

  // Where a message about the value points: at the value, or at the key when the value is spread
  // below it.
  place where() const { return value.scalar() ? value.at : key_at; }
};

std::size_t count_nodes(const node& root);
std::size_t depth_of(const node& root);

// Gives all of a tree one place: what an environment variable or an argument holds has no lines of
// its own.
void move_to(node& root, place at);

// Joins `from` into `into` as the Collector joins its sources: maps key by key, everything else is
// replaced.
void merge(node& into, node&& from);

struct yaml_problem {
  place at;
  std::string path;
  std::string message;
};

// The first document of `text`; null for an empty one. More than one document is an error.
std::expected<node, std::vector<yaml_problem>> parse_yaml(std::string_view text,
                                                          std::uint32_t source,
                                                          const yaml_limits& limits);

// What YAML makes of a plain scalar.
node_kind kind_of_plain(std::string_view text);

// "a map", "the text "abc"", "5": how messages call a value.
std::string describe(const node& value);

}  // namespace sluice::config
