#include "zc/mem/pages.h"

#include <sys/mman.h>

#include "zc/base/check.h"

namespace zc {
namespace {

constexpr int readable = PROT_READ | PROT_WRITE;
// No reserve: what is charged to a quota is what is touched, not what is addressed.
constexpr int ours = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

class kernel_pages final : public page_source {
 public:
  std::byte* map(std::size_t size) noexcept override {
    void* memory = ::mmap(nullptr, size, readable, ours, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    // Refused by kernels that are built without them, which is as good.
    (void)::madvise(memory, size, MADV_NOHUGEPAGE);
    return static_cast<std::byte*>(memory);
  }

  void unmap(std::byte* memory, std::size_t size) noexcept override {
    // Fails only when a hole would make more mappings than the system allows: then the pages go,
    // and the addresses stay behind.
    if (::munmap(memory, size) != 0) discard(memory, size);
  }

  void discard(std::byte* memory, std::size_t size) noexcept override {
    if (::madvise(memory, size, MADV_DONTNEED) == 0) return;
    // Memory locked by mlockall() cannot be advised away; a fresh mapping in its place can.
    void* fresh = ::mmap(memory, size, readable, ours | MAP_FIXED, -1, 0);
    ZC_CHECK(fresh == memory);
  }
};

constinit kernel_pages kernel;

}  // namespace

page_source& system_pages() noexcept {
  return kernel;
}

}  // namespace zc
