// zc/io/system.h - what this process may use, what it uses, and where it runs.
//
// Cost    Each reads a small file or makes a system call: for start-up and for metrics, not for a
//         data path.
// Errors  Where something cannot be known the answer is 0, or as said.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "zc/base/result.h"

namespace zc::io {

enum class memory_source : unsigned char { machine, cgroup_v1, cgroup_v2 };

struct memory_bound {
  std::uint64_t bytes = 0;
  memory_source from = memory_source::machine;
};

// The smallest of the machine's memory and the limits of the cgroups this process is in, parents
// included. `root` is where /proc and /sys are looked for: tests pass a directory of their own.
memory_bound memory_limit(const std::string& root = "");

// How many cores' worth of time the cgroups grant; 0 when they set no bound.
double cpu_limit(const std::string& root = "");

std::uint64_t resident_memory();               // bytes of this process in memory now
std::uint64_t virtual_memory();                // bytes of address space
std::chrono::nanoseconds cpu_time() noexcept;  // user and system, all threads
std::chrono::system_clock::time_point process_start_time();

struct open_files {
  std::uint64_t soft = 0;  // what is enforced
  std::uint64_t hard = 0;  // what it may be raised to
};
open_files open_files_limit() noexcept;
result<open_files> raise_open_files_limit() noexcept;  // soft to hard; the limits now

std::string hostname();
int process_id() noexcept;
bool is_terminal(int descriptor) noexcept;

}  // namespace zc::io
