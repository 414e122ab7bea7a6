// A13 Object pools: made once, used again, at most so many. They go back by themselves; a handle
//     that was kept too long finds nothing, and giving back twice is caught.
#include "zc/mem/object_pool.h"

#include <cstdio>
#include <string>

#include "zc/base/check.h"

namespace {
struct request {
  std::string text;
};
}  // namespace

int main() {
  int made = 0;
  zc::object_pool<request> requests(
      {.objects_max = 2},
      [&] {
        ++made;
        request fresh;
        fresh.text.reserve(4096);  // what makes them worth keeping
        return fresh;
      },
      [](request& used) { used.text.clear(); });

  for (int i = 0; i < 1000; ++i) {
    const zc::pooled<request> one = requests.try_acquire();
    ZC_CHECK(one->text.empty() && one->text.capacity() >= 4096);
    one->text = "a request";
  }
  ZC_CHECK(made == 1);

  zc::pooled<request> first = requests.try_acquire();
  const zc::pooled<request> second = requests.try_acquire();
  ZC_CHECK(!requests.try_acquire());  // the bound

  const zc::pool_handle<request> name = first.handle();  // 8 bytes, safe to keep
  ZC_CHECK(requests.find(name) == first.get());
  first.reset();
  const zc::pooled<request> third = requests.try_acquire();  // perhaps the same object
  ZC_CHECK(requests.find(name) == nullptr);                  // but not the same use of it
  std::printf("%d objects for 1003 requests\n", made);
}
