// What must hold of a pipeline: batches enter at the first processor, and draining goes from front
// to back.
#include "gate/pipeline/engine/pipeline.h"

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

// Passes batches on, marked, and drains when told that it may.
class stage final : public consumer {
 public:
  stage(std::string name, consumer& next, std::string& trace)
      : name_(std::move(name)), next_(next), trace_(trace) {}
  void consume(batch&& b) override {
    trace_ += name_;
    next_.consume(std::move(b));
  }
  void drain(zc::time_point) override {
    trace_ += "drain-" + name_ + " ";
    draining = true;
  }
  bool drained() const noexcept override { return draining && empty; }
  void report(std::vector<undelivered>& to) const override { to.push_back({name_, 1, 2}); }

  bool draining = false;
  bool empty = false;

 private:
  std::string name_;
  consumer& next_;
  std::string& trace_;
};

TEST(PipelineTest, WithoutProcessorsTheEntryIsTheFanOut) {
  kit::catcher end;
  kit::slot told;
  pipeline p("logs", otlp::signal::logs, {&end});
  p.entry().consume({kit::plain_payload(otlp::signal::logs, 1), told.ask(), {}});
  EXPECT_EQ(end.bodies.size(), 1U);
  EXPECT_TRUE(told.ok());
  p.drain({});
  EXPECT_TRUE(p.drained());
}

TEST(PipelineTest, ProcessorsRunInOrderAndDrainFrontToBack) {
  std::string trace;
  kit::catcher end;
  pipeline p("logs", otlp::signal::logs, {&end});
  auto last = std::make_unique<stage>("b", p.entry(), trace);
  stage& b = *last;
  p.put_before(std::move(last));
  auto first = std::make_unique<stage>("a", p.entry(), trace);
  stage& a = *first;
  p.put_before(std::move(first));
  p.entry().consume({kit::plain_payload(otlp::signal::logs, 1), {}, {}});
  EXPECT_EQ(trace, "ab");

  trace.clear();
  p.drain({});
  EXPECT_EQ(trace, "drain-a ");
  p.drain({});  // again: whoever was told hears of the new deadline
  EXPECT_EQ(trace, "drain-a drain-a ");
  EXPECT_FALSE(p.drained());
  EXPECT_FALSE(b.draining);  // the first still has to flush into it
  a.empty = true;
  EXPECT_FALSE(p.drained());
  EXPECT_EQ(trace, "drain-a drain-a drain-b ");
  b.empty = true;
  EXPECT_TRUE(p.drained());

  std::vector<undelivered> left;
  p.report(left);
  EXPECT_EQ(left.size(), 2U);
}

}  // namespace
}  // namespace sluice
