// Whatever is asked of a cursor, and however its chain is cut: it reads what lies there, refuses
// what does not, and never looks outside. The first half of the input is the content, the second
// half says how it is cut and what is asked.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "zc/base/check.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"

namespace {

using namespace zc;

struct script {
  std::span<const std::uint8_t> steps;
  std::uint8_t next() noexcept {
    if (steps.empty()) return 0;
    const std::uint8_t step = steps.front();
    steps = steps.subspan(1);
    return step;
  }
};

bytes_chain cut(std::string_view text, script& how) {
  bytes_chain c;
  while (!text.empty()) {
    const std::size_t here = std::min<std::size_t>(text.size(), 1 + how.next() % 16);
    if (how.next() % 2 == 0)
      c.append_copy(text.substr(0, here));
    else
      c.append(bytes::copy_of(text.substr(0, here)));
    text.remove_prefix(here);
  }
  return c;
}

void ask(chain_cursor& at, std::string_view text, script& what) {
  const std::size_t before = at.position();
  const std::uint8_t kind = what.next();
  const std::size_t count = kind % 16 == 15 ? SIZE_MAX : what.next();
  const std::string_view rest = text.substr(before);
  switch (kind % 6) {
    case 0: {
      const auto got = at.try_take(count);
      ZC_CHECK(got.has_value() == (count <= rest.size()));
      if (got) ZC_CHECK(*got == rest.substr(0, count));
      break;
    }
    case 1: {
      const auto got = at.try_take_until(static_cast<std::byte>(what.next()), count);
      if (!got) ZC_CHECK(at.position() == before && got.error().offset == before);
      if (got) ZC_CHECK(*got == rest.substr(0, got->size()) && got->size() <= count);
      break;
    }
    case 2: {
      const auto got = at.try_read_be<std::uint32_t>();
      ZC_CHECK(got.has_value() == (rest.size() >= 4));
      break;
    }
    case 3: {
      std::byte scratch[256];
      const auto got = at.try_read(count, scratch);
      ZC_CHECK(got.has_value() == (count <= rest.size()));
      if (got) ZC_CHECK(bytes::copy_of(*got) == rest.substr(0, count));
      break;
    }
    case 4:
      at.seek(count % (text.size() + 1));
      break;
    default:
      ZC_CHECK(at.try_skip(count).has_value() == (count <= rest.size()));
  }
  ZC_CHECK(at.left() == text.size() - at.position());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view text = all.substr(0, size / 2);
  script steps{{data + size / 2, size - size / 2}};
  const bytes_chain chain = cut(text, steps);
  ZC_CHECK(chain == text);
  if (!text.empty())
    ZC_CHECK(chain.find(text.substr(text.size() / 2)) == text.find(text.substr(text.size() / 2)));
  chain_cursor at(chain);
  while (!steps.steps.empty()) ask(at, text, steps);
  return 0;
}
