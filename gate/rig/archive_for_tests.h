// gate/rig/archive_for_tests.h - for the tests of this room: what archives are made of.
#pragma once

#include <cstddef>
#include <string>

#include "gate/rig/generate.h"
#include "zc/mem/quota.h"
#include "zc/wire/coding/coder.h"

namespace sluice::rig::testing {

// A request with this many items; its number of items is its seed.
inline std::string drawn(otlp::signal s, std::size_t items) {
  const auto g = generator::make({s, items, 1, 1, items});
  return g ? std::string(g->at(0).as_drawn().text()) : std::string();
}

inline std::string record(const std::string& body) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    text += static_cast<char>(body.size() >> shift & 0xff);
  }
  return text + body;
}

inline std::string zstd(const std::string& body) {
  zc::quota limits(64_MiB);
  zc::pool memory(limits);
  zc::coder coder;
  const auto coded =
      coder.deflate(zc::bytes_chain(zc::bytes::copy_of(body)), zc::coding::zstd, 0, memory);
  if (!coded) return {};
  const zc::bytes flat = coded->flatten_copy();
  return std::string(flat.text());
}

}  // namespace sluice::rig::testing
