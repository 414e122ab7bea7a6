#include "gate/app/config/yaml.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "gate/app/config/scalar.h"

namespace sluice::config {
namespace {

constexpr std::size_t problems_max = 50;

// Thrown through yaml-cpp's parser, which has no other way to be stopped, and caught in
// parse_yaml().
struct stop {
  yaml_problem why;
};

// Builds the tree from the parser's events.
class tree_builder final : public YAML::EventHandler {
 public:
  tree_builder(std::uint32_t source, const yaml_limits& limits)
      : source_(source), limits_(limits) {}

  node root;
  std::vector<yaml_problem> problems;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, anchor, node_kind::null, {});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    scalar(mark, anchor, tag == "?" ? kind_of_plain(value) : kind_of_tagged(mark, tag, value),
           value);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    // An anchor is kept when its node is complete; one that is still open would contain itself.
    if (found == anchors_.end()) fail(mark, "the alias stands inside what it repeats");
    charge(mark, count_nodes(found->second));
    check_depth(mark, depth_of(found->second));
    put(mark, node(found->second));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, node_kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, node_kind::map);
  }
  void OnMapEnd() override {
    finish_map(open_.back());
    close();
  }

 private:
  struct frame {
    node made;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    bool key_pending = false;    // a key has come, its value has not
    bool merge_pending = false;  // and it is "<<"
    std::string key;
    place key_at;
    std::vector<node> merges;  // values of "<<"
  };

  place at(const YAML::Mark& mark) const {
    return {source_, static_cast<std::uint32_t>(mark.line + 1),
            static_cast<std::uint32_t>(mark.column + 1)};
  }

  std::string path() const {
    std::string out;
    for (const frame& each : open_) {
      if (each.made.kind == node_kind::map && each.key_pending) out = join_path(out, each.key);
    }
    return out;
  }

  [[noreturn]] void fail(const YAML::Mark& mark, std::string message) const {
    throw stop{{at(mark), path(), std::move(message)}};
  }

  void charge(const YAML::Mark& mark, std::size_t nodes) {
    if (nodes > limits_.nodes_max - nodes_) {
      fail(mark, "the document is too large: more than " + std::to_string(limits_.nodes_max) +
                     " keys and values, aliases counted as often as they are used");
    }
    nodes_ += nodes;
  }

  void check_depth(const YAML::Mark& mark, std::size_t more) const {
    if (more > limits_.depth_max - std::min(open_.size(), limits_.depth_max)) {
      fail(mark, "nested too deep: more than " + std::to_string(limits_.depth_max) + " levels");
    }
  }

  node_kind kind_of_tagged(const YAML::Mark& mark, const std::string& tag,
                           const std::string& value) {
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return node_kind::text;
    if (tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" ||
        tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:null") {
      return kind_of_plain(value);
    }
    fail(mark, "the tag " + quoted(tag) + " means nothing here");
  }

  void scalar(const YAML::Mark& mark, YAML::anchor_t anchor, node_kind kind,
              const std::string& text) {
    charge(mark, 1);
    node made;
    made.kind = kind;
    made.at = at(mark);
    made.text = text;
    keep(mark, anchor, made);
    put(mark, std::move(made));
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, node_kind kind) {
    charge(mark, 1);
    check_depth(mark, 1);
    frame next;
    next.made.kind = kind;
    next.made.at = at(mark);
    next.anchor = anchor;
    next.mark = mark;
    open_.push_back(std::move(next));
  }

  void close() {
    frame done = std::move(open_.back());
    open_.pop_back();
    keep(done.mark, done.anchor, done.made);
    put(done.mark, std::move(done.made));
  }

  // Kept copies count as nodes too: anchors within anchors would otherwise multiply memory by their
  // depth.
  void keep(const YAML::Mark& mark, YAML::anchor_t anchor, const node& made) {
    if (anchor == 0) return;
    charge(mark, count_nodes(made));
    anchors_.insert_or_assign(anchor, made);
  }

  void put(const YAML::Mark& mark, node&& made) {
    if (open_.empty()) {
      root = std::move(made);
      return;
    }
    frame& top = open_.back();
    if (top.made.kind == node_kind::list) {
      top.made.items.push_back(std::move(made));
    } else if (!top.key_pending) {
      take_key(mark, std::move(made));
    } else {
      take_value(std::move(made));
    }
  }

  void take_key(const YAML::Mark& mark, node&& made) {
    if (!made.scalar() || made.kind == node_kind::null) fail(mark, "a key has to be text");
    frame& top = open_.back();
    top.key_pending = true;
    top.key = std::move(made.text);
    top.key_at = at(mark);
    top.merge_pending = top.key == "<<" && made.kind == node_kind::text;
  }

  void take_value(node&& made) {
    frame& top = open_.back();
    top.key_pending = false;
    if (std::exchange(top.merge_pending, false)) {
      top.merges.push_back(std::move(made));
      return;
    }
    // "key:" with nothing behind it: the parser's mark is wherever the next token happens to be.
    if (made.kind == node_kind::null && made.text.empty()) made.at = top.key_at;
    top.made.entries.push_back({std::move(top.key), top.key_at, std::move(made)});
  }

  void finish_map(frame& top) {
    std::unordered_set<std::string> seen;
    for (const entry& each : top.made.entries) {
      if (!seen.insert(each.key).second) duplicate(top, each);
    }
    for (node& from : top.merges) merge_key(top, std::move(from), seen);
  }

  void duplicate(const frame& top, const entry& second) {
    const entry* first = top.made.find(second.key);
    if (problems.size() >= problems_max) return;
    problems.push_back({second.key_at, path(),
                        "duplicate key " + quoted(second.key) + "; it is already on line " +
                            std::to_string(first->key_at.line)});
  }

  // What "<<" brings gives way to the map's own keys, and earlier ones of a list win.
  void merge_key(frame& top, node&& from, std::unordered_set<std::string>& seen) {
    if (from.kind == node_kind::map) {
      for (entry& each : from.entries) {
        if (seen.insert(each.key).second) top.made.entries.push_back(std::move(each));
      }
      return;
    }
    if (from.kind != node_kind::list) fail(top.mark, "\"<<\" takes a map or a list of maps");
    for (node& each : from.items) {
      if (each.kind != node_kind::map) fail(top.mark, "\"<<\" takes a map or a list of maps");
      merge_key(top, std::move(each), seen);
    }
  }

  std::uint32_t source_;
  const yaml_limits& limits_;
  std::size_t nodes_ = 0;
  std::vector<frame> open_;                           // depth_max at most
  std::unordered_map<YAML::anchor_t, node> anchors_;  // nodes_max nodes at most
};

