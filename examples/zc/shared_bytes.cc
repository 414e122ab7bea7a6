// A1  Shared immutable bytes: a header and a body that lie in one block go to different tasks.
//     Nothing is copied, and the block lives until the last of the two lets go, on whichever
//     thread that is.
#include <cstdio>
#include <string>
#include <thread>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/mem/bytes.h"

int main() {
  std::string received = "POST /v1/traces|";
  received.append(1'000'000, 'x');
  const char* const where = received.data();

  zc::bytes body = zc::bytes::from_string(std::move(received));  // the string becomes the block
  const zc::bytes head = body.split_to(16);                      // O(1): two handles, one block
  ZC_CHECK(static_cast<const void*>(body.data()) == where + 16);
  ZC_CHECK(head.shares_owner_with(body));

  std::size_t stored = 0;
  std::thread archive([mine = body.slice(10, 999'990), &stored] { stored = mine.size(); });
  body = {};  // this thread is done with the body; the other one is perhaps not
  archive.join();

  ZC_CHECK(head.text() == "POST /v1/traces|");
  ZC_CHECK(head.retained_size() >= 1'000'000);  // what 16 bytes keep alive, said openly
  ZC_CHECK(stored == 999'990);
  ZC_CHECK(zc::ledger::read().copied() == 0);
  std::puts("1 MB in three hands, no byte copied");
}
