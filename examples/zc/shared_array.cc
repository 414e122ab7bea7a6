// A4  A counted array in one allocation: the handle points at the elements, with no vector in
//     between, and a part of it keeps the whole.
#include "zc/mem/shared_array.h"

#include <cstdio>
#include <thread>

#include "zc/base/check.h"

int main() {
  // Filled while only this handle has it, then shared and read-only.
  zc::unique_array<double> filling = zc::shared_array<double>::make_for_overwrite(1000);
  for (std::size_t i = 0; i < filling.size(); ++i) filling[i] = static_cast<double>(i);
  const double* const elements = filling.data();
  zc::shared_array<double> table = std::move(filling).share();
  ZC_CHECK(table.data() == elements);        // no copy in between
  ZC_CHECK(sizeof(table) == sizeof(void*));  // one pointer

  double sum = 0;
  std::thread reader([part = table.slice(990, 10), &sum] {
    for (const double each : part) sum += each;
  });
  table = {};  // the reader's part keeps the block
  reader.join();
  ZC_CHECK(sum == 9945);
  std::puts("one block, read in two threads");
}
