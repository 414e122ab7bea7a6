#include "gate/app/admin.h"

#include <utility>

namespace sluice {
namespace {

zc::net::server_options options_of(const zc::endpoint& at) {
  zc::net::server_options how;
  how.at = at;
  how.socket.reuse_port = false;
  how.grpc = false;
  how.message_bytes_max = 4_KiB;
  how.connections_max = 256;
  how.reads_when_short = true;  // overload is when an operator looks
  return how;
}

}  // namespace

std::optional<zc::grpc::status> text_service::admit(zc::net::request_head& head) {
  if (head.path != path_)
    return zc::grpc::status{zc::grpc::code::unimplemented, 404, "no such page", {}, false};
  if (head.method != "GET" && head.method != "HEAD") {
    return zc::grpc::status{zc::grpc::code::unimplemented, 405, "only GET", {}, false};
  }
  return {};
}

void text_service::serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain) {
  page made = content_();
  zc::net::reply r;
  r.http_status = made.status;
  r.content_type = made.content_type;
  r.body = zc::bytes::from_string(std::move(made.body));
  request->answer(std::move(r));
}

admin::admin(std::function<std::string()> metrics, std::function<std::string()> complaint)
    : complaint_(std::move(complaint)), metrics_("/metrics", [text = std::move(metrics)] {
        return text_service::page{200, "text/plain; version=0.0.4; charset=utf-8", text()};
      }) {}

// The same words as the Collector's extension, and a reason if there is one.
text_service::page admin::health() const {
  constexpr std::string_view json = "application/json";
  if (stopping_) return {503, json, R"({"status":"Server not available"})"};
  const std::string why = complaint_();
  if (why.empty()) return {200, json, R"({"status":"Server available"})"};
  return {503, json, R"({"status":"Server not available","reason":")" + why + R"("})"};
}

zc::result<void> admin::listen(zc::shard& on, const gateway_settings& settings) {
  if (settings.metrics_at) {
    auto opened = zc::net::server::listen(on, options_of(*settings.metrics_at), metrics_);
    if (!opened) {
      failed_at_ = settings.metrics_at->text();
      return std::unexpected(opened.error());
    }
    metrics_server_ = std::move(*opened);
  }
  if (settings.health_check) {
    health_ =
        std::make_unique<text_service>(settings.health_check->path, [this] { return health(); });
    auto opened = zc::net::server::listen(on, options_of(settings.health_check->at), *health_);
    if (!opened) {
      failed_at_ = settings.health_check->at.text();
      return std::unexpected(opened.error());
    }
    health_server_ = std::move(*opened);
  }
  return {};
}

}  // namespace sluice
