// zc/mem/content_hash.h - one hash of some bytes, however they are cut.
//
// The same content has the same hash as `bytes`, as `bytes_chain`, as a span and as text, so that
// one can be looked for in a table of the other.
//
// Cost     About 16 bytes per multiplication. No allocation.
// Bounds   Not a defence by itself: where strangers choose the keys, pass a seed they do not know.
//          The values may differ between versions and machines: keep them out of files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace zc {

class content_hash {
 public:
  explicit content_hash(std::uint64_t seed = 0) noexcept : state_(seed ^ start) {}

  void update(std::span<const std::byte> part) noexcept;
  // Of all that was given so far. Ends it: use a new object for the next content.
  std::uint64_t finish() noexcept;

  static std::uint64_t of(std::span<const std::byte> whole, std::uint64_t seed = 0) noexcept {
    content_hash all(seed);
    all.update(whole);
    return all.finish();
  }

 private:
  static constexpr std::uint64_t start = 0x9e3779b97f4a7c15u;
  static constexpr std::size_t block = 16;

  void mix(const std::byte* sixteen) noexcept;

  std::uint64_t state_;
  std::uint64_t length_ = 0;
  std::size_t held_ = 0;               // bytes of the unfinished block
  std::array<std::byte, block> tail_;  // it
};

// For unordered containers with look-up by view: std::unordered_map<bytes, T, content_hasher,
// std::equal_to<>>.
struct content_hasher {
  using is_transparent = void;
  std::size_t operator()(std::span<const std::byte> content) const noexcept {
    return content_hash::of(content);
  }
  std::size_t operator()(std::string_view content) const noexcept {
    return content_hash::of(std::as_bytes(std::span(content)));
  }
};

}  // namespace zc
