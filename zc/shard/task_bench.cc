// What tasks, wakeups and calls cost, each beside the ordinary way: a function, a posted callback,
// a promise that a thread waits for. Frames from the shard's cache beside frames from operator new.

#include <atomic>
#include <coroutine>
#include <functional>
#include <future>
#include <memory>

#include <benchmark/benchmark.h>

#include "zc/shard/call.h"
#include "zc/shard/frame_cache.h"
#include "zc/shard/offload.h"
#include "zc/shard/sleep.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

[[gnu::noinline]] int plain(int n) {
  benchmark::DoNotOptimize(n);
  return n + 1;
}

task<int> child(int n) {
  benchmark::DoNotOptimize(n);
  co_return n + 1;
}

task<> call_children(benchmark::State& state) {
  int n = 0;
  for (auto _ : state) {
    const int next = co_await child(n);
    n = next;
  }
  benchmark::DoNotOptimize(n);
}

void function_call(benchmark::State& state) {
  int n = 0;
  for (auto _ : state) n = plain(n);
  benchmark::DoNotOptimize(n);
}
BENCHMARK(function_call);

void std_function_on_the_heap(benchmark::State& state) {
  int n = 0;
  for (auto _ : state) {
    // What a callback costs that keeps as much as the frame does.
    const std::function<int(int)> f = [pad = std::array<int, 16>{}](int i) {
      return i + 1 + pad[0];
    };
    n = f(n);
  }
  benchmark::DoNotOptimize(n);
}
BENCHMARK(std_function_on_the_heap);

void task_that_does_not_suspend(benchmark::State& state) {
  testing::shard_rig r;
  task_scope scope(r.worker, 1);
  (void)scope.spawn(call_children(state));
}
BENCHMARK(task_that_does_not_suspend);

void frame_from_the_cache(benchmark::State& state) {
  frame_cache cache;
  for (auto _ : state) {
    void* frame = cache.get(200);
    benchmark::DoNotOptimize(frame);
    cache.put(frame, 200);
  }
}
BENCHMARK(frame_from_the_cache);

void frame_from_operator_new(benchmark::State& state) {
  for (auto _ : state) {
    void* frame = frame_cache::get_anew(200);
    benchmark::DoNotOptimize(frame);
    frame_cache::give_up(frame, 200);
  }
}
BENCHMARK(frame_from_operator_new);

void resume_by_wakeup(benchmark::State& state) {
  testing::shard_rig r;
  task_scope scope(r.worker, 1);
  const auto spin = [](std::size_t& count) -> task<> {
    for (;;) {
      co_await yield();
      count += 1;
    }
  };
  std::size_t resumed = 0;
  (void)scope.spawn(spin(resumed));
  r.io->script = [](nanoseconds) { return std::size_t{0}; };
  while (state.KeepRunningBatch(2 * shard::resumes_max)) {
    r.turn();
    r.io->waits.clear();
  }
  benchmark::DoNotOptimize(resumed);
}
BENCHMARK(resume_by_wakeup);

void resume_by_post(benchmark::State& state) {
  testing::shard_rig r;
  std::size_t ran = 0;
  while (state.KeepRunningBatch(512)) {
    for (int i = 0; i < 512; ++i) r.worker.post([&ran] { ran += 1; });
    r.turn();
    r.io->waits.clear();
  }
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(resume_by_post);

void letter_by_mailbox(benchmark::State& state) {
  testing::shard_rig r;
  std::size_t ran = 0;
  while (state.KeepRunningBatch(512)) {
    for (int i = 0; i < 512; ++i) {
      benchmark::DoNotOptimize(r.worker.mail().try_post([&ran] { ran += 1; }));
    }
    r.turn();
    r.io->waits.clear();
  }
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(letter_by_mailbox);

// One at a time, so the price of two thread switches; and as many at a time as `state` says.
void call_to_another_shard(benchmark::State& state) {
  testing::running_shard there;
  testing::running_shard here;
  const auto at_once = static_cast<int>(state.range(0));
  std::unique_ptr<task_scope> scope;
  std::atomic<int> done{0};
  const auto one = [](shard& to, std::atomic<int>& count) -> task<> {
    auto asked = call(to, [] { return 1; });
    (void)co_await std::move(asked);
    count += 1;
    count.notify_one();
  };
  here.run([&](shard& on) { scope = std::make_unique<task_scope>(on, 1024); });
  while (state.KeepRunningBatch(at_once)) {
    done = 0;
    here.run([&](shard&) {
      for (int i = 0; i < at_once; ++i) (void)scope->spawn(one(there.worker(), done));
    });
    for (int seen = done; seen < at_once; seen = done) done.wait(seen);
  }
  here.run([&](shard&) { scope.reset(); });
}
BENCHMARK(call_to_another_shard)->Arg(1)->Arg(256)->UseRealTime();

void post_and_promise(benchmark::State& state) {
  testing::running_shard there;
  for (auto _ : state) {
    std::promise<int> answered;
    there.worker().post([&] { answered.set_value(1); });
    benchmark::DoNotOptimize(answered.get_future().get());
  }
}
BENCHMARK(post_and_promise)->UseRealTime();

void ask_a_shard(benchmark::State& state) {
  testing::running_shard there;
  for (auto _ : state) benchmark::DoNotOptimize(ask(there.worker(), [] { return 1; }));
}
BENCHMARK(ask_a_shard)->UseRealTime();

void offload_from_a_shard(benchmark::State& state) {
  testing::running_shard here;
  offload_pool pool;
  for (auto _ : state) {
    std::atomic<bool> done{false};
    offload_ticket ticket;
    here.run([&](shard& on) {
      ticket = pool.run(
          on, [] { return 1; },
          [&](result<int>&&) {
            done = true;
            done.notify_one();
          });
    });
    done.wait(false);
    here.run([&](shard&) { ticket.drop(); });
  }
}
BENCHMARK(offload_from_a_shard)->UseRealTime();

}  // namespace
}  // namespace zc

BENCHMARK_MAIN();
