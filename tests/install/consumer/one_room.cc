// zc::mem and nothing else.
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"

int main() {
  const zc::bytes whole = zc::bytes::from_string("head and body, one block, two owners of it");
  zc::bytes_chain message;
  message.append(whole.slice(9, 4));
  message.append(whole.slice(0, 4));
  const zc::bytes joined = message.flatten_copy();
  return joined.text() == "bodyhead" && message.pieces() == 2 ? 0 : 1;
}
