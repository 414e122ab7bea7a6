#include "zc/io/signal_watch.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "zc/io/address.h"
#include "zc/io/fd.h"
#include "zc/shard/topology.h"

namespace zc::io {
namespace {

constexpr unsigned char end_mark = 0;  // no signal has this number

// Made once and never closed: a handler may still be about to write while a watch ends on another
// thread.
struct signal_pipe {
  fd out;
  fd in;
  signal_pipe() noexcept {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    out.reset(ends[0]);
    in.reset(ends[1]);
    ::fcntl(in.get(), F_SETFL, O_NONBLOCK);  // the handler's end must never block
  }
};

signal_pipe& the_pipe() {
  static auto& pipe = *new signal_pipe;
  return pipe;
}

std::atomic<int> handler_writes_to{-1};
std::atomic<bool> watching{false};
static_assert(std::atomic<int>::is_always_lock_free);

void write_mark(int descriptor, unsigned char mark) noexcept {
  (void)!::write(descriptor, &mark, 1);
}

extern "C" void zc_io_on_signal(int number) {
  const int before = errno;
  write_mark(handler_writes_to.load(), static_cast<unsigned char>(number));
  errno = before;
}

}  // namespace

struct signal_watch::target {
  shard& to;
  on_signal call;
  std::atomic<bool> gone{false};
};

result<std::unique_ptr<signal_watch>> signal_watch::start(shard& to, on_signal call,
                                                          std::initializer_list<int> numbers) {
  if (watching.exchange(true)) return fail(errc::unsupported, "signals are watched already");
  signal_pipe& pipe = the_pipe();
  if (!pipe.in) {
    watching.store(false);
    return fail(errc::exhausted, "no descriptors for the signal pipe");
  }
  handler_writes_to.store(pipe.in.get());
  ignore_write_signals();
  std::unique_ptr<signal_watch> made(new signal_watch);
  made->target_ = std::make_shared<target>(to, std::move(call));
  // Before the handlers: the thread inherits nothing from them, but a signal must find a reader.
  made->thread_ = std::thread([target = made->target_, from = pipe.out.get()] {
    name_this_thread("signals");
    for (;;) {
      unsigned char mark = end_mark;
      const ssize_t got = ::read(from, &mark, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got != 1 || mark == end_mark) return;
      target->to.post([target, number = static_cast<int>(mark)] {
        if (!target->gone.load()) target->call(number);
      });
    }
  });
  struct sigaction how{};
  how.sa_handler = zc_io_on_signal;
  how.sa_flags = SA_RESTART;
  ::sigemptyset(&how.sa_mask);
  for (const int number : numbers) {
    struct sigaction before{};
    if (::sigaction(number, &how, &before) != 0) {
      return std::unexpected(os_error(errno));  // the destructor puts back what was changed
    }
    made->former_.emplace_back(number, before);
  }
  return made;
}

signal_watch::~signal_watch() {
  target_->gone.store(true);
  for (const auto& [number, before] : former_) ::sigaction(number, &before, nullptr);
  // The pipe is full only when the thread has plenty to read: it makes room.
  const unsigned char mark = end_mark;
  while (::write(the_pipe().in.get(), &mark, 1) != 1) std::this_thread::yield();
  thread_.join();
  watching.store(false);
}

void ignore_write_signals() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

const std::atomic<bool>& hangup_flag_on_signal() noexcept {
  static std::atomic<bool> flag{false};
  struct sigaction how{};
  how.sa_handler = [](int) { flag.store(true, std::memory_order_relaxed); };
  how.sa_flags = SA_RESTART;
  sigemptyset(&how.sa_mask);
  sigaction(SIGHUP, &how, nullptr);
  return flag;
}

const std::atomic<bool>& stop_flag_on_signals() noexcept {
  static std::atomic<bool> flag{false};
  static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");
  struct sigaction how{};
  how.sa_handler = [](int) { flag.store(true, std::memory_order_relaxed); };
  sigemptyset(&how.sa_mask);
  sigaction(SIGINT, &how, nullptr);
  sigaction(SIGTERM, &how, nullptr);
  return flag;
}

}  // namespace zc::io
