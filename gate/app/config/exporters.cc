#include <algorithm>

#include "gate/app/config/components.h"
#include "gate/app/config/section.h"

namespace sluice::config {
namespace {

constexpr std::size_t rotate_megabytes_largest = std::size_t{1} << 20;  // 1 TiB
constexpr std::size_t backups_most = 1'000'000;

void read_format(section& from) {
  std::string format = "json";
  from.read("format", format);
  if (format == "proto") return;
  if (!from.has("format")) {
    return from.not_yet("format",
                        "format json, the default, is not supported yet; write \"format: proto\"");
  }
  if (format == "json") {
    return from.not_yet("format", "only \"format: proto\" is supported yet, got \"json\"");
  }
  from.error("format", "expected one of json, proto; got " + quoted(format));
}

bool read_zstd(section& from) {
  std::string compression;
  from.read("compression", compression);
  if (compression == "zstd") return true;
  if (!compression.empty() && compression != "none") {
    from.error("compression", "expected zstd or none, got " + quoted(compression));
  }
  return false;
}

// A key without a body asks for rotation with the defaults, as in the Collector.
void read_rotation(section& from, file_exporter_settings& into) {
  const bool rotate = from.present("rotation");
  section rotation = from.below("rotation");
  into.rotate_megabytes_max = rotate ? 100 : 0;
  into.rotate_backups_max = rotate ? 100 : 0;
  rotation.read("max_megabytes", into.rotate_megabytes_max, 0, rotate_megabytes_largest);
  if (rotate && into.rotate_megabytes_max == 0) into.rotate_megabytes_max = 100;
  rotation.read("max_backups", into.rotate_backups_max, 0, backups_most);
  rotation.unsupported({"max_days", "localtime"});
  rotation.finish();
}

void read_group_by(section group) {
  bool enabled = false;
  group.read("enabled", enabled);
  if (enabled) group.not_yet("enabled", "group_by is not supported yet");
  group.ignore("resource_attribute", shape::text);
  group.ignore("max_open_files", shape::integer);
  group.finish();
}

}  // namespace

exporter_settings read_file_exporter(report& to, const component_body& from) {
  exporter_settings out;
  out.id = from.id;
  out.kind = exporter_kind::file;
  section body(to, from.body, from.at, from.path);
  body.require("path", out.file.path);
  read_format(body);
  body.read("append", out.file.append);
  body.read("create_directory", out.file.create_directory);
  out.file.zstd = read_zstd(body);
  read_rotation(body, out.file);
  body.ignore("flush_interval", shape::duration);
  body.ignore("compression_params", shape::map);
  body.unsupported({"encoding", "directory_permissions"});
  read_group_by(body.below("group_by"));
  body.finish();
  return out;
}

exporter_settings read_debug_exporter(report& to, const component_body& from) {
  exporter_settings out;
  out.id = from.id;
  out.kind = exporter_kind::debug;
  section body(to, from.body, from.at, from.path);
  body.read_choice("verbosity", out.debug.verbosity,
                   {{"basic", debug_verbosity::basic},
                    {"normal", debug_verbosity::normal},
                    {"detailed", debug_verbosity::detailed}});
  body.read("sampling_initial", out.debug.sampling_initial);
  body.read("sampling_thereafter", out.debug.sampling_thereafter);
  body.ignore("use_internal_logger", shape::flag);
  body.ignore("output_paths", shape::list);
  section queue = body.below("sending_queue");
  bool queued = false;
  queue.read("enabled", queued);
  if (queued) body.not_yet("sending_queue", "a queue is not supported yet for this exporter");
  body.finish();
  return out;
}

exporter_settings read_nop_exporter(report& to, const component_body& from) {
  exporter_settings out;
  out.id = from.id;
  out.kind = exporter_kind::nop;
  section(to, from.body, from.at, from.path).finish();
  return out;
}

}  // namespace sluice::config
