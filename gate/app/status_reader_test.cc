// What must hold of reading a gateway's status: the page that was written last, whole, while the
// gateway goes on writing; what another version or a stranger wrote is refused with its reason; the
// end is noticed.
//
// Method: memory as a gateway makes it, in this process, looked at through /proc as another one
// would; then bytes of it broken by hand.

#include "gate/app/status_reader.h"

#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zc/io/mapping.h"
#include "zc/io/system.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using message = zc::plain_message<status_page>;

// A gateway's end, without the gateway.
class fake_gateway {
 public:
  explicit fake_gateway(std::size_t page_size = sizeof(message), const char* name = "zc-test")
      : memory_(
            *(*zc::io::shared_memory::create(zc::page_latch::room_for(page_size), name)).publish()),
        latch_(memory_.room(), page_size) {}

  void write(std::span<const std::byte> page) { latch_.publish(page); }
  zc::io::publisher at() const {
    return {zc::io::process_id(), "/proc/self/fd/" + std::to_string(memory_.file().get())};
  }

 private:
  zc::io::published_memory memory_;
  zc::page_latch::writer latch_;
};

std::unique_ptr<message> page(std::uint64_t accepted) {
  auto made = std::make_unique<message>(status_page{});
  made->value().head.receivers = 1;
  made->value().head.written_at = accepted;
  made->value().receivers[0].accepted = accepted;
  made->value().queues.back().sent_bytes = accepted;
  return made;
}

// What the reader says of a page like ours with one field of its header changed.
template <class Change>
std::string refusal(Change change) {
  auto broken = page(1);
  std::vector<std::byte> raw(broken->view().begin(), broken->view().end());
  zc::plain_header header;
  std::memcpy(&header, raw.data(), sizeof header);
  change(header);
  std::memcpy(raw.data(), &header, sizeof header);
  fake_gateway gateway;
  gateway.write(raw);
  const auto reader = status_reader::open(gateway.at());
  if (!reader) return reader.error();
  const auto read = reader->read();
  return read ? "" : read.error();
}

TEST(StatusReaderTest, ReadsWhatWasWrittenLast) {
  fake_gateway gateway;
  gateway.write(page(1)->view());
  const auto reader = status_reader::open(gateway.at());
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_EQ(reader->completed(), 1U);
  EXPECT_EQ((*reader->read())->receivers[0].accepted, 1U);
  gateway.write(page(2)->view());
  EXPECT_EQ(reader->completed(), 2U);
  EXPECT_EQ((*reader->read())->receivers[0].accepted, 2U);
  EXPECT_FALSE(reader->gone());
}

TEST(StatusReaderTest, TheLastPageIsReadAfterTheEnd) {
  auto gateway = std::make_unique<fake_gateway>();
  gateway->write(page(7)->view());
  const auto reader = status_reader::open(gateway->at());
  ASSERT_TRUE(reader) << reader.error();
  gateway.reset();
  EXPECT_TRUE(reader->gone());
  EXPECT_EQ((*reader->read())->receivers[0].accepted, 7U);
}

TEST(StatusReaderTest, PagesAreWholeWhileTheGatewayGoesOn) {
  fake_gateway gateway;
  gateway.write(page(1)->view());
  const auto reader = status_reader::open(gateway.at());
  ASSERT_TRUE(reader) << reader.error();
  std::jthread writing([&](const std::stop_token& stop) {
    const auto made = page(1);
    for (std::uint64_t n = 2; !stop.stop_requested(); ++n) {
      made->value().head.written_at = n;
      made->value().receivers[0].accepted = n;
      made->value().queues.back().sent_bytes = n;
      gateway.write(made->view());
    }
  });
  std::uint64_t last = 0;
  for (int whole = 0; whole < 500 || last < 500;) {
    const auto read = reader->read();
    if (!read) continue;  // overtaken too often: the writer does not rest here
    ASSERT_EQ((*read)->head.written_at, (*read)->receivers[0].accepted);
    ASSERT_EQ((*read)->head.written_at, (*read)->queues.back().sent_bytes);
    ASSERT_GE((*read)->head.written_at, last);
    last = (*read)->head.written_at;
    ++whole;
  }
}

TEST(StatusReaderTest, AnotherVersionIsRefusedByItsLayout) {
  const auto layout =
      AllOf(HasSubstr("another layout (00000000000000ff, version 1)"), HasSubstr("/exe top"));
  EXPECT_THAT(refusal([](auto& h) { h.hash = 0xff; }), layout);
  EXPECT_THAT(refusal([](auto& h) { h.version = 9; }), HasSubstr("version 9) than this program"));
  EXPECT_THAT(refusal([](auto& h) { h.element_bytes -= 8; }), HasSubstr("another layout"));
  EXPECT_EQ(refusal([](auto&) {}), "");
}

TEST(StatusReaderTest, WhatIsNoPageIsRefused) {
  EXPECT_THAT(refusal([](auto& h) { h.magic[0] = 'Z'; }), HasSubstr("not a plain message"));
  EXPECT_THAT(refusal([](auto& h) { h.count = 0; }), HasSubstr("not one value"));
  EXPECT_THAT(refusal([](auto& h) { h.count = 2; }), HasSubstr("fewer elements"));
  fake_gateway tiny(8);
  tiny.write(std::vector<std::byte>(8));
  const auto reader = status_reader::open(tiny.at());
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_THAT(reader->read().error(), HasSubstr("shorter than the header"));
}

TEST(StatusReaderTest, WhatIsNoPublishedMemoryIsRefused) {
  const fake_gateway silent;
  EXPECT_THAT(status_reader::open(silent.at()).error(), HasSubstr("no page yet"));
  EXPECT_THAT(status_reader::open({1, "/proc/self/stat"}).error(), HasSubstr("no shared memory"));
  EXPECT_THAT(status_reader::open({1, "/nowhere"}).error(), HasSubstr("No such file"));
  const fake_gateway large(4 << 20);
  EXPECT_THAT(status_reader::open(large.at()).error(), HasSubstr("above the limit"));
}

TEST(StatusReaderTest, GatewaysAreFoundByTheNameOfTheirMemory) {
  const auto mine = [] {
    return std::ranges::count(status_reader::gateways(), zc::io::process_id(),
                              &zc::io::publisher::process);
  };
  EXPECT_EQ(mine(), 0);
  const fake_gateway gateway(sizeof(message), status_memory_name);
  EXPECT_EQ(mine(), 1);
}

}  // namespace
}  // namespace sluice
