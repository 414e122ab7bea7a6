// Rows A3 to A5, A16, A19: values and views.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/zc/harness.h"
#include "zc/mem/local_ptr.h"
#include "zc/wire/http1/head.h"

namespace bench {
namespace {

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
  add_views();
  add_counts();
}

}  // namespace bench
