// bytes, builder, chain and cursor against what std has: any sequence of operations gives what the
// same sequence gives on a std::string. RapidCheck makes the sequences and shrinks those that fail.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"

namespace zc {
namespace {

std::size_t up_to(std::size_t most) {
  return *rc::gen::inRange<std::size_t>(0, most + 1);
}
std::string some_text(std::size_t most) {
  return *rc::gen::resize(static_cast<int>(most),
                          rc::gen::container<std::string>(rc::gen::inRange('a', 'e')));
}
std::string text_of(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return all;
}
// The same text, cut anywhere; pieces of heap blocks, of one shared block, or static.
bytes_chain scattered(std::string_view text) {
  bytes_chain c;
  const bytes whole = bytes::copy_of(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = 1 + up_to(std::min<std::size_t>(text.size() - at - 1, 20));
    c.append(*rc::gen::arbitrary<bool>() ? whole.slice(at, here)
                                         : bytes::copy_of(text.substr(at, here)));
    at += here;
  }
  return c;
}

void property(const char* name, void (*body)()) {
  EXPECT_TRUE(rc::check(name, body));
}

TEST(ModelTest, BytesAgreeWithAString) {
  property("bytes", [] {
    std::string model = some_text(100);
    bytes real = bytes::copy_of(model);
    for (std::size_t steps = up_to(20); steps > 0; --steps) {
      const std::size_t at = up_to(model.size());
      const std::size_t count = up_to(model.size() - at);
      switch (up_to(8)) {
        case 0:
          real = std::as_const(real).slice(at, count);
          model = model.substr(at, count);
          break;
        case 1:
          RC_ASSERT(real.split_to(at) == model.substr(0, at));
          model.erase(0, at);
          break;
        case 2:
          RC_ASSERT(real.split_off(at) == model.substr(at));
          model.resize(at);
          break;
        case 3:
          real.advance(at);
          model.erase(0, at);
          break;
        case 4:
          real.truncate(at);
          model.resize(at);
          break;
        case 5:
          RC_ASSERT(real.slice_of(real.text().substr(at, count)) == model.substr(at, count));
          RC_ASSERT(real.slice_or_copy(at, count) == model.substr(at, count));
          break;
        case 6: {
          std::vector<std::size_t> cuts{at, at + count};
          std::vector<bytes> parts;
          real.split_at(cuts, std::back_inserter(parts));
          RC_ASSERT(parts[1] == model.substr(at, count));
          RC_ASSERT(parts[0].size() + parts[1].size() + parts[2].size() == model.size());
          RC_ASSERT(parts[0].empty() || parts[0].try_join(parts[1]) || parts[1].empty());
          break;
        }
        case 7: {
          std::vector<bytes> parts;
          real.split_each(1 + count, std::back_inserter(parts));
          std::string joined;
          for (const bytes& part : parts) joined += part.text();
          RC_ASSERT(joined == model);
          break;
        }
        default: {
          auto again = std::move(real).try_unfreeze();
          if (!again) {
            real = std::move(again.error());
            break;
          }
          again->append_copy("unfrozen");
          real = std::move(*again).freeze();
          model += "unfrozen";
        }
      }
      RC_ASSERT(real == model);
      RC_ASSERT((real <=> "b") == (std::string_view(model) <=> "b"));
    }
  });
}

TEST(ModelTest, BuilderAgreesWithAString) {
  property("bytes_builder", [] {
    bytes_builder real = bytes_builder::with_capacity(up_to(64));
    std::string model;
    std::vector<std::pair<bytes, std::string>> taken;
    for (std::size_t steps = up_to(40); steps > 0; --steps) {
      switch (up_to(9)) {
        case 0:
        case 1: {
          const std::string text = some_text(40);
          real.append_copy(text);
          model += text;
          break;
        }
        case 2:
          taken.emplace_back(real.take(), model);
          model.clear();
          break;
        case 3: {
          const std::size_t count = up_to(model.size());
          taken.emplace_back(real.take(count), model.substr(0, count));
          model.erase(0, count);
          break;
        }
        case 4: {
          bytes_builder back = real.split_off(up_to(model.size()));
          const std::string text = some_text(10);
          if (*rc::gen::arbitrary<bool>()) {
            back.append_copy(text);
            model += text;
          }
          if (!real.try_unsplit(back))
            real.append_copy(std::as_const(back).size() > 0 ? back.written()
                                                            : std::span<std::byte>());
          break;
        }
        case 5:
          real.reserve(up_to(200));
          break;
        case 6: {
          const std::size_t count = up_to(model.size());
          real.truncate(count);
          model.resize(count);
          break;
        }
        case 7:
          if (!taken.empty()) taken.erase(taken.begin());
          break;
        case 8: {
          auto again = std::move(real).freeze().try_unfreeze();
          if (again) {
            real = std::move(*again);
          } else {
            real = bytes_builder::with_capacity(8);
            real.append_copy(again.error());
          }
          break;
        }
        default:
          (void)real.try_reclaim(up_to(100));
      }
      RC_ASSERT(real.size() == model.size());
      RC_ASSERT(std::ranges::equal(real.written(), std::as_bytes(std::span(model))));
      for (const auto& [handle, text] : taken) RC_ASSERT(handle == text);
    }
    RC_ASSERT(std::move(real).freeze() == model);
  });
}

TEST(ModelTest, ChainAgreesWithAString) {
  property("bytes_chain", [] {
    bytes_chain real;
    std::string model;
    std::vector<std::pair<bytes_chain, std::string>> held;  // must never change
    for (std::size_t steps = up_to(60); steps > 0; --steps) {
      const std::string text = some_text(30);
      const std::size_t at = up_to(model.size());
      const std::size_t count = up_to(model.size() - at);
      switch (up_to(16)) {
        case 0:
          real.append(scattered(text));
          model += text;
          break;
        case 1:
          real.prepend(scattered(text));
          model.insert(0, text);
          break;
        case 2:
          real.insert(at, scattered(text));
          model.insert(at, text);
          break;
        case 3:
          real.append_copy(text);
          model += text;
          break;
        case 4:
          real.prepend_copy(text);
          model.insert(0, text);
          break;
        case 5:
          real.append_or_copy(scattered(text));
          model += text;
          break;
        case 6:
          real.prepend_or_copy(bytes::copy_of(text));
          model.insert(0, text);
          break;
        case 7:
          real.consume(at);
          model.erase(0, at);
          break;
        case 8:
          real.truncate(at);
          model.resize(at);
          break;
        case 9:
          RC_ASSERT(text_of(real.split_to(at)) == model.substr(0, at));
          model.erase(0, at);
          break;
        case 10:
          RC_ASSERT(text_of(real.split_off(at)) == model.substr(at));
          model.resize(at);
          break;
        case 11:
          held.emplace_back(real.slice(at, count), model.substr(at, count));
          break;
        case 12:
          if (model.size() < 2000) {
            real.append(real);
            model += model;
          }
          break;
        case 13:
          real = real.compact_copy({.ratio = 2, .waste_min = up_to(100)});
          break;
        case 14: {
          const std::size_t where = model.find(text, at);
          const auto found = real.find(text, at);
          RC_ASSERT(found.value_or(std::string::npos) == where);
          break;
        }
        case 15:
          if (!held.empty()) real.append(held.back().first);
          if (!held.empty()) model += held.back().second;
          break;
        default:
          if (!held.empty()) held.erase(held.begin());
      }
      RC_ASSERT(real.size() == model.size());
      RC_ASSERT(text_of(real) == model);
      RC_ASSERT(real == model);
      RC_ASSERT(real.flatten_copy() == model);
      for (const auto& [chain, kept] : held) RC_ASSERT(chain == kept);
      RC_ASSERT(std::hash<bytes_chain>()(real) == content_hasher()(model));
    }
  });
}

TEST(ModelTest, ComparingChainsAgreesWithComparingStrings) {
  property("order", [] {
    const std::string a = some_text(20);
    const std::string b = *rc::gen::arbitrary<bool>() ? a + some_text(3) : some_text(20);
    RC_ASSERT((scattered(a) <=> scattered(b)) == (a <=> b));
    RC_ASSERT((scattered(a) == scattered(b)) == (a == b));
    RC_ASSERT(scattered(a).starts_with(b) == a.starts_with(b));
  });
}

TEST(ModelTest, CursorAgreesWithAString) {
  property("chain_cursor", [] {
    const std::string model = some_text(200);
    const bytes_chain chain = scattered(model);
    chain_cursor real(chain);
    std::size_t at = 0;
    std::vector<std::byte> scratch(300);
    for (std::size_t steps = up_to(40); steps > 0; --steps) {
      const std::size_t count = up_to(60);
      const bool there = count <= model.size() - at;
      switch (up_to(5)) {
        case 0: {
          const auto got = real.try_read(count, scratch);
          RC_ASSERT(got.has_value() == there);
          if (there) RC_ASSERT(bytes::copy_of(*got) == model.substr(at, count));
          break;
        }
        case 1: {
          const auto got = real.try_take(count);
          RC_ASSERT(got.has_value() == there);
          if (there) RC_ASSERT(*got == model.substr(at, count));
          break;
        }
        case 2: {
          const auto got = real.try_read_be<std::uint32_t>();
          RC_ASSERT(got.has_value() == (model.size() - at >= 4));
          std::uint32_t expected = 0;
          for (std::size_t i = 0; got && i < 4; ++i)
            expected = expected << 8 | static_cast<unsigned char>(model[at + i]);
          if (got) RC_ASSERT(*got == expected);
          if (got) at += 4;
          RC_ASSERT(real.position() == at);
          continue;
        }
        case 3: {
          const auto got = real.try_take_until(std::byte{'c'}, count);
          const std::size_t where = model.find('c', at);
          RC_ASSERT(got.has_value() == (where != std::string::npos && where - at <= count));
          if (got) {
            RC_ASSERT(*got == model.substr(at, where - at));
            at = where + 1;
          }
          RC_ASSERT(real.position() == at);
          continue;
        }
        case 4:
          at = up_to(model.size());
          real.seek(at);
          continue;
        default:
          RC_ASSERT(real.try_skip(count).has_value() == there);
      }
      if (there) at += count;
      RC_ASSERT(real.position() == at);
      RC_ASSERT(real.left() == model.size() - at);
      if (!real.at_end()) RC_ASSERT(real.peek_byte() == static_cast<std::byte>(model[at]));
    }
  });
}

}  // namespace
}  // namespace zc
