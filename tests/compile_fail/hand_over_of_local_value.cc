// A value that belongs to its thread must not be handed to another one.
#include <optional>
#include <string>

#include "zc/base/sendable.h"

struct counted_plainly {
  using thread_bound = std::true_type;
};
struct request {
  std::string name;
  std::optional<counted_plainly> value;
};

void probe() {
#if ZC_MUST_FAIL
  zc::hand_over([](const request&) {}, request{})();
#else
  zc::hand_over([](const std::string&) {}, std::string("x"))();
#endif
}
