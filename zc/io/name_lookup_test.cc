// What must hold of names: a slow name server delays nobody else, addresses are tried in the order
// it gave them, and a stream, or the whole poller, may go while it thinks.

#include "zc/io/name_lookup.h"

#include <atomic>
#include <thread>

#include "zc/io/epoll_for_tests.h"
#include "zc/testing/barrier.h"

namespace zc::io {
namespace {

using namespace for_tests;

// A name server that answers when the test says so.
struct slow_server : testing::barrier {
  result<std::vector<address>> answer(const endpoint& what) {
    wait();
    if (what.host == "nowhere.test") return fail(errc::system, "no such name");
    return places;
  }
  std::vector<address> places;
};

class NameLookupTest : public sockets {
 protected:
  NameLookupTest() {
    // The threads of the pool may still be in it when the test ends.
    poll_ = make_epoll_poller_with(
        [server = names_](const endpoint& what) { return server->answer(what); });
    server_.poll = poll_.get();
    listen();
    names_->places = {place(server_.io->local())};
  }
  ~NameLookupTest() override { names_->release(); }
  static address place(const endpoint& at) {
    return resolve(at, purpose::connecting).value().front();
  }
  void begin(party& p, const char* name) {
    auto made = poll_->connect(*endpoint::parse(name), {}, p);
    ASSERT_TRUE(made);
    p.io = std::move(*made);
  }
  std::shared_ptr<slow_server> names_ = std::make_shared<slow_server>();
};

TEST_F(NameLookupTest, WhileANameIsLookedUpOthersConnectAndWhatWasSentWaits) {
  party named;
  begin(named, "backend.test:1");
  named.outgoing = "hello";
  named.pump();
  names_->until_waiting(1);
  party& served = connected();
  client_.outgoing = "first";
  client_.pump();
  ASSERT_TRUE(until([&] { return served.received == "first"; }));
  EXPECT_EQ(named.connects, 0);
  names_->release();
  ASSERT_TRUE(until([&] {
    return named.connects == 1 && server_.parties.size() == 2 &&
           server_.parties.back()->received == "hello";
  }));
  EXPECT_EQ(named.io->peer(), server_.io->local().text());
}

TEST_F(NameLookupTest, AddressesAreTriedInOrderUntilOneAnswers) {
  const endpoint live = server_.io->local();
  endpoint closed = live;
  {
    listener other;
    other.poll = poll_.get();
    closed = (*poll_->listen(*endpoint::parse("127.0.0.1:0"), {}, other))->local();
  }
  names_->places = {place(closed), place(live)};
  names_->release();
  begin(client_, "two.test:1");
  ASSERT_TRUE(until([&] { return client_.connects == 1; }));
  EXPECT_EQ(client_.io->peer(), live.text());
  EXPECT_EQ(client_.failures, 0);
}

TEST_F(NameLookupTest, ANameThatIsNotKnownIsAFailureOnce) {
  names_->release();
  begin(client_, "nowhere.test:1");
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_STREQ(client_.failure.reason, "no such name");
  EXPECT_EQ(events_within(milliseconds(30)), 0u);
  EXPECT_EQ(client_.failures, 1);
}

TEST_F(NameLookupTest, AStreamMayGoWhileItsNameIsLookedUp) {
  begin(client_, "backend.test:1");
  names_->until_waiting(1);
  client_.io.reset();
  names_->release();
  EXPECT_LE(events_within(milliseconds(50)), 1u);
  EXPECT_EQ(client_.connects + client_.failures, 0);
  EXPECT_EQ(server_.accepted, 0);
}

TEST_F(NameLookupTest, ThePollerMayGoWhileNamesAreLookedUp) {
  party others[6];
  for (party& p : others) begin(p, "backend.test:1");
  names_->until_waiting(1);
  server_.io.reset();
  poll_.reset();
  names_->release();
  for (party& p : others) p.io.reset();
}

TEST_F(NameLookupTest, PausingResumingAndEndingWhileANameIsLookedUpTakeEffectLater) {
  begin(client_, "backend.test:1");
  client_.io->pause_read();
  client_.io->resume_read();
  client_.io->shutdown_send();
  EXPECT_EQ(client_.io->unsent(), 0u);
  names_->release();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1 && server_.parties[0]->ends == 1; }));
}

TEST(IsNameTest, NumbersPathsAndNothingAreNone) {
  EXPECT_FALSE(is_name(*endpoint::parse("127.0.0.1:1")));
  EXPECT_FALSE(is_name(*endpoint::parse("[::1]:1")));
  EXPECT_FALSE(is_name(*endpoint::parse(":1")));
  EXPECT_FALSE(is_name(*endpoint::parse("unix:/a")));
  EXPECT_TRUE(is_name(*endpoint::parse("localhost:1")));
  EXPECT_TRUE(is_name(*endpoint::parse("127.0.0.1.example:1")));
}

}  // namespace
}  // namespace zc::io
