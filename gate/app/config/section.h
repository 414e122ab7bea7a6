// gate/app/config/section.h - reads one map of the configuration, key by key, and reports what does
// not fit.
//
//     section retry(report, value, at, path);
//     retry.read("enabled", settings.enabled);
//     retry.read("initial_interval", settings.initial_interval);
//     retry.unsupported("jitter");
//     retry.finish();                  // everything that was not named above is an unknown key
//
// A key that is missing or null leaves the setting as it is. A value of the wrong type is reported
// once, and leaves the setting as it is too. Every error goes to the report, so that one run finds
// them all.
//
// Ownership  Borrows the tree and the report.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gate/app/config/report.h"
#include "gate/app/config/yaml.h"

namespace sluice::config {

// What an accepted and ignored value has to look like.
enum class shape : std::uint8_t { integer, number, flag, text, duration, list, map, any };

// A text with the place where it stands: an item of a list.
struct placed_text {
  std::string text;
  place at;
};

template <class T>
using choice = std::pair<std::string_view, T>;

class section {
 public:
  // `value`: a map, or null for an empty one; anything else is an error. `at`: where messages about
  // the whole point.
  section(report& to, const node& value, place at, std::string path);

  report& to() const { return *report_; }
  const std::string& path() const { return path_; }
  place at() const { return at_; }
  std::span<const entry> entries() const;

  // The key is written, even if its value is null.
  bool present(std::string_view key) const { return find(key) != nullptr; }
  // What was read is a map, or nothing at all; otherwise the error is in the report already.
  bool sound() const { return sound_; }
  // The key has a value.
  bool has(std::string_view key) const;
  // Where the key's value stands, or the section when it is missing.
  place where(std::string_view key) const;

  void read(std::string_view key, bool& into);
  void read(std::string_view key, std::string& into);
  // The same for a text that must be there and not be empty; false: it is not, and an error says
  // so.
  bool require(std::string_view key, std::string& into);
  void read(std::string_view key, std::chrono::milliseconds& into);  // never negative
  void read(std::string_view key, double& into, double least, double most);
  void read_bytes(std::string_view key, std::size_t& into, std::size_t least, std::size_t most);

  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void read(std::string_view key, T& into, std::type_identity_t<T> least = 0,
            std::type_identity_t<T> most = std::numeric_limits<T>::max()) {
    std::int64_t value = 0;
    if (read_integer(key, value, bounded(least), bounded(most))) into = static_cast<T>(value);
  }

  // One of a few words, ignoring case.
  template <class T, std::size_t N>
  void read_choice(std::string_view key, T& into,
                   const std::pair<std::string_view, T> (&choices)[N]) {
    std::vector<std::string_view> names;
    for (const auto& each : choices) names.push_back(each.first);
    const std::size_t found = read_word(key, names);
    if (found < N) into = choices[found].second;
  }

  std::vector<placed_text> texts(std::string_view key);
  // A map of texts, or a list of {name, value}. No value appears in a message.
  std::vector<std::pair<placed_text, std::string>> text_map(std::string_view key);

  // The section below `key`; an empty one when there is none.
  section below(std::string_view key);
  // The list below `key`, or an empty one; anything else is an error.
  std::span<const node> list(std::string_view key);

  // Accepted, checked, without effect; a note says so.
  void ignore(std::string_view key, shape expected);
  void ignore(std::initializer_list<std::string_view> keys, shape expected);
  // Known to the Collector but not to us. Values that ask for nothing (null, false, 0, "", []) are
  // let pass.
  void unsupported(std::string_view key);
  void unsupported(std::initializer_list<std::string_view> keys);

  // Messages about a key, or about the section.
  void error(std::string_view key, std::string message) const;
  void not_yet(std::string_view key, std::string message) const;
  void warning(std::string_view key, std::string message) const;
  void error_here(std::string message) const;

  void know(std::string_view key) { known_.push_back(key); }
  void finish();

 private:
  const entry* find(std::string_view key) const;
  // The value to read, or null when there is nothing to read (missing, null, broken).
  const node* take(std::string_view key);
  bool read_integer(std::string_view key, std::int64_t& into, std::int64_t least,
                    std::int64_t most);
  // The position of the word among `names`; names.size(): none.
  std::size_t read_word(std::string_view key, std::span<const std::string_view> names);
  void check(const entry& found, shape expected) const;

  template <std::integral T>
  static std::int64_t bounded(T value) {
    if (std::cmp_greater(value, std::numeric_limits<std::int64_t>::max())) {
      return std::numeric_limits<std::int64_t>::max();
    }
    return static_cast<std::int64_t>(value);
  }

  report* report_;
  const node* value_;
  place at_;
  std::string path_;
  bool sound_ = true;
  std::vector<std::string_view> known_;  // the literals that were asked for
};

// The text of a scalar: of a text, or of anything that a reference gave. Nothing for other values.
const std::string* text_of(const node& value);

}  // namespace sluice::config
