// Rows A3 to A5, A16, A19: values and views.
#include "bench/zc/harness.h"

namespace bench {

void add_values() {}

}  // namespace bench
