// zc/io/fd.h - a file descriptor that closes itself.
#pragma once

#include <unistd.h>
#include <utility>

namespace zc::io {

class fd {
 public:
  fd() noexcept = default;
  explicit fd(int number) noexcept : number_(number) {}
  fd(fd&& f) noexcept : number_(f.release()) {}
  fd& operator=(fd&& f) noexcept {
    reset(f.release());
    return *this;
  }
  ~fd() { reset(); }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset(int number = -1) noexcept {
    // EINTR from close() still means closed on Linux: never repeated.
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }

 private:
  int number_ = -1;
};

}  // namespace zc::io
