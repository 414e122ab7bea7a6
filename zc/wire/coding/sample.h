// zc/wire/coding/sample.h - bytes that look like telemetry on the wire, made from a seed.
//
// What the Huffman table of small bodies is trained on, and what tests and benchmarks compress.
// Nested length-prefixed fields: names with dots, short texts, identifiers in hex and in binary,
// times, numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace zc::coders {

// At least `size` bytes, the last record whole. The same seed and size give the same bytes
// everywhere.
std::string sample_body(std::uint64_t seed, std::size_t size);

}  // namespace zc::coders
