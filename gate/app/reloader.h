// gate/app/reloader.h - reads the configuration again when it is told to, on a thread of its own: a
// disk that is slow holds up no shard.
//
//     SIGHUP --> ask() --> [ channel, one place ] --> thread: read, validate, tell the gateway
//
// Who asks while a reload is waiting to begin gets that one.
//
// Threads  ask(): any, never waits. The constructor and destructor: the owner's; the destructor waits
//          for a reload that is running.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <thread>

#include "gate/app/gateway.h"
#include "gate/app/reload.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/shard/channel.h"

namespace sluice {

class reloader {
 public:
  // The settings, or what is wrong with the configuration, one finding per line.
  using loading = std::function<std::expected<gateway_settings, std::string>()>;
  using done = std::function<void(const reload_plan&)>;

  // `on`, `out` and the two functions outlive it. `then` runs on the reloader's thread.
  reloader(gateway& on, log& out, loading read, done then);
  reloader(const reloader&) = delete;
  reloader& operator=(const reloader&) = delete;
  ~reloader();

  void ask();

 private:
  void run();
  void reload();

  struct request {};
  gateway& on_;
  log& out_;
  const loading read_;
  const done then_;
  zc::channel<request, zc::mpsc> requests_{{.items_max = 1}};
  std::thread thread_;
};

}  // namespace sluice
