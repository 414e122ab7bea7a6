// gate/app/config/load_fixture.h - for tests: loads text as if it were config.yaml, with an
// environment of our own.
#pragma once

#include <expected>
#include <map>
#include <string>

#include "gate/app/config/load.h"

namespace sluice::config {

struct world {
  std::map<std::string, std::string, std::less<>> files;
  std::map<std::string, std::string, std::less<>> variables;

  environment env() const {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
  }
  file_reader reader() const {
    return [this](std::string_view path) -> zc::result<std::string> {
      const auto found = files.find(path);
      if (found == files.end()) return zc::fail(zc::errc::refused, "no such file here");
      return found->second;
    };
  }
};

struct loaded {
  std::expected<gateway_settings, diagnostics> settings;
  diagnostics remarks;

  // All diagnostics, one per line.
  std::string text() const { return settings ? remarks.text() : settings.error().text(); }
};

inline loaded load_in(const world& in, const config_sources& from) {
  loaded out;
  out.settings = load(from, in.env(), in.reader(), &out.remarks);
  return out;
}

inline loaded load_text(const std::string& text) {
  world in;
  in.files["config.yaml"] = text;
  return load_in(in, {{"config.yaml"}, {}});
}

// A configuration that is complete but for what the test is about.
inline std::string with_exporter(const std::string& id, const std::string& body) {
  return "receivers: {otlp: {protocols: {grpc: }}}\n"
         "service: {pipelines: {traces: {receivers: [otlp], exporters: [" +
         id +
         "]}}}\n"
         "exporters:\n  " +
         id + ":\n" + body;
}

inline std::string with_receiver(const std::string& body) {
  return "exporters: {nop: }\n"
         "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"
         "receivers:\n  otlp:\n" +
         body;
}

inline std::string with_service(const std::string& body) {
  return "receivers: {otlp: {protocols: {grpc: }}}\n"
         "exporters: {nop: }\n"
         "service:\n  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}\n" +
         body;
}

}  // namespace sluice::config