// Only tells whether a second document begins, and where.
class end_finder final : public YAML::EventHandler {
 public:
  std::optional<YAML::Mark> found;

  void OnDocumentStart(const YAML::Mark& mark) override { see(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { see(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { see(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    see(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    see(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    see(mark);
  }
  void OnMapEnd() override {}

 private:
  void see(const YAML::Mark& mark) {
    if (!found) found = mark;
  }
};

// Bytes of the well-formed UTF-8 character at the front of `text`; 0: there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : size;
}

// The parser takes one control character for the end of the text and passes others on, so they stop
// here.
std::optional<yaml_problem> check_characters(std::string_view text, std::uint32_t source) {
  place at{source, 1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = character_size(text.substr(i));
    if (size == 0) return yaml_problem{at, {}, "this is not UTF-8"};
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      return yaml_problem{
          at, {}, "control character " + quoted(text.substr(i, 1)) + " is not allowed"};
    }
    at.column = byte == '\n' ? 1 : at.column + 1;
    at.line += byte == '\n' ? 1 : 0;
    i += size;
  }
  return std::nullopt;
}

// Where a tab indents the given line or the one above; the parser's own message would not say so.
std::optional<place> indenting_tab(std::string_view text, const place& near) {
  std::uint32_t line = 1;
  while (!text.empty() && line <= near.line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view here = text.substr(0, end);
    const std::size_t first = here.find_first_not_of(' ');
    if (line + 1 >= near.line && first != std::string_view::npos && here[first] == '\t') {
      return place{near.source, line, static_cast<std::uint32_t>(first + 1)};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
  }
  return std::nullopt;
}

yaml_problem syntax_problem(const YAML::Exception& why, std::string_view text,
                            std::uint32_t source) {
  yaml_problem out;
  out.at.source = source;
  if (!why.mark.is_null()) {
    out.at.line = static_cast<std::uint32_t>(why.mark.line + 1);
    out.at.column = static_cast<std::uint32_t>(why.mark.column + 1);
  }
  if (const auto tab = indenting_tab(text, out.at)) {
    out.at = *tab;
    out.message = "a tab indents this line; YAML takes spaces only";
    return out;
  }
  out.message = "this is not YAML: " + why.msg;
  return out;
}

std::expected<node, std::vector<yaml_problem>> one_problem(yaml_problem&& why) {
  return std::unexpected(std::vector<yaml_problem>{std::move(why)});
}

std::expected<node, std::vector<yaml_problem>> parse_checked(std::string_view text,
                                                             std::uint32_t source,
                                                             const yaml_limits& limits) {
  // The parser places an error at the end of the text wrongly when the last line is not closed.
  std::istringstream in{std::string(text) + (text.ends_with('\n') ? "" : "\n")};
  YAML::Parser parser(in);
  tree_builder tree(source, limits);
  if (!parser.HandleNextDocument(tree)) return node{};
  end_finder rest;
  parser.HandleNextDocument(rest);
  if (rest.found) {
    const place at{source, static_cast<std::uint32_t>(rest.found->line + 1),
                   static_cast<std::uint32_t>(rest.found->column + 1)};
    return one_problem({at, {}, "the document has ended, but more text follows; only one is read"});
  }
  if (!tree.problems.empty()) return std::unexpected(std::move(tree.problems));
  return std::move(tree.root);
}

}  // namespace

const entry* node::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &entry::key);
  return found == entries.end() ? nullptr : &*found;
}

entry* node::find(std::string_view key) {
  const auto found = std::ranges::find(entries, key, &entry::key);
  return found == entries.end() ? nullptr : &*found;
}

std::size_t count_nodes(const node& root) {
  std::size_t count = 1;
  for (const node& each : root.items) count += count_nodes(each);
  for (const entry& each : root.entries) count += count_nodes(each.value);
  return count;
}

std::size_t depth_of(const node& root) {
  std::size_t deepest = 0;
  for (const node& each : root.items) deepest = std::max(deepest, depth_of(each));
  for (const entry& each : root.entries) deepest = std::max(deepest, depth_of(each.value));
  return root.scalar() ? 0 : deepest + 1;
}

void move_to(node& root, place at) {
  root.at = at;
  for (node& each : root.items) move_to(each, at);
  for (entry& each : root.entries) {
    each.key_at = at;
    move_to(each.value, at);
  }
}

void merge(node& into, node&& from) {
  if (into.kind != node_kind::map || from.kind != node_kind::map) {
    into = std::move(from);
    return;
  }
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < into.entries.size(); ++i) known.emplace(into.entries[i].key, i);
  for (entry& each : from.entries) {
    const auto found = known.find(each.key);
    if (found == known.end()) {
      into.entries.push_back(std::move(each));
      continue;
    }
    entry& old = into.entries[found->second];
    old.key_at = each.key_at;
    merge(old.value, std::move(each.value));
  }
}

std::expected<node, std::vector<yaml_problem>> parse_yaml(std::string_view text,
                                                          std::uint32_t source,
                                                          const yaml_limits& limits) {
  if (text.size() > limits.text_bytes_max) {
    return one_problem({{source, 0, 0},
                        {},
                        "too large: " + std::to_string(text.size()) + " bytes, at most " +
                            std::to_string(limits.text_bytes_max) + " are read"});
  }
  if (auto bad = check_characters(text, source)) return one_problem(std::move(*bad));
  try {
    return parse_checked(text, source, limits);
  } catch (stop& stopped) {
    return one_problem(std::move(stopped.why));
  } catch (const YAML::Exception& why) {
    return one_problem(syntax_problem(why, text, source));
  } catch (const std::exception& why) {
    return one_problem({{source, 0, 0}, {}, std::string("this is not YAML: ") + why.what()});
  }
}

node_kind kind_of_plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return node_kind::null;
  }
  if (parse_flag(text)) return node_kind::flag;
  if (parse_integer(text)) return node_kind::integer;
  if (parse_number(text)) return node_kind::number;
  return node_kind::text;
}

std::string describe(const node& value) {
  std::string out;
  switch (value.kind) {
    case node_kind::null:
    case node_kind::broken:
      out = "nothing";
      break;
    case node_kind::text:
      out = quoted(value.text);
      break;
    case node_kind::integer:
    case node_kind::number:
    case node_kind::flag:
      out = value.text;
      break;
    case node_kind::list:
      out = "a list";
      break;
    case node_kind::map:
      out = "a map";
      break;
  }
  if (!value.from.empty()) out.append(" from ").append(value.from);
  return out;
}

}  // namespace sluice::config
