// A2  A growable front: bytes are written once into reserved memory and handed out as shared
//     bytes while writing goes on behind them. freeze() copies nothing.
#include "zc/mem/builder.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "zc/base/check.h"

int main() {
  zc::bytes_builder writing = zc::bytes_builder::with_capacity(4096);
  const std::byte* const block = writing.spare().data();

  writing.append_copy(std::string_view("first record;"));
  const zc::bytes first = writing.take();  // O(1); the builder never touches these bytes again

  // Somebody else's function writes into the spare room directly: no copy at all.
  constexpr std::string_view produced = "second record;";
  std::ranges::copy(std::as_bytes(std::span(produced)), writing.spare().begin());
  writing.commit(produced.size());
  const zc::bytes second = std::move(writing).freeze();

  ZC_CHECK(first.data() == block);
  ZC_CHECK(second.data() == block + first.size());
  ZC_CHECK(first.shares_owner_with(second));
  ZC_CHECK(first.text() == "first record;" && second.text() == "second record;");
  std::puts("two records, one block, where they were written");
}
