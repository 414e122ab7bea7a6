// gate/pipeline/engine/local_ptr.h - a shared value of one shard: counted without atomics.
//
// Ownership  Derive from local_counted and make it with make_local(); the last handle deletes it.
// Threads    One: the thread that made the value. Debug builds check it at every copy and access.
//            There is no way to hand one over: post() wants something made of `bytes`.
// Cost       copy: one plain increment. The object is one allocation.
#pragma once

#include <cstdint>
#include <utility>

#include "zc/base/check.h"
#ifndef NDEBUG
#include <thread>
#endif

namespace sluice {

class local_counted {
 public:
  local_counted(const local_counted&) = delete;
  local_counted& operator=(const local_counted&) = delete;

  // Aborts in debug builds when this is not the thread that made the value.
  void check_thread() const noexcept {
#ifndef NDEBUG
    ZC_CHECK(made_on_ == std::this_thread::get_id());
#endif
  }

 protected:
  local_counted() noexcept = default;
  ~local_counted() = default;

 private:
  template <class T>
  friend class local_ptr;

  std::uint32_t refs_ = 0;
#ifndef NDEBUG
  std::thread::id made_on_ = std::this_thread::get_id();
#endif
};

template <class T>
class [[nodiscard]] local_ptr {
 public:
  local_ptr() noexcept = default;
  explicit local_ptr(T* counted) noexcept : at_(counted) { acquire(); }
  local_ptr(const local_ptr& other) noexcept : at_(other.at_) { acquire(); }
  local_ptr(local_ptr&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  local_ptr& operator=(const local_ptr& other) noexcept {
    local_ptr kept(other);
    std::swap(at_, kept.at_);
    return *this;
  }
  local_ptr& operator=(local_ptr&& other) noexcept {
    local_ptr taken(std::move(other));
    std::swap(at_, taken.at_);
    return *this;
  }
  ~local_ptr() { release(); }

  explicit operator bool() const noexcept { return at_ != nullptr; }
  T* get() const noexcept { return at_; }
  T& operator*() const noexcept { return *checked(); }
  T* operator->() const noexcept { return checked(); }
  bool unique() const noexcept { return at_ != nullptr && at_->refs_ == 1; }
  void reset() noexcept { local_ptr().swap(*this); }
  void swap(local_ptr& other) noexcept { std::swap(at_, other.at_); }

 private:
  T* checked() const noexcept {
    at_->check_thread();
    return at_;
  }
  void acquire() noexcept {
    if (at_ == nullptr) return;
    at_->check_thread();
    at_->refs_ += 1;
  }
  void release() noexcept {
    if (at_ == nullptr) return;
    at_->check_thread();
    at_->refs_ -= 1;
    if (at_->refs_ == 0) delete at_;
  }

  T* at_ = nullptr;
};

template <class T, class... Args>
local_ptr<T> make_local(Args&&... args) {
  return local_ptr<T>(new T(std::forward<Args>(args)...));
}

}  // namespace sluice
