// A7  A message in many pieces: a header is put in front, the middle is cut out, and fields are
//     read across the seams, all without joining the pieces.
#include "zc/mem/chain.h"

#include <array>
#include <cstdio>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/mem/cursor.h"

int main() {
  using namespace zc::literals;
  zc::bytes_chain message;
  message.append("length="_bytes);
  message.append("12"_bytes);
  message.append("34;body"_bytes);
  message.prepend("v1;"_bytes);
  ZC_CHECK(message.pieces() == 4 && message.size() == 19);

  // Looks at the bytes where they lie; only what straddles a seam is stitched, in our scratch.
  std::array<std::byte, 16> scratch;
  zc::chain_cursor at(message);
  at.skip(3);
  const auto name = at.read(7, scratch);
  ZC_CHECK(name.data() != scratch.data());  // lies in one piece: borrowed
  const auto number = at.read(4, scratch);
  ZC_CHECK(number.data() == scratch.data());  // lay in two: copied, and counted
  ZC_CHECK(zc::ledger::read().copied() == 4);

  const zc::bytes_chain head = message.split_to(15);  // shares; at most one piece is cut in two
  ZC_CHECK(head.size() == 15 && head.pieces() == 4);
  ZC_CHECK(message.pieces() == 1 && message.view()[0].text() == "body");
  std::puts("four pieces, four bytes copied");
}
