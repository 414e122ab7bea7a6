// A6  Interfaces that take views: the same function serves a string, a vector, shared bytes and a
//     literal, and none of them is converted, owned or copied for the call.
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zc/base/check.h"
#include "zc/mem/bytes.h"

namespace {

// Fowler, Noll and Vo's hash. Its parameter says: I look, I do not keep.
std::uint64_t digest(std::span<const std::byte> data) {
  std::uint64_t h = 14695981039346656037u;
  for (const std::byte b : data) h = (h ^ std::to_integer<std::uint64_t>(b)) * 1099511628211u;
  return h;
}
std::uint64_t digest(std::string_view text) {
  return digest(std::as_bytes(std::span(text)));
}

}  // namespace

int main() {
  const std::string text = "one body";
  const std::vector<std::byte> vector(std::as_bytes(std::span(text)).begin(),
                                      std::as_bytes(std::span(text)).end());
  const zc::bytes shared = zc::bytes::from_static("-- one body --").slice(3, 8);

  ZC_CHECK(digest("one body") == digest(text));
  ZC_CHECK(digest(text) == digest(std::span(vector)));
  ZC_CHECK(digest(text) == digest(shared.view()));
  std::puts("four owners, one function, no copy");
}
