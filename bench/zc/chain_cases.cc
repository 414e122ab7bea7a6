// Row A7: messages in many pieces. All contenders get the same 2 KiB pieces, already shared.
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "bench/zc/harness.h"
#include "zc/mem/builder.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"
#ifdef BENCH_HAVE_ABSL
#include <absl/strings/cord.h>
#endif

namespace bench {
namespace {

constexpr std::size_t piece = 2048;
constexpr std::size_t many = 64;
constexpr std::size_t few = 8;
constexpr std::size_t header = 10;
constexpr std::size_t record = 250;  // a length of two bytes, then so many less two

// Records end to end, so that every eighth or so straddles a seam.
std::string records() {
  std::string all(piece * many, '\0');
  for (std::size_t at = 0; at + record <= all.size(); at += record) {
    all[at] = static_cast<char>(record & 0xff);
    all[at + 1] = static_cast<char>(record >> 8);
  }
  return all;
}

std::vector<zc::bytes> pieces() {
  const std::string all = records();
  std::vector<zc::bytes> out;
  for (std::size_t i = 0; i < many; ++i)
    out.push_back(zc::bytes::from_string(all.substr(i * piece, piece)));
  return out;
}

zc::bytes_chain chain_of(const std::vector<zc::bytes>& from, std::size_t count) {
  zc::bytes_chain message;
  for (std::size_t i = 0; i < count; ++i) message.append(from[i]);
  return message;
}

#ifdef BENCH_HAVE_ABSL
std::vector<absl::Cord> cords() {
  const std::string all = records();
  std::vector<absl::Cord> out;
  for (std::size_t i = 0; i < many; ++i) {
    auto* text = new std::string(all.substr(i * piece, piece));
    out.push_back(absl::MakeCordFromExternal(*text, [text] { delete text; }));
  }
  return out;
}

absl::Cord cord_of(const std::vector<absl::Cord>& from, std::size_t count) {
  absl::Cord message;
  for (std::size_t i = 0; i < count; ++i) message.Append(from[i]);
  return message;
}
#endif

// A header in front of eight pieces, then all of it dropped.
void add_assembly() {
  static const zc::bytes head = zc::bytes::from_string(std::string(600, 'h'));
  add("chain_assemble/zc", [p = pieces()](std::uint64_t n) {
    return loop(n, [&] {
      zc::bytes_chain message = chain_of(p, few);
      message.prepend(head);
      keep(message);
    });
  });
  add("chain_assemble/string", [all = records()](std::uint64_t n) {
    const std::string h(600, 'h');
    return loop(n, [&] {
      std::string message;
      message.reserve(h.size() + few * piece);
      message.append(h);
      for (std::size_t i = 0; i < few; ++i) message.append(all, i * piece, piece);
      keep(message);
    });
  });
#ifdef BENCH_HAVE_ABSL
  add("chain_assemble/cord", [p = cords()](std::uint64_t n) {
    auto* text = new std::string(600, 'h');
    const absl::Cord h = absl::MakeCordFromExternal(*text, [text] { delete text; });
    return loop(n, [&] {
      absl::Cord message = cord_of(p, few);
      message.Prepend(h);
      keep(message);
    });
  });
#endif
}

// The middle half of a message of 64 pieces, cut in pieces at both ends.
void add_slices() {
  constexpr std::size_t from = 16 * piece + 100;
  constexpr std::size_t size = 32 * piece;
  add("chain_slice/zc", [c = chain_of(pieces(), many)](std::uint64_t n) {
    return loop(n, [&] {
      zc::bytes_chain part = c.slice(from, size);
      keep(part);
    });
  });
  add("chain_slice/string", [s = records()](std::uint64_t n) {
    return loop(n, [&] {
      std::string part = s.substr(from, size);
      keep(part);
    });
  });
#ifdef BENCH_HAVE_ABSL
  add("chain_slice/cord", [c = cord_of(cords(), many)](std::uint64_t n) {
    return loop(n, [&] {
      absl::Cord part = c.Subcord(from, size);
      keep(part);
    });
  });
#endif
}

// The list of what a gathered write would send: 64 pieces.
void add_gathering() {
  add("chain_gather/zc", [c = chain_of(pieces(), many)](std::uint64_t n) {
    std::array<zc::io_slice, many> list;
    return loop(n, [&] {
      std::size_t used = c.gather(100, list);
      keep(used);
      keep(list);
    });
  });
  add("chain_gather/join", [p = pieces()](std::uint64_t n) {
    std::string joined;
    return loop(n, [&] {
      joined.clear();
      for (const zc::bytes& each : p) joined.append(each.text());
      keep(joined);
    });
  });
#ifdef BENCH_HAVE_ABSL
  add("chain_gather/cord", [c = cord_of(cords(), many)](std::uint64_t n) {
    std::array<zc::io_slice, many> list;
    return loop(n, [&] {
      std::size_t used = 0;
      for (const absl::string_view chunk : c.Chunks()) list[used++] = {chunk.data(), chunk.size()};
      keep(used);
      keep(list);
    });
  });
#endif
}

// Reads the header of every record and passes over its body: 524 records in 64 pieces.
void add_reading() {
  add("cursor_read/zc", [c = chain_of(pieces(), many)](std::uint64_t n) {
    std::array<std::byte, header> scratch;
    return loop(n, [&] {
      std::size_t sum = 0;
      zc::chain_cursor at(c);
      while (at.left() >= record) {
        const auto h = at.read(header, scratch);
        const std::size_t size =
            std::to_integer<std::size_t>(h[0]) | std::to_integer<std::size_t>(h[1]) << 8;
        at.skip(size - header);
        sum += size;
      }
      keep(sum);
    });
  });
  add("cursor_read/flatten", [c = chain_of(pieces(), many)](std::uint64_t n) {
    return loop(n, [&] {
      const zc::bytes all = c.flatten_copy();
      const std::byte* const data = all.data();
      std::size_t sum = 0;
      for (std::size_t at = 0; at + record <= all.size();) {
        const std::size_t size = std::to_integer<std::size_t>(data[at]) |
                                 std::to_integer<std::size_t>(data[at + 1]) << 8;
        at += size;
        sum += size;
      }
      keep(sum);
    });
  });
#ifdef BENCH_HAVE_ABSL
  add("cursor_read/cord", [c = cord_of(cords(), many)](std::uint64_t n) {
    return loop(n, [&] {
      std::size_t sum = 0;
      std::size_t left = c.size();
      absl::Cord::CharIterator at = c.char_begin();
      char scratch[header];
      while (left >= record) {
        const absl::string_view chunk = absl::Cord::ChunkRemaining(at);
        const char* h = chunk.data();
        if (chunk.size() < header) {
          absl::Cord::CharIterator copy = at;
          for (char& each : scratch) {
            each = *copy;
            ++copy;
          }
          h = scratch;
        }
        const std::size_t size = static_cast<unsigned char>(h[0]) |
                                 static_cast<std::size_t>(static_cast<unsigned char>(h[1])) << 8;
        absl::Cord::Advance(&at, size);
        left -= size;
        sum += size;
      }
      keep(sum);
    });
  });
#endif
}

}  // namespace

void add_chains() {
  add_assembly();
  add_slices();
  add_gathering();
  add_reading();
}

}  // namespace bench
