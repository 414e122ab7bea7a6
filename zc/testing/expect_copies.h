// zc/testing/expect_copies.h - how many bytes of payload a piece of a test may copy in user space.
//
//     EXPECT_USER_COPIES(0) {
//       client.send(body);
//       ASSERT_TRUE(server.received(body));
//     }
//     EXPECT_USER_COPIES_AT_MOST(200) node->consume(batch);
//     expect_user_copies(4, [&] { copy = bytes::copy_of(tail); });      the function form
//
// What counts is what all threads of the program report to the copy ledger (zc/base/ledger.h) while
// the block runs: bytes that functions with `copy` in their name copied, pieces coalesced, fields
// stitched, chains joined for a library. When it differs, the test fails with each reason's bytes
// and copies. A test of one thread that runs beside others says so: EXPECT_USER_COPIES_HERE.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc::testing {

inline std::string as_text(const ledger::totals& t) {
  std::ostringstream text;
  for (std::size_t i = 0; i < ledger::reasons; ++i) {
    if (t.times[i] == 0) continue;
    const auto why = static_cast<ledger::reason>(i);
    text << "\n  " << ledger::name_of(why) << ": " << t.bytes[i] << " bytes in " << t.times[i]
         << (t.times[i] == 1 ? " piece" : " pieces");
    if (why == ledger::reason::inflate || why == ledger::reason::deflate)
      text << " (made by a coder: not a copy)";
  }
  text << "\n  received " << t.received << " bytes, forwarded " << t.forwarded;
  return text.str();
}

// From its construction to check() or its end.
class copy_expectation {
 public:
  enum class kind : std::uint8_t { exactly, at_most };

  copy_expectation(kind how, std::uint64_t bytes, const char* file, int line,
                   ledger::threads whose = ledger::threads::all) noexcept
      : how_(how), bytes_(bytes), file_(file), line_(line), scope_(whose) {}
  copy_expectation(const copy_expectation&) = delete;
  copy_expectation& operator=(const copy_expectation&) = delete;
  ~copy_expectation() { check(); }

  void check() {
    if (std::exchange(checked_, true)) return;
    const ledger::totals t = scope_.so_far();
    const bool met = how_ == kind::exactly ? t.copied() == bytes_ : t.copied() <= bytes_;
    if (met) return;
    ADD_FAILURE_AT(file_, line_) << "user space was to copy "
                                 << (how_ == kind::exactly ? "exactly " : "at most ") << bytes_
                                 << " bytes of payload, and it copied " << t.copied() << " in "
                                 << t.copies() << " copies:" << as_text(t);
  }
  // For the macros: true the first time.
  bool begins() noexcept { return !std::exchange(begun_, true); }

 private:
  const kind how_;
  const std::uint64_t bytes_;
  const char* const file_;
  const int line_;
  bool checked_ = false;
  bool begun_ = false;
  const ledger::scope scope_;  // last: what we do before it is not counted
};

template <class Body>
void expect_user_copies(std::uint64_t bytes, Body&& body, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  copy_expectation expected(copy_expectation::kind::exactly, bytes, file, line);
  std::forward<Body>(body)();
}

}  // namespace zc::testing

#define ZC_EXPECT_COPIES(kind_, n_, whose_)                                                      \
  for (::zc::testing::copy_expectation zc_expected(::zc::testing::copy_expectation::kind::kind_, \
                                                   n_, __FILE__, __LINE__,                       \
                                                   ::zc::ledger::threads::whose_);               \
       zc_expected.begins();)

#define EXPECT_USER_COPIES(bytes) ZC_EXPECT_COPIES(exactly, bytes, all)
#define EXPECT_USER_COPIES_AT_MOST(bytes) ZC_EXPECT_COPIES(at_most, bytes, all)
#define EXPECT_USER_COPIES_HERE(bytes) ZC_EXPECT_COPIES(exactly, bytes, this_one)
