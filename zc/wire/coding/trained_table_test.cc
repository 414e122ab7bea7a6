// What must hold of the trained table: it is the same every time, it has a code for every byte, and
// it is worth having.
#include "zc/wire/coding/trained_table.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <isa-l.h>

#include "zc/wire/coding/sample.h"

namespace zc::coders {
namespace {

std::size_t level0_size(std::string text, const isal_hufftables* table) {
  auto s = std::make_unique<isal_zstream>();
  isal_deflate_init(s.get());
  std::string out(text.size() * 2 + 1000, '\0');
  if (table != nullptr) {
    EXPECT_EQ(isal_deflate_set_hufftables(s.get(), const_cast<isal_hufftables*>(table),
                                          IGZIP_HUFFTABLE_CUSTOM),
              COMP_OK);
  }
  s->next_in = reinterpret_cast<unsigned char*>(text.data());
  s->avail_in = static_cast<unsigned>(text.size());
  s->next_out = reinterpret_cast<unsigned char*>(out.data());
  s->avail_out = static_cast<unsigned>(out.size());
  s->end_of_stream = 1;
  EXPECT_EQ(isal_deflate(s.get()), COMP_OK);
  return s->total_out;
}

TEST(TrainedTableTest, SmallBodiesItHasNotSeenBecomeSmallerThanWithTheDefaultTable) {
  std::size_t trained = 0;
  std::size_t usual = 0;
  for (unsigned seed = 1000; seed < 1030; ++seed) {
    const std::string text = sample_body(seed, 4000);
    trained += level0_size(text, &trained_table());
    usual += level0_size(text, nullptr);
  }
  EXPECT_LT(trained, usual * 97 / 100);
}

TEST(TrainedTableTest, ThereIsOneAndItHasACodeForEveryByte) {
  EXPECT_EQ(&trained_table(), &trained_table());
  for (int byte = 0; byte < 256; ++byte) EXPECT_GT(trained_table().lit_table_sizes[byte], 0);
}

TEST(SampleTest, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  EXPECT_EQ(sample_body(7, 5000), sample_body(7, 5000));
  EXPECT_NE(sample_body(7, 5000), sample_body(10, 5000));
  EXPECT_GE(sample_body(7, 5000).size(), 5000u);
  EXPECT_LT(sample_body(7, 5000).size(), 8000u);
}

}  // namespace
}  // namespace zc::coders
