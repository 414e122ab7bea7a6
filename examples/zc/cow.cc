// A3  Copy-on-write: text that is in its normal form already is borrowed; only what must change
//     is copied, once, and the ledger says so.
#include "zc/mem/cow.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "zc/base/check.h"
#include "zc/base/ledger.h"

namespace {

// Field names in lower case. The parameter is borrowed: the result must not outlive it.
zc::cow_text normal(std::string_view name ZC_LIFETIMEBOUND) {
  zc::cow_text out = zc::cow_text::borrow(name);
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] >= 'A' && name[i] <= 'Z') out.to_mut()[i] = static_cast<char>(name[i] + 32);
  }
  return out;
}

}  // namespace

int main() {
  constexpr std::array<std::string_view, 4> names = {"host", "content-type", "X-Tenant", "accept"};
  std::size_t borrowed = 0;
  for (const std::string_view name : names) {
    const zc::cow_text shown = normal(name);
    borrowed += shown.is_borrowed();
    if (shown.is_borrowed()) ZC_CHECK(shown.view().data() == name.data());
  }
  ZC_CHECK(borrowed == 3);
  ZC_CHECK(zc::ledger::read().copied() == 8);  // x-tenant

  // With shared bytes it may be kept: it pins what it shares, and copies only when it must.
  const zc::bytes page = zc::bytes::from_string("a page");
  zc::cow_bytes mine = zc::cow_bytes::share(page);
  mine.to_mut()[0] = std::byte{'A'};
  const zc::bytes changed = std::move(mine).into_bytes();
  ZC_CHECK(page.text() == "a page" && changed.text() == "A page");
  std::puts("three of four names borrowed, one copied");
}
