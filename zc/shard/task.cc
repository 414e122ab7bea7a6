#include "zc/shard/task.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "zc/shard/shard.h"

namespace zc::detail {

void task_threw() noexcept {
  const char* what = "";
  std::exception_ptr held = std::current_exception();
  try {
    if (held) std::rethrow_exception(held);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "not a std::exception";
  }
  std::fprintf(stderr, "zc: an exception left a task: %s\n", what);
  std::abort();
}

void* get_frame(std::size_t size) {
  shard* home = shard::current();
  return home != nullptr ? home->frames().get(size) : frame_cache::get_anew(size);
}

void put_frame(void* frame, std::size_t size) noexcept {
  shard* home = shard::current();
  if (home != nullptr) return home->frames().put(frame, size);
  frame_cache::give_up(frame, size);
}

}  // namespace zc::detail
