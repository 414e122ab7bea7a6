// zc/wire/coding/chains_for_tests.h - chains cut at will, and a sink that watches. For tests only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zc/mem/chain.h"
#include "zc/mem/pool.h"
#include "zc/wire/coding/coder.h"

namespace zc::coders {

// Every piece is a heap block of its own, so that a sanitizer sees a step outside it.
inline bytes_chain in_pieces(std::string_view text, std::size_t piece) {
  bytes_chain chain;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    chain.append(bytes::copy_of(text.substr(0, piece)));
  }
  return chain;
}
inline bytes_chain whole(std::string_view text) {
  return in_pieces(text, SIZE_MAX);
}
inline bytes_chain cut_at(std::string_view text, std::size_t at) {
  bytes_chain chain = whole(text.substr(0, at));
  chain.append(whole(text.substr(at)));
  return chain;
}

inline std::string text_of(const bytes_chain& chain) {
  std::string text;
  for (const bytes& piece : chain) text.append(piece.text());
  return text;
}

// One room, used again and again, as an inspecting reader would; exactly `size` bytes on the heap.
struct scratch_sink final : coding_sink {
  explicit scratch_sink(std::size_t size = coding_sink::block_bytes_min) : scratch(size) {}
  std::span<std::byte> room() override {
    if (rooms_left == 0) return {};
    --rooms_left;
    return scratch;
  }
  result<void> produced(std::span<const std::byte> written) override {
    text.append(reinterpret_cast<const char*>(written.data()), written.size());
    if (text.size() >= stop_at) return fail(errc::refused, "enough");
    return {};
  }
  std::vector<std::byte> scratch;
  std::string text;
  std::size_t rooms_left = SIZE_MAX;
  std::size_t stop_at = SIZE_MAX;
};

}  // namespace zc::coders
