// zc/shard/topology.h - which cores this process may use, and where the calling thread runs.
#pragma once

#include <string_view>
#include <vector>

#include "zc/base/result.h"

namespace zc {

// Cores that the calling thread may run on, ascending; never empty. In a container fewer than the
// machine has.
std::vector<unsigned> allowed_cores();

// Binds the calling thread to one core.
result<void> pin_this_thread(unsigned core) noexcept;

// As seen in top and in debuggers; what exceeds 15 bytes is cut off.
void name_this_thread(std::string_view name) noexcept;

}  // namespace zc
