// zc/shard/channel_for_tests.h - what the tests of channels send, weigh and are run over: every
// topology there is.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "zc/shard/channel.h"

namespace zc::for_tests {

using item = std::unique_ptr<int>;
inline item make(int n) {
  return std::make_unique<int>(n);
}
inline time_point in(nanoseconds d) {
  return std::chrono::steady_clock::now() + d;
}
struct by_value {
  std::size_t operator()(const item& i) const noexcept { return static_cast<std::size_t>(*i); }
  std::size_t operator()(int i) const noexcept { return static_cast<std::size_t>(i); }
};

template <class Topology>
class channel_cases : public ::testing::Test {
 protected:
  using plain = channel<item, Topology>;
  using heavy = channel<item, Topology, by_value>;
};
using topologies = ::testing::Types<spsc, mpsc, mpmc>;
class topology_names {
 public:
  template <class T>
  static std::string GetName(int) {
    return T::many_receivers ? "Mpmc" : T::many_senders ? "Mpsc" : "Spsc";
  }
};

}  // namespace zc::for_tests
