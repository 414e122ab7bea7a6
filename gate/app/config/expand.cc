#include "gate/app/config/expand.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>

namespace sluice::config {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && is_letter(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

// Two letters at least, so that "C:\x" is no scheme.
bool is_scheme(std::string_view name) {
  return name.size() >= 2 && is_letter(name[0]) && name[0] != '_' &&
         std::ranges::all_of(name, [](char c) {
           return (is_letter(c) && c != '_') || is_digit(c) || c == '+' || c == '.' || c == '-';
         });
}

// The position of the brace that closes the reference whose inside starts at `begin`; npos: none
// does.
std::size_t closing_brace(std::string_view text, std::size_t begin) {
  std::size_t open = 1;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '{') ++open;
    if (text[i] == '}' && --open == 0) return i;
  }
  return std::string_view::npos;
}

struct reference {
  std::string_view scheme;
  std::string_view name;
  std::optional<std::string_view> fallback;
};

// Position of ":-" outside nested references, or npos.
std::size_t default_mark(std::string_view text) {
  std::size_t open = 0;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '{') ++open;
    if (text[i] == '}' && open > 0) --open;
    if (open == 0 && text[i] == ':' && text[i + 1] == '-') return i;
  }
  return std::string_view::npos;
}

reference variable(std::string_view text) {
  const std::size_t mark = default_mark(text);
  if (mark == std::string_view::npos) return {"env", text, std::nullopt};
  return {"env", text.substr(0, mark), text.substr(mark + 2)};
}

reference split_reference(std::string_view inside) {
  const std::size_t colon = inside.find(':');
  const bool has_scheme = colon != std::string_view::npos && is_scheme(inside.substr(0, colon));
  const bool is_default = has_scheme && inside.substr(colon).starts_with(":-");
  if (!has_scheme || is_default) return variable(inside);
  const std::string_view scheme = inside.substr(0, colon);
  const std::string_view rest = inside.substr(colon + 1);
  return scheme == "env" ? variable(rest) : reference{scheme, rest, std::nullopt};
}

