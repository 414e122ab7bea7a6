#include "gate/app/liveness.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "zc/base/check.h"
#include "zc/shard/call.h"
#include "zc/shard/sleep.h"

namespace sluice {
namespace {

constexpr std::string_view who = "sluice";

}  // namespace

liveness::liveness(zc::shard& home, const std::vector<zc::shard*>& others, log& out,
                   liveness_options how)
    : home_(home), out_(out), how_(how), asking_(home, std::max<std::size_t>(others.size(), 1)) {
  for (zc::shard* one : others) neighbours_.push_back({one});
  for (neighbour& one : neighbours_) {
    const bool begun = asking_.spawn(watch(one));
    ZC_CHECK(begun);
  }
}

// For as long as the scope lives, or until the other shard has ended.
zc::task<> liveness::watch(neighbour& of) {
  for (;;) {
    co_await zc::sleep_for(home_, how_.every);
    const zc::time_point asked = home_.now();
    auto asking = zc::with_timeout(home_, zc::call(*of.on, [] {}), how_.patience);
    const zc::result<void> answered = co_await std::move(asking);
    if (answered && of.silent) {
      out_.write(log_level::warn, who,
                 fmt::format("shard {} answers again, after {:.1f} s", of.on->id(),
                             std::chrono::duration<double>(home_.now() - of.asked).count()));
      of.silent = false;
      silent_ -= 1;
    } else if (!answered && answered.error().code != zc::errc::timed_out) {
      co_return;
    } else if (!answered && !of.silent) {
      of.silent = true;
      of.asked = asked;
      silent_ += 1;
      out_.write(log_level::error, who,
                 complaint_about(of) + ": the health check says no until it does");
    }
  }
}

std::string liveness::complaint_about(const neighbour& of) const {
  return fmt::format(
      "shard {} has not answered for {} s", of.on->id(),
      std::chrono::duration_cast<std::chrono::seconds>(home_.now() - of.asked).count());
}

std::string liveness::complaint() const {
  std::string all;
  for (const neighbour& one : neighbours_) {
    if (!one.silent) continue;
    if (!all.empty()) all += ", ";
    all += complaint_about(one);
  }
  return all;
}

}  // namespace sluice
