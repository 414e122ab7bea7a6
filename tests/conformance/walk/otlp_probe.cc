// Answers questions about requests, so that a test in another language can judge the answers.
// All numbers are little-endian.
//
//     question  u8 signal | u8 operation | u64 items_max | u64 seed | u32 size | the request
//     answer    u8 1 | result
//               u8 0 | u8 errc | u64 offset | u32 size | the reason
//     result    count, feed:  u64 items
//               validate:     u64 items | u64 bad utf8 | u64 bad ids
//               split:        u32 parts, each u32 size | bytes
//
// Seed 0 gives the request in one piece; any other cuts it at random places.
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "gate/otlp/walk.h"

namespace {

using namespace sluice::otlp;

enum class operation : std::uint8_t { count, validate, split, feed };

template <class Number>
bool read(Number& into) {
  unsigned char raw[sizeof(Number)];
  if (!std::cin.read(reinterpret_cast<char*>(raw), sizeof raw)) return false;
  std::uint64_t n = 0;
  for (std::size_t i = sizeof raw; i-- > 0;) n = n << 8 | raw[i];
  into = static_cast<Number>(n);
  return true;
}

template <class Number>
void write(Number n) {
  for (std::size_t i = 0; i < sizeof n; ++i) {
    std::cout.put(static_cast<char>(static_cast<std::uint64_t>(n) >> (8 * i)));
  }
}

void write_text(std::string_view text) {
  write(static_cast<std::uint32_t>(text.size()));
  std::cout << text;
}

void refuse(const zc::error& e) {
  write(std::uint8_t{0});
  write(static_cast<std::uint8_t>(e.code));
  write(std::uint64_t{e.offset});
  write_text(e.reason);
}

zc::bytes_chain cut(std::string_view text, std::uint64_t seed) {
  if (seed == 0) return zc::bytes::copy_of(text);
  std::mt19937_64 random(seed);
  const std::size_t longest = 1 + random() % (seed % 2 == 0 ? 40 : 4000);
  zc::bytes_chain chain;
  while (!text.empty()) {
    const std::size_t n = std::min<std::size_t>(text.size(), 1 + random() % longest);
    chain.append(zc::bytes::copy_of(text.substr(0, n)));
    text.remove_prefix(n);
  }
  return chain;
}

void answer_count(const zc::result<std::uint64_t>& items) {
  if (!items) return refuse(items.error());
  write(std::uint8_t{1});
  write(*items);
}

void answer_feed(signal s, const zc::bytes_chain& body) {
  item_counter counter(s);
  for (const zc::bytes& piece : body) {
    if (!counter.feed(piece.view())) break;
  }
  answer_count(counter.finish());
}

void answer_validate(signal s, const zc::bytes_chain& body) {
  const auto report = validate_full(s, body);
  if (!report) return refuse(report.error());
  write(std::uint8_t{1});
  write(report->items);
  write(report->bad_utf8);
  write(report->bad_ids);
}

void answer_split(signal s, const zc::bytes_chain& body, std::uint64_t items_max) {
  zc::quota limit(256 << 20);
  zc::pool pool(limit);
  const auto parts = split(s, body, items_max, pool);
  if (!parts) return refuse(parts.error());
  write(std::uint8_t{1});
  write(static_cast<std::uint32_t>(parts->size()));
  for (const zc::bytes_chain& part : *parts) {
    std::string text(part.size(), '\0');
    part.copy_to(0, std::as_writable_bytes(std::span(text)));
    write_text(text);
  }
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::uint8_t s = 0;
  while (read(s)) {
    std::uint8_t op = 0;
    std::uint64_t items_max = 0;
    std::uint64_t seed = 0;
    std::uint32_t size = 0;
    if (!read(op) || !read(items_max) || !read(seed) || !read(size) || s >= signals) return 2;
    std::string text(size, '\0');
    if (!std::cin.read(text.data(), size)) return 2;
    const zc::bytes_chain body = cut(text, seed);
    switch (static_cast<operation>(op)) {
      case operation::count:
        answer_count(count_items(all_signals[s], body));
        break;
      case operation::validate:
        answer_validate(all_signals[s], body);
        break;
      case operation::split:
        answer_split(all_signals[s], body, items_max);
        break;
      case operation::feed:
        answer_feed(all_signals[s], body);
        break;
    }
    std::cout.flush();
  }
  return 0;
}
