// Narrows, shadows and casts the old way: legal, and refused by zc's own flags.
#include "zc/mem/bytes.h"

int main() {
  using namespace zc::literals;
  const zc::bytes text = "careless"_bytes;
  int length = text.size() * 1.0;
  {
    int length = (int)text.size();
    if (length != 8) return 1;
  }
  return length == 8 ? 0 : 1;
}
