// gate/otlp/specimen.h - hand-made requests for the tests, fuzz targets and benchmarks of this
// room. Not part of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "gate/otlp/signal.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/writer.h"

namespace sluice::otlp::specimen {

using writer = zc::pb::string_writer;

struct shape {
  std::size_t resources = 1;
  std::size_t scopes = 1;
  std::size_t items = 1;   // per scope: spans, log records, metrics, profiles
  std::size_t points = 1;  // per metric
  std::size_t text = 8;    // bytes of the long string in each item
};

inline void attribute(writer& w, std::uint32_t field, std::string_view key,
                      std::string_view value) {
  w.message(field, [&] {
    w.text(1, key);
    w.message(2, [&] { w.text(1, value); });
  });
}

inline std::string id(std::size_t size, std::size_t n) {
  std::string out(size, 'i');
  for (std::size_t i = 0; i < size && i < 8; ++i) out[i] = static_cast<char>(n >> (8 * i));
  return out;
}

inline void span(writer& w, std::size_t n, const shape& s) {
  w.text(1, id(16, n));
  w.text(2, id(8, n));
  w.text(5, "GET /items/" + std::to_string(n));
  w.varint(6, 2);
  w.fixed64(7, 1'700'000'000'000'000'000 + n);
  w.fixed64(8, 1'700'000'000'000'001'000 + n);
  attribute(w, 9, "http.route", std::string(s.text, 'r'));
  w.message(11, [&] {
    w.fixed64(1, n);
    w.text(2, "exception");
    attribute(w, 3, "exception.type", "gr\xc3\xb6\xc3\x9f");
  });
  w.message(13, [&] {
    w.text(1, id(16, n + 1));
    w.text(2, id(8, n + 1));
  });
  w.message(15, [&] { w.varint(3, 1); });
  w.fixed32(16, 0x101);
}

inline void log_record(writer& w, std::size_t n, const shape& s) {
  w.fixed64(1, 1'700'000'000'000'000'000 + n);
  w.varint(2, 9);
  w.text(3, "INFO");
  w.message(5, [&] { w.text(1, std::string(s.text, 'b') + std::to_string(n)); });
  attribute(w, 6, "http.request.id", "0123456789abcdef0123456789abcdef");
  attribute(w, 6, "thread.name", "worker-" + std::to_string(n % 16));
  w.message(6, [&] {
    w.text(1, "thread.id");
    w.message(2, [&] { w.signed_varint(3, -static_cast<std::int64_t>(n)); });
  });
  w.fixed32(8, 1);
  w.text(9, id(16, n));
  w.text(10, id(8, n));
  w.fixed64(11, 1'700'000'000'000'000'100 + n);
}

inline void exemplar(writer& w, std::uint32_t field, std::size_t n) {
  w.message(field, [&] {
    w.fixed64(2, n);
    w.text(4, id(8, n));
    w.text(5, id(16, n));
    attribute(w, 7, "k", "v");
  });
}

inline void point(writer& w, std::uint32_t member, std::size_t n, const shape& s) {
  constexpr std::uint32_t attributes[] = {0, 0, 0, 0, 0, 7, 0, 7, 0, 9, 1, 7};
  attribute(w, attributes[member], "host.name", std::string(s.text, 'h'));
  w.fixed64(3, n);
  const std::uint64_t counts[] = {1, 300, n};
  const double bounds[] = {0.5, 1.5};
  if (member == 5 || member == 7) {
    w.fixed64(6, n);
    exemplar(w, 5, n);
  } else if (member == 9) {
    w.packed_fixed64(6, counts);
    w.packed_float64(7, bounds);
    exemplar(w, 8, n);
  } else if (member == 10) {
    w.zigzag_varint(6, -3);
    w.message(8, [&] {
      w.zigzag_varint(1, -1);
      w.packed_varints(2, counts);
    });
    exemplar(w, 11, n);
  } else {
    w.message(6, [&] {
      w.float64(1, 0.5);
      w.float64(2, 1.5);
    });
  }
}

inline void metric(writer& w, std::size_t n, const shape& s) {
  constexpr std::uint32_t members[] = {5, 7, 9, 10, 11};
  const std::uint32_t member = members[n % 5];
  w.text(1, "http.server.duration." + std::to_string(n));
  w.text(2, "how long it took");
  w.text(3, "ms");
  w.message(member, [&] {
    for (std::size_t p = 0; p < s.points; ++p) {
      w.message(1, [&] { point(w, member, n * s.points + p, s); });
    }
    if (member == 7 || member == 9 || member == 10) w.varint(2, 2);
    if (member == 7) w.boolean(3, true);
  });
  attribute(w, 12, "meta", "data");
}

inline void profile(writer& w, std::size_t n, const shape& s) {
  const std::uint64_t values[] = {1, 2, n};
  w.message(1, [&] { w.varint(1, 1); });
  w.message(2, [&] {
    w.varint(1, 3);
    w.packed_varints(2, values);
    w.packed_varints(4, values);
    w.packed_fixed64(5, values);
  });
  w.fixed64(3, n);
  w.text(7, id(16, n));
  w.text(9, "pprof");
  w.text(10, std::string(s.text, '\xff'));
  w.packed_varints(11, values);
}

inline void dictionary(writer& w) {
  const std::uint64_t indices[] = {0, 1};
  w.message(1, [&] { w.packed_varints(5, indices); });
  w.message(2, [&] { w.message(3, [&] { w.varint(2, 7); }); });
  w.message(3, [&] { w.varint(1, 1); });
  w.message(4, [&] {
    w.text(1, id(16, 1));
    w.text(2, id(8, 1));
  });
  w.text(5, "");
  w.text(5, "main");
  w.message(6, [&] { w.message(2, [&] { w.text(1, "v"); }); });
  w.message(7, [&] { w.packed_varints(1, indices); });
}

inline void item(writer& w, signal kind, std::size_t n, const shape& s) {
  switch (kind) {
    case signal::traces:
      return span(w, n, s);
    case signal::metrics:
      return metric(w, n, s);
    case signal::logs:
      return log_record(w, n, s);
    case signal::profiles:
      return profile(w, n, s);
  }
}

// A request as a client would send it, every item different.
inline std::string request(signal kind, const shape& s) {
  std::string out;
  writer w(out);
  std::size_t n = 0;
  for (std::size_t r = 0; r < s.resources; ++r) {
    w.message(1, [&] {
      w.message(1, [&] { attribute(w, 1, "service.name", "shop-" + std::to_string(r)); });
      for (std::size_t c = 0; c < s.scopes; ++c) {
        w.message(2, [&] {
          w.message(1, [&] {
            w.text(1, "library." + std::to_string(c));
            w.text(2, "1.2.3");
          });
          for (std::size_t i = 0; i < s.items; ++i) w.message(2, [&] { item(w, kind, n++, s); });
          w.text(3, "https://opentelemetry.io/schemas/1.30.0");
        });
      }
      w.text(3, "https://opentelemetry.io/schemas/1.31.0");
    });
  }
  if (kind == signal::profiles) w.message(2, [&] { dictionary(w); });
  return out;
}

inline std::uint64_t items_in(signal kind, const shape& s) {
  return s.resources * s.scopes * s.items * (kind == signal::metrics ? s.points : 1);
}

// Pieces of random length up to `longest`, each with an owner of its own so that they never join.
inline zc::bytes_chain cut(std::string_view text, std::uint64_t seed, std::size_t longest) {
  std::mt19937_64 random(seed);
  zc::bytes_chain chain;
  while (!text.empty()) {
    const std::size_t n = std::min<std::size_t>(text.size(), 1 + random() % longest);
    chain.append(zc::bytes::copy_of(text.substr(0, n)));
    text.remove_prefix(n);
  }
  return chain;
}

inline std::string text_of(const zc::bytes_chain& chain) {
  std::string out(chain.size(), '\0');
  chain.copy_to(0, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace sluice::otlp::specimen
