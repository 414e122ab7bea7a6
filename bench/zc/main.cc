#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <latch>
#include <malloc.h>
#include <map>
#include <pthread.h>
#include <sched.h>
#include <sstream>
#include <string>
#include <string_view>
#include <unistd.h>

#include "bench/zc/harness.h"

namespace bench {
namespace {

struct one_case {
  body run;
  weight memory;
  unsigned threads = 1;
  std::uint64_t times = 0;  // operations that fill the time asked for, once known
};
std::map<std::string, one_case>& cases() {
  static std::map<std::string, one_case> all;
  return all;
}
std::array<int, 2> cores = {0, 1};

void list() {
  std::string out;
  for (const auto& [name, c] : cases()) {
    out += out.empty() ? "" : ", ";
    out += "{\"name\": \"" + name + "\", \"threads\": " + std::to_string(c.threads) + "}";
  }
  std::printf("{\"cases\": [%s]}\n", out.c_str());
}

void run(const std::string& name, double seconds) {
  const auto found = cases().find(name);
  if (found == cases().end()) {
    std::printf("{\"error\": \"no case %s\"}\n", name.c_str());
    return;
  }
  one_case& c = found->second;
  const double wanted = seconds * 1e9;
  // How many operations fill the time: measured once, doubling. Of two threads never few, or one
  // turn of the scheduler would be the figure.
  const std::uint64_t fewest = c.threads > 1 ? 32 : 1;
  for (std::uint64_t n = fewest; c.times == 0; n *= 2) {
    const double took = c.run(n);
    if (took < wanted / 4 && n < 1u << 30) continue;
    const double fills = static_cast<double>(n) * wanted / took;
    c.times = std::max(fewest, static_cast<std::uint64_t>(fills) + 1);
  }
  const double took = c.run(c.times);
  const double memory = c.memory ? c.memory() : 0;
  std::printf("{\"name\": \"%s\", \"ns\": %.4f, \"times\": %llu, \"memory\": %.0f}\n", name.c_str(),
              took / static_cast<double>(c.times), static_cast<unsigned long long>(c.times),
              memory);
}

}  // namespace

void add(std::string name, body run, unsigned threads) {
  cases().emplace(std::move(name), one_case{std::move(run), {}, threads});
}
void add_weighed(std::string name, body run, weight memory) {
  cases().emplace(std::move(name), one_case{std::move(run), std::move(memory)});
}

void pin(unsigned thread) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(cores.at(thread)), &one);
  pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

double resident() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double total = 0, pages = 0;
  statm >> total >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace bench

int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--cores")
      std::sscanf(argv[i + 1], "%d,%d", &bench::cores[0], &bench::cores[1]);
  }
  bench::pin(0);
  // A second thread that sleeps: shared_ptr and malloc leave out their atomics as long as a process
  // has only ever had one, which no user of these things has. It prepares the cases before, so that
  // what they leave behind are holes in its arena of malloc and not in ours, where every block
  // would come out of such a hole or not as the preparing of some other row happens to have been.
  std::latch prepared(1);
  std::thread([&] {
    bench::add_bytes();
    bench::add_chains();
    bench::add_memory();
    bench::add_values();
    bench::add_snapshots();
    bench::add_channels();
    prepared.count_down();
    pause();
  }).detach();
  prepared.wait();
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb, name;
    double seconds = 0;
    words >> verb >> name >> seconds;
    if (verb == "list") bench::list();
    if (verb == "run") bench::run(name, seconds);
    std::fflush(stdout);
  }
}
