// zc/testing/seed.h - the one seed of a test run, so that a failure replays.
//
// ZC_TEST_SEED=123 in the environment repeats a run; without it every run has its own seed, printed
// on failure by SCOPED_TRACE(zc::testing::seed_trace()).
#pragma once

#include <cstdlib>
#include <random>
#include <string>

namespace zc::testing {

inline unsigned seed() {
  static const unsigned chosen = [] {
    const char* given = std::getenv("ZC_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : std::random_device{}();
  }();
  return chosen;
}

inline std::string seed_trace() {
  return "ZC_TEST_SEED=" + std::to_string(seed());
}

}  // namespace zc::testing
