// gate/app/admin.h - the ports for operators: health and metrics, by HTTP GET.
//
// Threads  One shard (the first).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gate/pipeline/engine/settings.h"
#include "zc/base/result.h"
#include "zc/net/server.h"
#include "zc/shard/shard.h"

namespace sluice {

// A service that answers GET and HEAD of one path with a text, and everything else as a web server
// would.
class text_service final : public zc::net::service {
 public:
  struct page {
    int status = 200;
    std::string_view content_type;  // static storage
    std::string body;
  };
  text_service(std::string path, std::function<page()> content)
      : path_(std::move(path)), content_(std::move(content)) {}

  std::optional<zc::grpc::status> admit(zc::net::request_head& head) override;
  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override;

 private:
  std::string path_;
  std::function<page()> content_;
};

class admin {
 public:
  // `metrics` makes the text of /metrics; `complaint` says why the gateway is not well, or nothing.
  admin(std::function<std::string()> metrics, std::function<std::string()> complaint);

  // Opens what `settings` asks for. Errors carry the endpoint's text in failed_at().
  zc::result<void> listen(zc::shard& on, const gateway_settings& settings);
  const std::string& failed_at() const noexcept { return failed_at_; }
  void begin_to_stop() noexcept { stopping_ = true; }  // not healthy from now on

 private:
  text_service::page health() const;

  const std::function<std::string()> complaint_;
  bool stopping_ = false;
  std::string failed_at_;
  text_service metrics_;
  std::unique_ptr<text_service> health_;
  std::unique_ptr<zc::net::server> metrics_server_;
  std::unique_ptr<zc::net::server> health_server_;
};

}  // namespace sluice
