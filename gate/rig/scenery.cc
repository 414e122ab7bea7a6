#include "gate/rig/scenery.h"

#include <array>
#include <string>
#include <string_view>

#include "zc/base/check.h"

namespace sluice::rig {
namespace {

constexpr std::string_view schema = "https://opentelemetry.io/schemas/1.34.0";

constexpr std::array<std::string_view, 12> services{
    "checkout",  "cart",    "payment",  "product-catalog", "recommendation",  "shipping",
    "inventory", "pricing", "accounts", "frontend",        "fraud-detection", "email"};
constexpr std::array<std::string_view, 4> regions{"eu-central-1", "eu-west-1", "us-east-1",
                                                  "ap-southeast-2"};

void draw_service(draft& r, std::string_view service, const std::string& version, dice& d) {
  r.attribute(1, "service.name", service);
  r.attribute(1, "service.namespace", "shop");
  r.attribute(1, "service.version", version);
  r.attribute(1, "service.instance.id", d.uuid());
  r.attribute(1, "deployment.environment.name", "production");
}

void draw_kubernetes(draft& r, std::string_view service, dice& d) {
  const std::string name(service);
  const std::string replica_set = name + "-" + d.hex(10);
  r.attribute(1, "k8s.cluster.name", "shop-prod-1");
  r.attribute(1, "k8s.namespace.name", "shop");
  r.attribute(1, "k8s.node.name",
              phrase()
                  .add("ip-10-4-")
                  .add(d.below(64))
                  .add("-")
                  .add(d.below(256))
                  .add(".compute.internal")
                  .take());
  r.attribute(1, "k8s.pod.name", replica_set + "-" + d.hex(5));
  r.attribute(1, "k8s.pod.uid", d.uuid());
  r.attribute(1, "k8s.deployment.name", name);
  r.attribute(1, "k8s.replicaset.name", replica_set);
  r.attribute(1, "k8s.container.name", name);
  r.attribute(1, "k8s.container.restart_count", static_cast<std::int64_t>(d.below(3)));
}

void draw_container(draft& r, std::string_view service, const std::string& version, dice& d) {
  r.attribute(1, "container.id", d.hex(64));
  r.attribute(1, "container.image.name", "registry.shop.example/shop/" + std::string(service));
  r.attribute(1, "container.image.tags", std::vector<std::string>{version, "stable"});
}

void draw_process(draft& r, std::string_view service, dice& d) {
  r.attribute(1, "process.pid", static_cast<std::int64_t>(d.below(400) + 1));
  r.attribute(1, "process.executable.path", "/opt/java/openjdk/bin/java");
  r.attribute(1, "process.command_line",
              "java -XX:MaxRAMPercentage=75 -jar /app/" + std::string(service) + ".jar");
  r.attribute(1, "process.runtime.name", "OpenJDK Runtime Environment");
  r.attribute(1, "process.runtime.version", "21.0.4+7-LTS");
  r.attribute(1, "host.name", "ip-10-4-7-" + std::to_string(d.below(256)));
  r.attribute(1, "host.arch", "amd64");
  r.attribute(1, "os.type", "linux");
}

void draw_cloud(draft& r, dice& d) {
  const std::string region(d.pick(regions));
  r.attribute(1, "cloud.provider", "aws");
  r.attribute(1, "cloud.platform", "aws_eks");
  r.attribute(1, "cloud.region", region);
  r.attribute(1, "cloud.availability_zone", region + "abc"[d.below(3)]);
  r.attribute(1, "cloud.account.id", "402381759021");
}

void draw_sdk(draft& r) {
  r.attribute(1, "telemetry.sdk.name", "opentelemetry");
  r.attribute(1, "telemetry.sdk.language", "java");
  r.attribute(1, "telemetry.sdk.version", "1.45.0");
}

void draw_items(otlp::signal s, draft& into, std::size_t items, dice& d) {
  switch (s) {
    case otlp::signal::traces:
      return draw_spans(into, items, d);
    case otlp::signal::logs:
      return draw_logs(into, items, d);
    case otlp::signal::metrics:
      return draw_points(into, items, d);
    case otlp::signal::profiles:
      break;
  }
  ZC_CHECK(false && "profiles are not drawn");
}

}  // namespace

void draw_resource(draft& into, dice& d) {
  const std::string_view service = d.pick(services);
  const std::string version = phrase().add("2.").add(d.below(40)).add(".").add(d.below(10)).take();
  draw_service(into, service, version, d);
  draw_kubernetes(into, service, d);
  draw_container(into, service, version, d);
  draw_process(into, service, d);
  draw_cloud(into, d);
  draw_sdk(into);
}

void draw_scope(draft& into, std::size_t kind, otlp::signal s) {
  struct scope {
    std::string_view name, version;
  };
  static constexpr std::array<scope, scopes> of_spans{{
      {"io.opentelemetry.tomcat-10.0", "2.11.0-alpha"},
      {"io.opentelemetry.jdbc", "2.11.0-alpha"},
      {"com.shop.domain.orders", "2.4.1"},
      {"io.opentelemetry.spring-webmvc-6.0", "2.11.0-alpha"},
      {"io.opentelemetry.kafka-clients-2.6", "2.11.0-alpha"},
  }};
  static constexpr std::array<scope, scopes> of_logs{{
      {"com.shop.web.RequestLogger", ""},
      {"com.shop.persistence.OrderRepository", ""},
      {"com.shop.domain.CheckoutService", ""},
      {"org.springframework.web.servlet.DispatcherServlet", ""},
      {"org.apache.kafka.clients.NetworkClient", ""},
  }};
  const scope& chosen = s == otlp::signal::logs ? of_logs[kind] : of_spans[kind];
  into.text(1, chosen.name);
  if (!chosen.version.empty()) into.text(2, chosen.version);
}

void draw_request(draft& into, otlp::signal s, const scene& what, dice& d) {
  ZC_CHECK(what.resources >= 1 && what.resources <= what.items);
  for (std::size_t i = 0; i < what.resources; ++i) {
    // The first ones take one item more when the division leaves a rest.
    const std::size_t items =
        what.items / what.resources + (i < what.items % what.resources ? 1 : 0);
    into.message(1, [&] {
      into.message(1, [&] { draw_resource(into, d); });
      draw_items(s, into, items, d);
      into.text(3, schema);
    });
  }
}

std::size_t expected_size(otlp::signal s, const scene& what) noexcept {
  const std::size_t item = s == otlp::signal::traces ? 750 : 400;
  constexpr std::size_t resource = 2'048;  // with the heads of its scopes
  constexpr std::size_t rare = 16'384;     // where items are few, one exception is much
  return what.items * item + what.resources * resource + rare;
}

}  // namespace sluice::rig
