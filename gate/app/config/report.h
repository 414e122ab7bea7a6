// gate/app/config/report.h - collects diagnostics while a configuration is read.
//
// Bounds   At most `errors_max` errors and as many warnings and notes are kept; one line says how
// many more. Threads  One.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gate/app/config/diagnostic.h"

namespace sluice::config {

// Where a piece of configuration was written. line and column count from 1; 0: no such place.
struct place {
  std::uint32_t source = 0;  // what report::add_source() returned
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const place&) const = default;
};

class report {
 public:
  static constexpr std::size_t errors_max = 100;

  // `label` is how messages call the source.
  std::uint32_t add_source(std::string label);

  void error(place at, std::string path, std::string message);
  void warning(place at, std::string path, std::string message);
  void note(place at, std::string path, std::string message);
  // Known to the Collector, not to us: an error, or a warning while unused components are looked
  // at.
  void unsupported(place at, std::string path, std::string message);

  bool failed() const { return errors_.total > 0; }
  // No room for more errors: callers may skip what only makes messages better.
  bool full() const { return errors_.kept.size() >= errors_max; }

  // Everything so far, by source and line.
  diagnostics take();

  // While one lives, unsupported() warns.
  class lenient {
   public:
    explicit lenient(report& r, bool on) : report_(r), before_(r.lenient_) {
      r.lenient_ = on || before_;
    }
    lenient(const lenient&) = delete;
    lenient& operator=(const lenient&) = delete;
    ~lenient() { report_.lenient_ = before_; }

   private:
    report& report_;
    bool before_;
  };

 private:
  struct entry {
    place at;
    std::size_t order = 0;
    std::string path;
    std::string message;
  };
  struct bin {
    std::vector<entry> kept;  // errors_max at most
    std::size_t total = 0;
  };
  static void add(bin& to, place at, std::string&& path, std::string&& message);
  std::vector<diagnostic> sorted(bin&& from, std::string_view kind) const;

  std::vector<std::string> labels_;
  bin errors_, warnings_, notes_;
  bool lenient_ = false;
};

// Text of a file as a message may show it: in double quotes, control characters escaped, shortened.
std::string quoted(std::string_view text);

// Appends a key to a dotted path.
std::string join_path(std::string_view path, std::string_view key);

}  // namespace sluice::config
