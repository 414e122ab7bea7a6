#include "gate/app/config/address.h"
#include "gate/app/config/components.h"
#include "gate/app/config/section.h"

namespace sluice::config {

health_check_settings read_health_check(report& to, const component_body& from) {
  health_check_settings out;
  section body(to, from.body, from.at, from.path);
  std::string endpoint = "localhost:13133";
  body.read("endpoint", endpoint);
  auto at = parse_host_port(endpoint, true);
  if (at) {
    out.at = std::move(*at);
  } else {
    body.error("endpoint", std::move(at.error()));
  }
  body.read("path", out.path);
  if (!out.path.starts_with('/')) body.error("path", "must start with /, got " + quoted(out.path));
  // Deprecated in the Collector, where it has not worked for years.
  body.ignore("check_collector_pipeline", shape::map);
  body.ignore({"read_timeout", "read_header_timeout", "write_timeout", "idle_timeout"},
              shape::duration);
  body.ignore({"include_metadata", "keep_alives_enabled"}, shape::flag);
  body.ignore("max_request_body_size", shape::integer);
  body.ignore("compression_algorithms", shape::list);
  body.unsupported({"response_body", "tls", "cors", "auth", "response_headers", "middlewares",
                    "transport", "use_v2", "component_health", "grpc", "http"});
  body.finish();
  return out;
}

}  // namespace sluice::config
