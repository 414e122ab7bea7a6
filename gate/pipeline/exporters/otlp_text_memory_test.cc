// What must hold of the text's memory: plain text is not copied to be shown, and a request of many
// records costs a few allocations, not some per field: the page grows, the rest is scratch.
#include <string>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "gate/pipeline/exporters/otlp_text.h"
#include "zc/testing/allocations.h"

namespace sluice {
namespace {

// `records` log records, each with a body and three attributes.
std::string many(int records) {
  std::string out;
  zc::pb::string_writer w(out);
  w.message(1, [&] {
    w.message(2, [&] {
      for (int i = 0; i < records; ++i) {
        w.message(2, [&] {
          w.fixed64(1, 1'700'000'000'000'000'000U);
          w.message(5, [&] { w.text(1, "a body that is too long for the string itself"); });
          for (int a = 0; a < 3; ++a) {
            w.message(6, [&] {
              w.text(1, "an.attribute.of.some.length");
              w.message(2, [&] { w.text(1, "and a value that needs no escaping"); });
            });
          }
          w.bytes(9, std::as_bytes(std::span(std::string_view("0123456789abcdef"))));
        });
      }
    });
  });
  return out;
}

std::uint64_t allocations_for(const std::string& request, debug_verbosity how) {
  const auto before = zc::testing::allocations();
  const auto text = request_text(otlp::signal::logs, request, how, 1 << 20);
  EXPECT_TRUE(text);
  return zc::testing::allocations().times - before.times;
}

TEST(OtlpTextMemoryTest, RecordsCostNoAllocationsOfTheirOwn) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  for (const auto how : {debug_verbosity::normal, debug_verbosity::detailed}) {
    const std::string request = many(200);
    (void)allocations_for(request, how);  // the thread's scratch is there from here on
    EXPECT_LE(allocations_for(request, how), 24U) << "for 200 records: a doubling page";
  }
}

}  // namespace
}  // namespace sluice