std::string_view without_last_newline(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

class expander {
 public:
  expander(const environment& env, const file_reader& files, const expand_limits& limits,
           report& to)
      : env_(env), files_(files), limits_(limits), report_(to) {}

  void walk(node& at, const std::string& path, std::size_t nested, std::size_t depth) {
    if (depth > limits_.yaml.depth_max) return broken(at, path, "nested too deep");
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      walk(at.items[i], join_path(path, std::to_string(i)), nested, depth + 1);
    }
    for (entry& each : at.entries) walk(each.value, join_path(path, each.key), nested, depth + 1);
    const bool has_reference = at.scalar() && at.text.find('$') != std::string::npos;
    const bool raw_has_one = at.raw && at.raw->find('$') != std::string::npos;
    if (has_reference || raw_has_one) scalar(at, path, nested, depth);
  }

  void count_existing(const node& root) { nodes_ = count_nodes(root); }

 private:
  // Why the scalar under way cannot be expanded.
  using failure = std::optional<std::string>;

  void broken(node& at, const std::string& path, std::string message) {
    report_.error(at.at, path, std::move(message));
    const place where = at.at;
    at = node{};
    at.kind = node_kind::broken;
    at.at = where;
  }

  void scalar(node& at, const std::string& path, std::size_t nested, std::size_t depth) {
    path_ = &path;
    at_ = at.at;
    if (nested >= limits_.nested_max) {
      return broken(at, path,
                    "references within references, deeper than " +
                        std::to_string(limits_.nested_max) + ": is there a circle?");
    }
    const std::string_view text = at.text;
    if (text.starts_with("${") && closing_brace(text, 2) == text.size() - 1) {
      node value;
      if (failure why = resolve(text.substr(2, text.size() - 3), value, nested)) {
        return broken(at, path, std::move(*why));
      }
      value.from = quoted_reference(text);
      at = std::move(value);
      return walk(at, path, nested + 1, depth);
    }
    std::string out;
    if (failure why = text_of(text, out, nested)) return broken(at, path, std::move(*why));
    if (at.raw) {
      std::string raw;
      if (failure why = text_of(*at.raw, raw, nested)) return broken(at, path, std::move(*why));
      at.raw = std::move(raw);
    }
    if (out != at.text) at.kind = node_kind::text;
    at.text = std::move(out);
  }

  // "${env:A:-secret}" is shown without its default.
  static std::string quoted_reference(std::string_view text) {
    const reference what = split_reference(text.substr(2, text.size() - 3));
    if (what.scheme == "yaml") return "${yaml:...}";
    const std::string shown = quoted(what.name);
    return "${" + std::string(what.scheme) + ":" + shown.substr(1, shown.size() - 2) + "}";
  }

  failure append(std::string& out, std::string_view more) {
    if (more.size() > limits_.text_bytes_max - out.size()) return "the text becomes too long";
    if (more.size() > limits_.total_bytes_max - bytes_)
      return "all values together become too long";
    bytes_ += more.size();
    out.append(more);
    return std::nullopt;
  }

  // `text` with its references replaced by their text and each $$ by $.
  failure text_of(std::string_view text, std::string& out, std::size_t nested) {
    if (nested >= limits_.nested_max) {
      return "references within references, deeper than " + std::to_string(limits_.nested_max) +
             ": is there a circle?";
    }
    while (!text.empty()) {
      const std::size_t dollar = std::min(text.find('$'), text.size());
      if (failure why = append(out, text.substr(0, dollar))) return why;
      text.remove_prefix(dollar);
      if (failure why = one_dollar(text, out, nested)) return why;
    }
    return std::nullopt;
  }

  // Handles what starts with the dollar at the front of `text`, and removes it.
  failure one_dollar(std::string_view& text, std::string& out, std::size_t nested) {
    if (text.empty()) return std::nullopt;
    const bool escaped = text.starts_with("$$");
    const std::size_t close =
        text.starts_with("${") ? closing_brace(text, 2) : std::string_view::npos;
    if (escaped || close == std::string_view::npos) {
      if (text.starts_with("${"))
        report_.warning(at_, *path_, "\"${\" is not closed: taken as text");
      text.remove_prefix(escaped ? 2 : 1);
      return append(out, "$");
    }
    node value;
    if (failure why = resolve(text.substr(2, close - 2), value, nested)) return why;
    text.remove_prefix(close + 1);
    if (value.raw && value.raw->find('$') == std::string::npos) return append(out, *value.raw);
    return text_of(value.raw ? *value.raw : value.text, out, nested + 1);
  }

  // What the inside of one ${...} stands for.
  failure resolve(std::string_view inside, node& into, std::size_t nested) {
    if (++references_ > limits_.references_max) return "too many references";
    const reference what = split_reference(inside);
    std::string name;
    if (what.scheme != "yaml") {
      if (failure why = text_of(what.name, name, nested + 1)) return why;
    }
    if (what.scheme == "env") return resolve_variable(name, what.fallback, into);
    if (what.scheme == "file") return resolve_file(name, into);
    if (what.scheme == "yaml") return value_of(what.name, into);
    if (what.scheme == "http" || what.scheme == "https") {
      return "references of scheme " + quoted(what.scheme) + " are not supported yet";
    }
    return "unknown scheme " + quoted(what.scheme) +
           " in a reference; known are env, file and yaml";
  }

  failure resolve_variable(const std::string& name, std::optional<std::string_view> fallback,
                           node& into) {
    if (!is_variable_name(name)) {
      return quoted(name) + " is no name of an environment variable: letters, digits and _ only";
    }
    if (const std::optional<std::string> value = env_(name)) return value_of(*value, into);
    if (fallback) return value_of(*fallback, into);
    report_.warning(at_, *path_,
                    "environment variable " + quoted(name) + " is not set: taken as empty");
    return value_of({}, into);
  }

  failure resolve_file(const std::string& path, node& into) {
    const zc::result<std::string> content = files_(path);
    if (!content) return "cannot read " + quoted(path) + ": " + why_not(content.error());
    const std::string_view text = without_last_newline(*content);
    if (failure why = charge(text)) return why;
    const std::uint32_t source = report_.add_source(path);
    auto parsed = parse_yaml(text, source, limits_.yaml);
    return take(std::move(parsed), text, into, true);
  }

  failure value_of(std::string_view text, node& into) {
    if (failure why = charge(text)) return why;
    return take(parse_yaml(text, at_.source, limits_.yaml), text, into, false);
  }

  failure charge(std::string_view text) {
    if (text.size() > limits_.text_bytes_max) return "the value is too long";
    if (text.size() > limits_.total_bytes_max - bytes_)
      return "all values together become too long";
    bytes_ += text.size();
    return std::nullopt;
  }

  // A value that is not YAML is text: passwords look like anything.
  failure take(std::expected<node, std::vector<yaml_problem>>&& parsed, std::string_view text,
               node& into, bool own_places) {
    if (parsed) {
      into = std::move(*parsed);
    } else {
      into = node{};
      into.kind = node_kind::text;
      into.text = text;
    }
    const std::size_t count = count_nodes(into);
    if (count > limits_.yaml.nodes_max - std::min(nodes_, limits_.yaml.nodes_max)) {
      return "the configuration becomes too large: more than " +
             std::to_string(limits_.yaml.nodes_max) + " values";
    }
    nodes_ += count;
    // Quoted on purpose: then the quotes are not part of the text.
    const bool was_quoted = into.kind == node_kind::text && !text.empty() &&
                            (text.front() == '"' || text.front() == '\'') &&
                            text.front() == text.back();
    into.raw = was_quoted ? into.text : std::string(text);
    if (!own_places || into.scalar()) move_to(into, at_);
    return std::nullopt;
  }

  const environment& env_;
  const file_reader& files_;
  const expand_limits& limits_;
  report& report_;
  const std::string* path_ = nullptr;  // of the scalar under way
  place at_;
  std::size_t references_ = 0;
  std::size_t bytes_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace

void expand(node& root, const environment& env, const file_reader& files,
            const expand_limits& limits, report& to) {
  expander all(env, files, limits, to);
  all.count_existing(root);
  all.walk(root, {}, 0, 0);
}

std::string why_not(const zc::error& failure) {
  if (failure.os != 0) return std::generic_category().message(failure.os);
  return failure.reason;
}

}  // namespace sluice::config
