// Rows A1, A2: shared bytes and their builder.
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "bench/zc/harness.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#ifdef BENCH_HAVE_ABSL
#include <absl/strings/cord.h>
#endif

namespace bench {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t piece = 256;

zc::bytes block_of(std::size_t size) {
  zc::bytes_builder b = zc::bytes_builder::with_capacity(size);
  for (std::byte& each : b.spare()) each = std::byte{'x'};
  b.commit(size);
  return std::move(b).freeze();
}

#ifdef BENCH_HAVE_ABSL
absl::Cord cord_of(std::size_t size) {
  auto* text = new std::string(size, 'x');
  return absl::MakeCordFromExternal(*text, [text] { delete text; });
}
#endif

void add_handles() {
  add("clone_drop/zc", [b = block_of(page)](std::uint64_t n) {
    return loop(n, [&] {
      zc::bytes other = b;
      keep(other);
    });
  });
  add("clone_drop/string", [s = std::string(page, 'x')](std::uint64_t n) {
    return loop(n, [&] {
      std::string other = s;
      keep(other);
    });
  });
  add("clone_drop/shared_ptr",
      [p = std::make_shared<const std::vector<char>>(page, 'x')](std::uint64_t n) {
        return loop(n, [&] {
          std::shared_ptr<const std::vector<char>> other = p;
          keep(other);
        });
      });

  add("slice_drop/zc", [b = block_of(page)](std::uint64_t n) {
    std::size_t at = 1024;
    return loop(n, [&] {
      keep(at);
      zc::bytes part = b.slice(at, 1024);
      keep(part);
    });
  });
  add("slice_drop/string", [s = std::string(page, 'x')](std::uint64_t n) {
    std::size_t at = 1024;
    return loop(n, [&] {
      keep(at);
      std::string part = s.substr(at, 1024);
      keep(part);
    });
  });
#ifdef BENCH_HAVE_ABSL
  add("clone_drop/cord", [c = cord_of(page)](std::uint64_t n) {
    return loop(n, [&] {
      absl::Cord other = c;
      keep(other);
    });
  });
  add("slice_drop/cord", [c = cord_of(page)](std::uint64_t n) {
    std::size_t at = 1024;
    return loop(n, [&] {
      keep(at);
      absl::Cord part = c.Subcord(at, 1024);
      keep(part);
    });
  });
#endif
}

// 4 KiB in pieces of 256 bytes, into memory that is reserved or not, then shared. How long a piece
// is the compiler does not know, as in a parser.
void add_builder(const std::string& row, std::size_t reserved) {
  static const std::string text(piece, 'x');
  add(row + "/zc", [reserved](std::uint64_t n) {
    std::string_view next = text;
    return loop(n, [&] {
      zc::bytes_builder b = zc::bytes_builder::with_capacity(reserved);
      for (std::size_t i = 0; i < page / piece; ++i) {
        keep(next);
        b.append_copy(next);
      }
      zc::bytes ready = std::move(b).freeze();
      keep(ready);
    });
  });
  add(row + "/string", [reserved](std::uint64_t n) {
    std::string_view next = text;
    return loop(n, [&] {
      std::string s;
      s.reserve(reserved);
      for (std::size_t i = 0; i < page / piece; ++i) {
        keep(next);
        s.append(next);
      }
      const auto ready = std::make_shared<const std::string>(std::move(s));
      keep(ready);
    });
  });
}

// What the row costs at least here: the memory, and sixteen calls of memcpy.
void add_bare_building() {
  static const std::string text(piece, 'x');
  add("builder_freeze/bare", [](std::uint64_t n) {
    std::string_view next = text;
    return loop(n, [&] {
      void* memory = ::operator new(page);
      auto* to = static_cast<std::byte*>(memory);
      keep(to);
      for (std::size_t i = 0; i < page / piece; ++i) {
        keep(next);
        std::memcpy(to, next.data(), next.size());
        to += next.size();
      }
      keep(memory);
      ::operator delete(memory, page);
    });
  });
}

// k equal parts of one block of 64 KiB, all alive together.
template <std::size_t Ways>
void add_split() {
  const std::string row = "split_" + std::to_string(Ways);
  constexpr std::size_t size = 65536;
  constexpr std::size_t part = size / Ways;
  add(row + "/zc", [b = block_of(size)](std::uint64_t n) {
    return loop(n, [&] {
      std::array<zc::bytes, Ways> parts;
      b.split_each(part, parts.begin());
      keep(parts);
      zc::bytes::release_all(parts);
    });
  });
  add(row + "/slices", [b = block_of(size)](std::uint64_t n) {
    return loop(n, [&] {
      std::array<zc::bytes, Ways> parts;
      for (std::size_t i = 0; i < Ways; ++i) parts[i] = b.slice(i * part, part);
      keep(parts);
    });
  });
  add(row + "/strings", [s = std::string(size, 'x')](std::uint64_t n) {
    return loop(n, [&] {
      std::array<std::string, Ways> parts;
      for (std::size_t i = 0; i < Ways; ++i) parts[i] = s.substr(i * part, part);
      keep(parts);
    });
  });
}

// One more holder of a large message; and the memory of three holders.
void add_sharing(const std::string& row, std::size_t size) {
  add_weighed(
      row + "/zc",
      [size, b = zc::bytes()](std::uint64_t n) mutable {
        if (b.empty()) b = block_of(size);
        return loop(n, [&] {
          zc::bytes other = b;
          keep(other);
        });
      },
      [size] {
        const double before = resident();
        const std::array<zc::bytes, 3> holders = [&] {
          zc::bytes first = block_of(size);
          return std::array<zc::bytes, 3>{first, first, first};
        }();
        keep(holders);
        return resident() - before;
      });
  add_weighed(
      row + "/copy",
      [size, v = std::vector<char>()](std::uint64_t n) mutable {
        if (v.empty()) v.assign(size, 'x');
        return loop(n, [&] {
          std::vector<char> other = v;
          keep(other);
        });
      },
      [size] {
        const double before = resident();
        const std::vector<char> first(size, 'x');
        const std::vector<char> second = first, third = first;
        keep(second);
        keep(third);
        return resident() - before;
      });
}

}  // namespace

void add_bytes() {
  add_handles();
  add_builder("builder_freeze", page);
  add_bare_building();
  add_builder("builder_grow", 0);
  add_split<16>();
  add_split<64>();
  add_sharing("share_1mb", 1'000'000);
  add_sharing("share_10mb", 10'000'000);
}

}  // namespace bench
