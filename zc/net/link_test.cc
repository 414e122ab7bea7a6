// What must hold of a link: everything that is appended goes out once and in order, however little
// the kernel takes at a time; one send is under way at most; nothing more is made while much waits;
// and it may be destroyed in its callbacks.
//
// Method: a fake stream that takes what the test says, on a shard with a simulated clock.

#include "zc/net/link.h"

#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "zc/net/stage_for_tests.h"

namespace zc::net {
namespace {

class tester final : public link {
 public:
  tester(shard& on, wire_tap& tap) : link(on) { attach(std::make_unique<fake_stream>(tap)); }

  void say(std::string text) {
    out().append(bytes::from_string(std::move(text)));
    send_later();
  }
  void finish() { finish_sending(); }
  void hold() { pause(); }
  void go_on() { resume(); }
  std::size_t waiting() const { return out_waiting(); }
  std::uint64_t sent() const { return bytes_out(); }
  std::uint64_t came() const { return bytes_in(); }
  void append(std::string text) { out().append(bytes::from_string(std::move(text))); }

  // As the poller calls them.
  void receive(std::string_view text) {
    const std::span<std::byte> room = receive_room();
    ASSERT_GE(room.size(), text.size());
    std::memcpy(room.data(), text.data(), text.size());
    on_received(text.size());
  }
  void sent_now(std::size_t n) { on_sent(n); }
  void broken() { on_failed({errc::closed, "gone", 0, 0}); }

  std::function<void(tester&)> fill, drained, lost;
  std::function<void(tester&, bytes)> got;
  int fills = 0, drains = 0, losses = 0, progresses = 0;

 private:
  void on_bytes(bytes received) override {
    if (got) got(*this, std::move(received));
  }
  void on_end() override {}
  void fill_out() override {
    fills += 1;
    if (fill) fill(*this);
  }
  void on_progress() override { progresses += 1; }
  void on_drained() override {
    drains += 1;
    if (drained) drained(*this);
  }
  void on_lost(const error&) override {
    losses += 1;
    if (lost) lost(*this);
  }
};

class LinkTest : public ::testing::Test {
 protected:
  stage s;
  wire_tap tap;
  std::unique_ptr<tester> l = std::make_unique<tester>(s.on, tap);
};

TEST_F(LinkTest, WhatIsSaidInATurnLeavesInOneSendAtItsEnd) {
  l->say("a");
  l->say("b");
  l->say("c");
  EXPECT_EQ(tap.sends, 0);
  s.turn();
  EXPECT_EQ(tap.sent, "abc");
  EXPECT_EQ(tap.sends, 1);
  EXPECT_EQ(l->sent(), 3u);
  EXPECT_EQ(l->drains, 1);
}

TEST_F(LinkTest, APartialSendGoesOnWhereItStopped) {
  tap.at_once = 3;
  std::string all;
  for (int i = 0; i < 700; ++i) {  // more pieces than one send takes
    const std::string piece = std::to_string(i) + ",";
    all += piece;
    l->append(piece);
  }
  l->say("end");
  s.turn();
  EXPECT_EQ(tap.sent, all + "end");
  EXPECT_EQ(l->drains, 1);
  EXPECT_EQ(l->sent(), all.size() + 3);
}

TEST_F(LinkTest, WhileTheKernelHasASendNoOtherOneIsMadeAndItsSlicesStay) {
  tap.room = 2;
  l->say("abcdef");
  s.turn();
  ASSERT_TRUE(tap.pending);
  EXPECT_EQ(tap.sends, 2);
  EXPECT_EQ(l->drains, 0);
  l->say("gh");
  s.turn();
  s.turn();
  EXPECT_EQ(tap.sends, 2);
  ASSERT_EQ(tap.slices.size(), 1u);  // as the poller will read them
  EXPECT_EQ(std::string(static_cast<const char*>(tap.slices[0].data), 4), "cdef");
  tap.room = SIZE_MAX;
  l->sent_now(4);
  s.turn();
  EXPECT_EQ(tap.sent, "abgh");  // the four in between were the poller's
  EXPECT_EQ(l->sent(), 8u);
  EXPECT_EQ(l->drains, 1);
}

TEST_F(LinkTest, MoreIsMadeOnlyWhileLittleWaits) {
  int chunks = 0;
  l->fill = [&](tester& t) {
    if (chunks == 40) return;
    chunks += 1;
    t.append(std::string(100'000, 'x'));
  };
  tap.room = 0;
  l->say(std::string(2'000'000, 'y'));
  s.turn();
  EXPECT_EQ(l->fills, 0);
  tap.room = 4'500'000;
  tap.pending = false;
  l->sent_now(1'000'000);
  s.turn();
  EXPECT_GT(chunks, 30);                                    // as fast as it goes
  EXPECT_LE(l->waiting(), link::out_high_water + 100'000);  // but never much at once
  tap.room = SIZE_MAX;
  ASSERT_TRUE(tap.pending);
  l->sent_now(1);
  s.turn();
  EXPECT_EQ(chunks, 40);
  EXPECT_EQ(l->waiting(), 0u);
  EXPECT_EQ(l->drains, 1);
}

TEST_F(LinkTest, TheSendingSideIsShutBehindTheLastByteAndOnce) {
  tap.room = 1;
  l->say("ab");
  l->finish();
  s.turn();
  EXPECT_FALSE(tap.shut);
  tap.room = SIZE_MAX;
  l->sent_now(1);
  s.turn();
  EXPECT_TRUE(tap.shut);
  tap.shut = false;
  l->finish();
  s.turn();
  EXPECT_FALSE(tap.shut);
}

TEST_F(LinkTest, AFailedSendIsALossAndNotADrain) {
  tap.broken = true;
  l->say("a");
  s.turn();
  EXPECT_EQ(l->losses, 1);
  EXPECT_EQ(l->drains, 0);
}

TEST_F(LinkTest, ItMayBeDestroyedWhenLostOrDrainedOrFed) {
  l->drained = [&](tester&) { l.reset(); };
  l->say("a");
  s.turn();
  EXPECT_EQ(l, nullptr);
  EXPECT_TRUE(tap.gone);

  wire_tap second;
  second.broken = true;
  l = std::make_unique<tester>(s.on, second);
  l->lost = [&](tester&) { l.reset(); };
  l->say("a");
  s.turn();
  EXPECT_EQ(l, nullptr);

  wire_tap third;
  l = std::make_unique<tester>(s.on, third);
  l->say("never sent");
  l->got = [&](tester&, const bytes&) { l.reset(); };
  l->receive("a");
  EXPECT_EQ(l, nullptr);
  s.turn();  // what was put off to the turn end is off the list
  EXPECT_EQ(third.sent, "");

  wire_tap fourth;
  l = std::make_unique<tester>(s.on, fourth);
  l->lost = [&](tester&) { l.reset(); };
  l->broken();
  EXPECT_EQ(l, nullptr);
}

TEST_F(LinkTest, BytesComeAsSlicesOfTheShardsSlab) {
  std::string all;
  l->got = [&](tester&, const bytes& b) { all += b.text(); };
  l->receive("one");
  l->receive("two");
  EXPECT_EQ(all, "onetwo");
  EXPECT_EQ(l->came(), 6u);
}

TEST_F(LinkTest, PausingAndResumingReachTheStream) {
  l->hold();
  EXPECT_TRUE(tap.paused);
  l->go_on();
  EXPECT_FALSE(tap.paused);
}

}  // namespace
}  // namespace zc::net
