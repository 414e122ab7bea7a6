// What must hold of a reload: what may change is taken over, what may not stays as it runs, and both
// are named by the key that the operator wrote; nothing is named that is as it was, and no value is.

#include "gate/app/reload.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

gateway_settings running() {
  gateway_settings s;
  otlp_listener_settings grpc;
  grpc.at = {"127.0.0.1", 4317, ""};
  otlp_listener_settings http = grpc;
  http.at.port = 4318;
  http.grpc = false;
  s.receivers.push_back({"otlp", {grpc, http}, otlp::inspect::count});
  s.batch_processors.push_back({"batch", 200ms, 8192, 0});
  exporter_settings e;
  e.id = "otlp_grpc/backend";
  e.kind = exporter_kind::otlp_grpc;
  e.otlp.to = {"backend", 4317, ""};
  e.otlp.headers = {{"x-token", "a secret"}};
  s.exporters.push_back(e);
  e = {};
  e.id = "file";
  e.kind = exporter_kind::file;
  e.file.path = "out";
  s.exporters.push_back(e);
  e = {};
  e.id = "debug";
  e.kind = exporter_kind::debug;
  s.exporters.push_back(e);
  s.pipelines.push_back({"traces", otlp::signal::traces, {"otlp"}, {"batch"}, {"file"}});
  s.health_check = {{"127.0.0.1", 13133, ""}, "/"};
  s.metrics_at = zc::endpoint{"127.0.0.1", 8888, ""};
  return s;
}

TEST(ReloadTest, TheSameConfigurationChangesNothing) {
  const reload_plan plan = plan_reload(running(), running());
  EXPECT_THAT(plan.changed, IsEmpty());
  EXPECT_THAT(plan.needs_restart, IsEmpty());
}

TEST(ReloadTest, WhatMayChangeIsTakenOverAndNamed) {
  gateway_settings next = running();
  next.receivers[0].inspect = otlp::inspect::full;
  next.batch_processors[0] = {"batch", 1s, 100, 200};
  exporter_settings& e = next.exporters[0];
  e.otlp.headers = {{"x-token", "another secret"}};
  e.otlp.timeout = 9s;
  e.retry.enabled = false;
  e.retry.max_elapsed_time = 1s;
  e.queue.queue_size = 7;
  e.queue.block_on_overflow = true;
  next.exporters[2].debug.verbosity = debug_verbosity::detailed;
  next.level = log_level::debug;
  const reload_plan plan = plan_reload(running(), next);
  EXPECT_THAT(plan.needs_restart, IsEmpty());
  EXPECT_THAT(
      plan.changed,
      ElementsAre("exporters.debug.verbosity", "exporters.otlp_grpc/backend.headers",
                  "exporters.otlp_grpc/backend.retry_on_failure.enabled",
                  "exporters.otlp_grpc/backend.retry_on_failure.max_elapsed_time",
                  "exporters.otlp_grpc/backend.sending_queue.block_on_overflow",
                  "exporters.otlp_grpc/backend.sending_queue.queue_size",
                  "exporters.otlp_grpc/backend.timeout", "processors.batch.send_batch_max_size",
                  "processors.batch.send_batch_size", "processors.batch.timeout",
                  "receivers.otlp.inspect", "service.telemetry.logs.level"));
  const gateway_settings& now = plan.effective;
  EXPECT_EQ(now.receivers[0].inspect, otlp::inspect::full);
  EXPECT_EQ(now.batch_processors[0].send_batch_size, 100u);
  EXPECT_EQ(now.exporters[0].otlp.headers[0].second, "another secret");
  EXPECT_EQ(now.exporters[0].otlp.timeout, 9s);
  EXPECT_FALSE(now.exporters[0].retry.enabled);
  EXPECT_EQ(now.exporters[0].queue.queue_size, 7u);
  EXPECT_EQ(now.level, log_level::debug);
  // Once it runs, it is the same.
  EXPECT_THAT(plan_reload(now, next).changed, IsEmpty());
}

TEST(ReloadTest, WhatNeedsARestartStaysAndIsNamed) {
  gateway_settings next = running();
  next.receivers[0].listeners[0].at.port = 1;
  next.receivers[0].listeners.pop_back();
  next.exporters[0].otlp.to.host = "elsewhere";
  next.exporters[0].otlp.compression = zc::coding::zstd;
  next.exporters[0].queue.sizer = queue_sizer::bytes;
  next.exporters[0].queue.queue_size = 1'000'000;
  next.exporters[1].file.path = "other";
  next.pipelines[0].processors = {};
  next.health_check.reset();
  next.metrics_at->port = 1;
  const reload_plan plan = plan_reload(running(), next);
  EXPECT_THAT(plan.changed, IsEmpty());
  EXPECT_THAT(
      plan.needs_restart,
      ElementsAre("exporters.file.path", "exporters.otlp_grpc/backend.compression",
                  "exporters.otlp_grpc/backend.endpoint",
                  "exporters.otlp_grpc/backend.sending_queue.sizer", "extensions.health_check",
                  "receivers.otlp.protocols.grpc.endpoint", "receivers.otlp.protocols.http",
                  "service.pipelines.traces.processors", "service.telemetry.metrics"));
  EXPECT_EQ(plan.effective.exporters[0].otlp.to.host, "backend");
  EXPECT_EQ(plan.effective.exporters[0].queue.queue_size, 1'000u);  // requests, not bytes
  // As long as it is not restarted, it is said again.
  EXPECT_EQ(plan_reload(plan.effective, next).needs_restart, plan.needs_restart);
}

TEST(ReloadTest, NodesThatComeOrGoNeedARestart) {
  gateway_settings next = running();
  next.exporters[1].id = "file/2";
  next.pipelines.push_back({"logs", otlp::signal::logs, {"otlp"}, {}, {"debug"}});
  const reload_plan plan = plan_reload(running(), next);
  EXPECT_THAT(plan.needs_restart,
              ElementsAre("exporters.file", "exporters.file/2", "service.pipelines.logs"));
  EXPECT_EQ(plan.effective.exporters.size(), 3u);
  EXPECT_EQ(plan.effective.exporters[1].id, "file");
}

}  // namespace
}  // namespace sluice
