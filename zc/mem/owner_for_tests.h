// zc/mem/owner_for_tests.h - an owner that says how often it was given back. For tests of this room
// only.
#pragma once

#include <array>
#include <cstddef>

#include "zc/mem/owner.h"

namespace zc::for_tests {

struct counting_owner final : owner {
  counting_owner() noexcept
      : owner([](owner* self) noexcept { static_cast<counting_owner*>(self)->releases += 1; }, 16) {
  }

  std::array<std::byte, 16> payload{};
  int releases = 0;
};

}  // namespace zc::for_tests
