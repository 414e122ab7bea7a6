// Rows A3 to A5, A16, A19: values and views.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/zc/harness.h"
#include "zc/mem/aligned.h"
#include "zc/mem/cow.h"
#include "zc/mem/local_ptr.h"
#include "zc/mem/shared_array.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/view/plain_message.h"

namespace bench {
namespace {

// -- A3: tabs become blanks in 16 texts of 128 bytes, and 15 of them have none.

std::array<std::string, 16> texts() {
  std::array<std::string, 16> all;
  for (std::string& s : all) s.assign(128, 'x');
  all[7].back() = '\t';
  return all;
}

void add_cow() {
  add("cow/zc", [all = texts()](std::uint64_t n) {
    return loop(n, [&] {
      for (const std::string& s : all) {
        zc::cow_text out = zc::cow_text::borrow(s);
        for (std::size_t at = 0; (at = s.find('\t', at)) != std::string::npos; ++at)
          out.to_mut()[at] = ' ';
        keep(out);
      }
    });
  });
  add("cow/string", [all = texts()](std::uint64_t n) {
    return loop(n, [&] {
      for (const std::string& s : all) {
        std::string out = s;
        for (std::size_t at = 0; (at = out.find('\t', at)) != std::string::npos; ++at)
          out[at] = ' ';
        keep(out);
      }
    });
  });
}

// -- A4: one number of each of 65536 arrays of 16, in an order that no prefetcher guesses; what is
// read decides which array is next, so that nothing hides how long the way to it is.

constexpr std::size_t arrays = 65536;
using numbers = std::array<std::uint64_t, 16>;

template <class Handle, class Make>
std::vector<Handle> shuffled(Make make) {
  std::vector<Handle> all;
  all.reserve(arrays);
  for (std::size_t i = 0; i < arrays; ++i) all.push_back(make());
  std::shuffle(all.begin(), all.end(), std::mt19937(1));
  return all;
}

template <class Handle, class Make, class Read>
body reading(Make make, Read read) {
  return [make, read, all = std::vector<Handle>()](std::uint64_t n) mutable {
    if (all.empty()) all = shuffled<Handle>(make);
    std::size_t at = 0;
    return loop(n, [&] {
      at = (at + 1 + read(all[at])) % arrays;  // all numbers are zero
      keep(at);
    });
  };
}

void add_arrays() {
  add("shared_array/zc", reading<zc::shared_array<std::uint64_t>>(
                             [] { return zc::shared_array<std::uint64_t>::from_range(numbers{}); },
                             [](const zc::shared_array<std::uint64_t>& a) { return a[3]; }));
  using pointer = std::shared_ptr<const std::vector<std::uint64_t>>;
  add("shared_array/shared_ptr",
      reading<pointer>([] { return std::make_shared<const std::vector<std::uint64_t>>(16); },
                       [](const pointer& a) { return (*a)[3]; }));
}

// -- A5: the head of a request, and one of its fields.

constexpr std::string_view request =
    "POST /v1/traces HTTP/1.1\r\nHost: collector:4318\r\nUser-Agent: exporter/1.27\r\n"
    "Content-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\nContent-Length: 51234\r\n"
    "X-Tenant: blue\r\n\r\n";

void add_views() {
  add("header_lookup/zc", [fields = std::vector<zc::http1::field>()](std::uint64_t n) mutable {
    std::string_view text = request;
    return loop(n, [&] {
      keep(text);
      const auto head = zc::http1::parse_request(text, fields);
      std::string_view found = zc::http1::find(head->fields, "content-encoding");
      keep(found);
    });
  });
  add("header_lookup/map", [](std::uint64_t n) {
    std::string_view text = request;
    return loop(n, [&] {
      keep(text);
      std::map<std::string, std::string> fields;
      std::size_t at = text.find("\r\n") + 2;
      for (std::size_t end; (end = text.find("\r\n", at)) != at; at = end + 2) {
        const std::string_view line = text.substr(at, end - at);
        const std::size_t colon = line.find(':');
        std::string name(line.substr(0, colon));
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        fields.emplace(std::move(name), line.substr(colon + 2));
      }
      std::string found = fields["content-encoding"];
      keep(found);
    });
  });
}

// -- A16: 1000 points to the other side: as they lie, and field by field into bytes and back.

}  // namespace

struct point {
  std::uint64_t at = 1;
  double value = 2;
  std::uint32_t series = 3;
  std::uint32_t flags = 4;
};
ZC_PLAIN_LAYOUT(point, 1, at, value, series, flags);

namespace {

constexpr std::size_t points = 1000;

double sum_of(std::span<const point> all) {
  double sum = 0;
  for (const point& p : all) sum += p.value;
  return sum;
}

template <class T>
void put(std::byte*& out, T value) {
  std::memcpy(out, &value, sizeof value);
  out += sizeof value;
}
template <class T>
void get(const std::byte*& in, T& value) {
  std::memcpy(&value, in, sizeof value);
  in += sizeof value;
}

void add_plain() {
  add("plain_message/zc", [](std::uint64_t n) {
    zc::aligned_buffer message =
        zc::aligned_buffer::try_make(sizeof(zc::plain_header) + points * sizeof(point));
    const std::vector<point> from(points);
    std::memcpy(message.data() + sizeof(zc::plain_header), from.data(), points * sizeof(point));
    return loop(n, [&] {
      const zc::plain_header head = zc::plain_header::of<point>(points);
      std::memcpy(message.data(), &head, sizeof head);
      keep(message);
      const auto all = zc::view_plain<point>(message.view());
      double sum = sum_of(*all);
      keep(sum);
    });
  });
  add("plain_message/fields", [from = std::vector<point>(points)](std::uint64_t n) {
    return loop(n, [&] {
      std::vector<std::byte> wire(points * sizeof(point));
      std::byte* out = wire.data();
      for (const point& p : from) {
        put(out, p.at);
        put(out, p.value);
        put(out, p.series);
        put(out, p.flags);
      }
      keep(wire);
      std::vector<point> to(points);
      const std::byte* in = wire.data();
      for (point& p : to) {
        get(in, p.at);
        get(in, p.value);
        get(in, p.series);
        get(in, p.flags);
      }
      double sum = sum_of(to);
      keep(sum);
    });
  });
}

// -- A19: one more holder, on one thread.

void add_counts() {
  add("local_ptr/zc", [](std::uint64_t n) {
    const auto value = zc::make_local<std::array<std::uint64_t, 4>>();
    return loop(n, [&] {
      zc::local_ptr<std::array<std::uint64_t, 4>> other = value;
      keep(other);
    });
  });
  add("local_ptr/shared_ptr", [](std::uint64_t n) {
    const auto value = std::make_shared<std::array<std::uint64_t, 4>>();
    return loop(n, [&] {
      std::shared_ptr<std::array<std::uint64_t, 4>> other = value;
      keep(other);
    });
  });
}

}  // namespace

void add_values() {
  add_cow();
  add_arrays();
  add_views();
  add_plain();
  add_counts();
}

}  // namespace bench
