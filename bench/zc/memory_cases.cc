// Rows A12 to A15: pools, scratch, alignment.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "bench/zc/harness.h"
#include "zc/base/padded.h"
#include "zc/mem/object_pool.h"
#include "zc/mem/pool.h"
#include "zc/mem/scratch.h"

namespace bench {
namespace {

constexpr std::size_t buffer = 65536;
constexpr std::size_t in_flight = 32;

// Writes to every page, as whoever fills the buffer would; each time to another cache set.
void touch(std::byte* memory) {
  for (std::size_t at = 0; at < buffer; at += 4096 + 64) memory[at] = std::byte{1};
}

struct from_pool {
  zc::quota limits{1u << 30};
  zc::pool blocks{limits};
  using handle = zc::bytes_builder;
  handle get() { return blocks.take(buffer); }
  static std::byte* memory(handle& h) { return h.spare().data(); }
  void put(handle& h) { h = {}; }
};

struct from_malloc {
  using handle = std::byte*;
  handle get() { return static_cast<std::byte*>(std::malloc(buffer)); }
  static std::byte* memory(handle h) { return h; }
  void put(handle h) { std::free(h); }
};

// Looked up and not linked: linked, it would replace malloc for all contenders.
struct from_mimalloc {
  using take_fn = void* (*)(std::size_t);
  using give_fn = void (*)(void*);
  take_fn take = nullptr;
  give_fn give = nullptr;
  from_mimalloc() {
    for (const char* name : {"libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"}) {
      void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) continue;
      take = reinterpret_cast<take_fn>(dlsym(library, "mi_malloc"));
      give = reinterpret_cast<give_fn>(dlsym(library, "mi_free"));
      break;
    }
  }
  explicit operator bool() const { return take != nullptr && give != nullptr; }
  using handle = std::byte*;
  handle get() { return static_cast<std::byte*>(take(buffer)); }
  static std::byte* memory(handle h) { return h; }
  void put(handle h) { give(h); }
};

// One buffer at a time, and 32 at a time: what a server with 32 messages under way does.
template <class Source>
void add_buffers(const std::string& name) {
  if constexpr (requires(Source s) { static_cast<bool>(s); }) {
    if (!Source()) return;
  }
  // A pool belongs to the thread that makes it: the one that runs the cases, at the first.
  const auto made = std::make_shared<std::optional<Source>>();
  const auto mine = [made]() -> Source& { return *made ? **made : made->emplace(); };
  add("pool_64k/" + name, [mine](std::uint64_t n) {
    Source& source = mine();
    return loop(n, [&] {
      typename Source::handle h = source.get();
      touch(Source::memory(h));
      keep(h);
      source.put(h);
    });
  });
  add("pool_64k_32/" + name, [mine](std::uint64_t n) {
    Source& source = mine();
    std::array<typename Source::handle, in_flight> held{};
    // One operation is one buffer, here too.
    return loop(n / in_flight + 1,
                [&] {
                  for (auto& h : held) {
                    h = source.get();
                    touch(Source::memory(h));
                  }
                  keep(held);
                  for (auto& h : held) source.put(h);
                }) *
           static_cast<double>(n) / static_cast<double>((n / in_flight + 1) * in_flight);
  });
}

// An object that has a buffer of its own, as requests and connections have.
struct request {
  std::array<std::uint64_t, 16> numbers{};
  std::string text;
};

void fill(request& r) {
  r.numbers[3] = 7;
  r.text.assign(200, 'x');
}

void add_objects() {
  add("object_pool/zc", [](std::uint64_t n) {
    zc::object_pool<request> requests({.objects_max = 16}, [] { return request(); });
    return loop(n, [&] {
      const zc::pooled<request> one = requests.try_acquire();
      fill(*one);
      keep(*one);
    });
  });
  add("object_pool/new", [](std::uint64_t n) {
    return loop(n, [&] {
      const auto one = std::make_unique<request>();
      fill(*one);
      keep(*one);
    });
  });
}

// What a call needs for itself: 16 numbers and 8 texts.
void use(std::pmr::memory_resource* memory) {
  std::pmr::vector<std::uint64_t> numbers(16, memory);
  std::pmr::vector<std::pmr::string> names(memory);
  names.reserve(8);
  for (int i = 0; i < 8; ++i) names.emplace_back(40, 'x');
  keep(numbers);
  keep(names);
}

void add_scratch() {
  add("scratch/zc", [](std::uint64_t n) {
    return loop(n, [&] {
      const zc::scratch_scope mine;
      use(mine.memory());
    });
  });
  add("scratch/malloc",
      [](std::uint64_t n) { return loop(n, [&] { use(std::pmr::new_delete_resource()); }); });
  add("scratch/pmr_monotonic", [](std::uint64_t n) {
    return loop(n, [&] {
      std::array<std::byte, 4096> room;
      std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
      use(&memory);
    });
  });
  add("scratch/pmr_pool", [](std::uint64_t n) {
    std::pmr::unsynchronized_pool_resource memory;
    return loop(n, [&] { use(&memory); });
  });
}

// Two threads count, each in a counter of its own.
template <class Counter>
double count(std::uint64_t n) {
  std::array<Counter, 2> counters{};
  const auto add_up = [n](std::atomic<std::uint64_t>& mine) {
    for (std::uint64_t i = 0; i < n; ++i) mine.fetch_add(1, std::memory_order_relaxed);
  };
  return two_threads([&] { add_up(counters[0]); }, [&] { add_up(counters[1]); });
}

void add_counters() {
  add("counters/zc", count<zc::padded<std::atomic<std::uint64_t>>>, 2);
  add("counters/packed", count<std::atomic<std::uint64_t>>, 2);
}

}  // namespace

void add_memory() {
  add_objects();
  add_scratch();
  add_counters();
  add_buffers<from_pool>("zc");
  add_buffers<from_malloc>("malloc");
  add_buffers<from_mimalloc>("mimalloc");
}

}  // namespace bench
