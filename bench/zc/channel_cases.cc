// Row A10: bounded channels of 1024 items of eight bytes.
//
//   channel_same_thread  send and receive on one thread
//   channel_stream       one thread sends, another receives, each on a core of its own
//   channel_ping_pong    there and back again between two threads; one operation is a round trip
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "bench/zc/harness.h"
#include "zc/shard/channel.h"
#ifdef BENCH_HAVE_TBB
#include <oneapi/tbb/concurrent_queue.h>
#endif
#ifdef BENCH_HAVE_MOODYCAMEL
#include <concurrentqueue/blockingconcurrentqueue.h>
#endif
#ifdef BENCH_HAVE_BOOST_LOCKFREE
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#endif

namespace bench {
namespace {

constexpr std::size_t capacity = 1024;

// A contender is a class with send(item) and receive(), both of which wait.
template <class Channel>
void add_channel(const std::string& name) {
  add("channel_same_thread/" + name, [](std::uint64_t n) {
    const auto c = std::make_unique<Channel>();
    return loop(n, [&] {
      c->send(7);
      std::uint64_t item = c->receive();
      keep(item);
    });
  });
  add(
      "channel_stream/" + name,
      [](std::uint64_t n) {
        const auto c = std::make_unique<Channel>();
        return two_threads(
            [n, c = c.get()] {
              for (std::uint64_t i = 0; i < n; ++i) c->send(i);
            },
            [n, c = c.get()] {
              for (std::uint64_t i = 0; i < n; ++i) {
                std::uint64_t item = c->receive();
                keep(item);
              }
            });
      },
      2);
  add(
      "channel_ping_pong/" + name,
      [](std::uint64_t n) {
        const auto there = std::make_unique<Channel>();
        const auto back = std::make_unique<Channel>();
        return two_threads(
            [n, there = there.get(), back = back.get()] {
              for (std::uint64_t i = 0; i < n; ++i) {
                there->send(i);
                std::uint64_t item = back->receive();
                keep(item);
              }
            },
            [n, there = there.get(), back = back.get()] {
              for (std::uint64_t i = 0; i < n; ++i) back->send(there->receive());
            });
      },
      2);
}

template <class Topology>
class zc_channel {
 public:
  void send(std::uint64_t item) { keep_result(channel_.send_blocking(std::move(item))); }
  std::uint64_t receive() { return *channel_.receive_blocking(); }

 private:
  static void keep_result(const zc::channel_result<void>& sent) {
    if (!sent) std::abort();
  }
  zc::channel<std::uint64_t, Topology> channel_{{.items_max = capacity}};
};

class mutex_deque {
 public:
  void send(std::uint64_t item) {
    std::unique_lock lock(guard_);
    not_full_.wait(lock, [&] { return items_.size() < capacity; });
    items_.push_back(item);
    lock.unlock();
    not_empty_.notify_one();
  }
  std::uint64_t receive() {
    std::unique_lock lock(guard_);
    not_empty_.wait(lock, [&] { return !items_.empty(); });
    const std::uint64_t item = items_.front();
    items_.pop_front();
    lock.unlock();
    not_full_.notify_one();
    return item;
  }

 private:
  std::mutex guard_;
  std::condition_variable not_full_, not_empty_;
  std::deque<std::uint64_t> items_;
};

#ifdef BENCH_HAVE_TBB
class tbb_bounded {
 public:
  tbb_bounded() { queue_.set_capacity(capacity); }
  void send(std::uint64_t item) { queue_.push(item); }
  std::uint64_t receive() {
    std::uint64_t item = 0;
    queue_.pop(item);
    return item;
  }

 private:
  tbb::concurrent_bounded_queue<std::uint64_t> queue_;
};
#endif

#ifdef BENCH_HAVE_MOODYCAMEL
class moodycamel_blocking {  // has no bound: its producer never waits
 public:
  void send(std::uint64_t item) { queue_.enqueue(item); }
  std::uint64_t receive() {
    std::uint64_t item = 0;
    queue_.wait_dequeue(item);
    return item;
  }

 private:
  moodycamel::BlockingConcurrentQueue<std::uint64_t> queue_{capacity};
};
#endif

#ifdef BENCH_HAVE_BOOST_LOCKFREE
template <class Queue>
class boost_spinning {  // cannot sleep: whoever waits turns in a circle
 public:
  void send(std::uint64_t item) {
    while (!queue_.push(item)) std::this_thread::yield();
  }
  std::uint64_t receive() {
    std::uint64_t item = 0;
    while (!queue_.pop(item)) std::this_thread::yield();
    return item;
  }

 private:
  Queue queue_;
};
using boost_queue =
    boost_spinning<boost::lockfree::queue<std::uint64_t, boost::lockfree::capacity<capacity>>>;
using boost_spsc =
    boost_spinning<boost::lockfree::spsc_queue<std::uint64_t, boost::lockfree::capacity<capacity>>>;
#endif

}  // namespace

void add_channels() {
  add_channel<zc_channel<zc::mpmc>>("zc");
  add_channel<zc_channel<zc::spsc>>("zc_spsc");
  add_channel<mutex_deque>("mutex");
#ifdef BENCH_HAVE_TBB
  add_channel<tbb_bounded>("tbb");
#endif
#ifdef BENCH_HAVE_MOODYCAMEL
  add_channel<moodycamel_blocking>("moodycamel");
#endif
#ifdef BENCH_HAVE_BOOST_LOCKFREE
  add_channel<boost_queue>("boost");
  add_channel<boost_spsc>("boost_spsc");
#endif
}

}  // namespace bench
