// The copy ledger: "zero-copy" as a number that a test asserts. Only functions with `copy` in their
//     name copy payload; each counts the bytes, with a reason.
#include <cstdio>
#include <string>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/mem/chain.h"

namespace {

using namespace zc::literals;

// What a gateway does with a message: a head before it, and the same bytes for everybody.
zc::bytes_chain framed(const zc::bytes& body) {
  zc::bytes_chain message(body);
  message.prepend("head "_bytes);
  return message;
}

}  // namespace

int main() {
  const zc::bytes body = zc::bytes::from_string(std::string(100'000, 'x'));

  zc::ledger::scope forwarding;
  const zc::bytes_chain first = framed(body);
  const zc::bytes_chain second = framed(body);
  ZC_CHECK(forwarding.copied() == 0);  // two messages of 100 kB, nothing copied

  zc::ledger::scope joining;
  const zc::bytes one_block = first.flatten_copy();  // its name says so
  ZC_CHECK(joining.copied() == one_block.size());
  ZC_CHECK(forwarding.copied() == joining.copied());  // scopes nest
  std::printf("%zu bytes sent twice without a copy, joined once with one\n", second.size());
}
