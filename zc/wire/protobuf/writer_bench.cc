// A17, written where it is sent from: 100 spans with six attributes each, by room_writer into the
// spare room of a builder, which is frozen and is what gets sent. Beside it the ordinary way: a
// tree of owned strings and vectors, serialised into a std::string, which grows or has its size at
// once, copied into a send buffer. And what lies between the two: the same fields without a tree,
// into a string that is copied. All end with as many bytes. "allocations" are per message.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#include "zc/mem/pool.h"
#include "zc/mem/quota.h"
#include "zc/testing/allocations.h"
#include "zc/wire/protobuf/writer.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr std::size_t spans = 100;
constexpr std::size_t room = 64_KiB;

// What a program has in its hands when a span ends.
struct attribute_view {
  std::string_view key;
  std::string_view text;  // or, if that is empty,
  std::uint64_t number = 0;
};
constexpr std::array<attribute_view, 6> attributes{{{"http.request.method", "POST"},
                                                    {"url.path", "/api/v2/checkout/cart/items"},
                                                    {"server.address", "checkout.shop.internal"},
                                                    {"user_agent.original", "shop-mobile/8.11.2"},
                                                    {"http.response.status_code", {}, 200},
                                                    {"http.request.body.size", {}, 48'213}}};
constexpr std::array<std::byte, 16> trace{std::byte{0x4b}, std::byte{0xf9}, std::byte{0x2f}};
constexpr std::string_view name = "POST /api/v2/checkout/cart/items";
constexpr std::uint64_t began = 1'790'000'000'000'000'000;

std::array<std::byte, 8> id_of(std::uint64_t n) {
  std::array<std::byte, 8> id{};
  for (std::byte& b : id) {
    b = static_cast<std::byte>(n);
    n >>= 8;
  }
  return id;
}

template <class Writer>
void write_attribute(Writer& w, std::string_view key, std::string_view text, std::uint64_t number) {
  w.message(9, [&] {
    w.text(1, key);
    w.message(2, [&] { text.empty() ? w.varint(3, number) : w.text(1, text); });
  });
}

template <class Writer>
void write_directly(Writer& w) {
  w.message(1, [&] {
    w.message(2, [&] {
      for (std::uint64_t i = 0; i < spans; ++i) {
        w.message(2, [&] {
          w.bytes(1, trace);
          w.bytes(2, id_of(i + 1));
          w.bytes(4, id_of(i));
          w.text(5, name);
          w.varint(6, 2);
          w.fixed64(7, began + i);
          w.fixed64(8, began + i + 1'500'000);
          for (const attribute_view& a : attributes) write_attribute(w, a.key, a.text, a.number);
        });
      }
    });
  });
}

// As generated classes hold it.
struct attribute {
  std::string key;
  std::string text;
  std::uint64_t number = 0;
};
struct span_object {
  std::string trace_id;
  std::string id;
  std::string parent;
  std::string name;
  std::uint64_t kind = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::vector<attribute> attributes;
};

std::string text_of(std::span<const std::byte> from) {
  return {reinterpret_cast<const char*>(from.data()), from.size()};
}

std::vector<span_object> make_tree() {
  std::vector<span_object> all;
  all.reserve(spans);
  for (std::uint64_t i = 0; i < spans; ++i) {
    span_object& s = all.emplace_back();
    s.trace_id = text_of(trace);
    s.id = text_of(id_of(i + 1));
    s.parent = text_of(id_of(i));
    s.name = name;
    s.kind = 2;
    s.start = began + i;
    s.end = began + i + 1'500'000;
    s.attributes.reserve(attributes.size());
    for (const attribute_view& a : attributes) {
      s.attributes.push_back({std::string(a.key), std::string(a.text), a.number});
    }
  }
  return all;
}

template <class Writer>
void write_tree(Writer& w, const std::vector<span_object>& all) {
  w.message(1, [&] {
    w.message(2, [&] {
      for (const span_object& s : all) {
        w.message(2, [&] {
          w.text(1, s.trace_id);
          w.text(2, s.id);
          w.text(4, s.parent);
          w.text(5, s.name);
          w.varint(6, s.kind);
          w.fixed64(7, s.start);
          w.fixed64(8, s.end);
          for (const attribute& a : s.attributes) write_attribute(w, a.key, a.text, a.number);
        });
      }
    });
  });
}

// Keeps its memory from message to message, as the buffer of a connection does.
struct send_buffer {
  void fill(std::string_view from) {
    std::ranges::copy(std::as_bytes(std::span(from)), memory.begin());
    size = from.size();
    benchmark::DoNotOptimize(memory.data());
    benchmark::ClobberMemory();
  }
  std::vector<std::byte> memory = std::vector<std::byte>(room);
  std::size_t size = 0;
};

bytes written_in_place(bytes_builder block) {
  pb::room_writer w(block.spare());
  write_directly(w);
  ZC_CHECK(!w.full());
  block.commit(w.size());
  return std::move(block).freeze();
}

template <class Work>
void measure(benchmark::State& state, Work&& work) {
  const bytes expected = written_in_place(bytes_builder::with_capacity(room));
  ZC_CHECK(work() == expected.size());
  const auto before = testing::allocations();
  for (auto _ : state) benchmark::DoNotOptimize(work());
  const auto times = testing::allocations().times - before.times;
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(times), benchmark::Counter::kAvgIterations);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(expected.size()));
}

std::size_t kept(const bytes& ready) {
  benchmark::DoNotOptimize(ready.data());
  benchmark::ClobberMemory();
  return ready.size();
}

void in_place_on_heap(benchmark::State& state) {
  measure(state, [] { return kept(written_in_place(bytes_builder::with_capacity(room))); });
}

void in_place_on_pool(benchmark::State& state) {
  quota limits(64_MiB);
  pool blocks(limits);
  measure(state, [&] { return kept(written_in_place(blocks.take(room))); });
}

void string_and_copy(benchmark::State& state) {
  send_buffer out;
  measure(state, [&] {
    std::string text;
    text.reserve(room);
    pb::string_writer w(text);
    write_directly(w);
    out.fill(text);
    return out.size;
  });
}

void tree_string_and_copy(benchmark::State& state) {
  send_buffer out;
  measure(state, [&] {
    const std::vector<span_object> all = make_tree();
    std::string text;
    text.reserve(room);
    pb::string_writer w(text);
    write_tree(w, all);
    out.fill(text);
    return out.size;
  });
}

// The size is known and costs nothing, which is kinder than counting it in a pass over the tree.
void tree_sized_string_and_copy(benchmark::State& state) {
  send_buffer out;
  const std::size_t size = written_in_place(bytes_builder::with_capacity(room)).size();
  measure(state, [&] {
    const std::vector<span_object> all = make_tree();
    std::string text(size, '\0');
    pb::room_writer w(std::as_writable_bytes(std::span(text)));
    write_tree(w, all);
    ZC_CHECK(!w.full());
    out.fill(text);
    return out.size;
  });
}

BENCHMARK(in_place_on_heap);
BENCHMARK(in_place_on_pool);
BENCHMARK(string_and_copy);
BENCHMARK(tree_string_and_copy);
BENCHMARK(tree_sized_string_and_copy);

}  // namespace

BENCHMARK_MAIN();
