// gate/pipeline/engine/verdict.h - how a batch ended, in the terms of whoever waits for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "zc/base/result.h"
#include "zc/shard/clock.h"
#include "zc/wire/grpc/status.h"

namespace sluice {

struct verdict {
  // In order of weight: of several verdicts on one batch the later kind wins. `retryable` outweighs
  // `permanent`, because only a client that sends again brings the data to the consumer that had no
  // room.
  enum class kind : std::uint8_t { ok, permanent, retryable };

  kind what = kind::ok;
  zc::grpc::code grpc = zc::grpc::code::ok;
  int http = 200;
  std::string message;                   // English, for people
  std::optional<zc::nanoseconds> delay;  // retryable: not before
  std::uint64_t took = 0;  // of a fan-out: bit i is set when consumer i needs the batch no more
  std::uint64_t lost = 0;  // of those: who refused it for good

  static verdict success() { return {}; }
  // UNAVAILABLE / 503.
  static verdict retry(std::string_view why, std::optional<zc::nanoseconds> delay = {});
  static verdict refuse(zc::grpc::code code, int http_status, std::string_view why);
  // A conversion or walk that failed: memory and time pass, bad bytes do not.
  static verdict of(const zc::error& why, std::string_view where);

  bool ok() const noexcept { return what == kind::ok; }
  bool retryable() const noexcept { return what == kind::retryable; }
  // Keeps the heavier of both; of two retryable ones the longer delay.
  void merge(verdict&& other);
  // As a receiver refuses with it. Requires: !ok().
  zc::grpc::status as_status() const;
};

// What a permanent refusal by a gRPC backend is over HTTP, and the other way round (Collector's
// mapping, but RESOURCE_EXHAUSTED that may not be retried is 413 instead of a retryable 429).
int http_of(zc::grpc::code code) noexcept;
zc::grpc::code grpc_of_http(int http_status) noexcept;

}  // namespace sluice
