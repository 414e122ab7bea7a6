// gate/app/config/diagnostic.h - what is wrong, or worth knowing, about a configuration, and where.
//
// A diagnostic names the file, the line and column (from 1) and the dotted path of the place, so
// that an operator can go there. What has no place (a missing section) leaves line and column at 0.
//
// No message quotes the value of a header or of any other key that may hold a secret.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct diagnostic {
  std::string file;  // "config.yaml", "env:NAME", "--set a.b"
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string path;  // "exporters::otlp_grpc/backend"
  std::string message;

  // "config.yaml:12:5: exporters::otlp_grpc/backend: unknown key ...", without a line feed.
  std::string text() const;
  bool operator==(const diagnostic&) const = default;
};

struct diagnostics {
  std::vector<diagnostic> errors;    // any of these: nothing was loaded
  std::vector<diagnostic> warnings;  // probably not what the operator meant
  std::vector<diagnostic> notes;     // accepted, and without effect here: log them at debug level

  bool empty() const { return errors.empty() && warnings.empty() && notes.empty(); }
  std::string text() const;  // all of them, one per line: "error: ...", "warning: ...", "note: ..."
};

}  // namespace sluice
