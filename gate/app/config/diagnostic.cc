#include "gate/app/config/diagnostic.h"

#include <string_view>

namespace sluice {
namespace {

void append_all(std::string& out, std::string_view kind, const std::vector<diagnostic>& from) {
  for (const diagnostic& each : from) {
    out.append(kind).append(": ").append(each.text()).append("\n");
  }
}

}  // namespace

std::string diagnostic::text() const {
  std::string out = file;
  if (line != 0) out.append(":").append(std::to_string(line));
  if (line != 0 && column != 0) out.append(":").append(std::to_string(column));
  if (!out.empty()) out.append(": ");
  if (!path.empty()) out.append(path).append(": ");
  return out.append(message);
}

std::string diagnostics::text() const {
  std::string out;
  append_all(out, "error", errors);
  append_all(out, "warning", warnings);
  append_all(out, "note", notes);
  return out;
}

}  // namespace sluice
