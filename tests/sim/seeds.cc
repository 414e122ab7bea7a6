#include "tests/sim/seeds.h"

#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

// The sanitizers' own. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*)(void));

namespace sluice::sim {
namespace {

constexpr std::size_t fresh_seeds = 8;
constexpr std::size_t checked_seeds = 3;  // for determinism

std::string program() {
  char path[4096];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof(path));
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : "./sim_test";
}

std::string test_name() {
  const auto* about = ::testing::UnitTest::GetInstance()->current_test_info();
  return std::string(about->test_suite_name()) + "." + about->name();
}

std::string command(std::uint64_t seed) {
  return "SLUICE_SIM_SEED=" + std::to_string(seed) + " " + program() +
         " --gtest_filter=" + test_name();
}

// What a run that dies says last.
char last_words[8192];

void say_last_words() {
  (void)!::write(STDERR_FILENO, last_words, std::strlen(last_words));
}

void on_abort(int) {
  say_last_words();
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void prepare_last_words() {
  static const bool once = [] {
    std::signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(say_last_words);
    return true;
  }();
  (void)once;
}

std::uint64_t run_one(std::uint64_t seed, const scenario& run) {
  const std::string words = "\nrepeat with: " + command(seed) + "\n";
  std::snprintf(last_words, sizeof(last_words), "%s", words.c_str());
  const std::uint64_t hash = run(seed);
  last_words[0] = '\0';
  if (::testing::Test::HasFailure()) std::fputs(words.c_str(), stderr);
  return hash;
}

std::optional<std::uint64_t> hash_in_another_process(std::uint64_t seed) {
  const std::unique_ptr<FILE, int (*)(FILE*)> other(
      ::popen((command(seed) + " 2>/dev/null").c_str(), "r"), ::pclose);
  if (other == nullptr) return std::nullopt;
  char line[512];
  std::optional<std::uint64_t> hash;
  while (std::fgets(line, sizeof(line), other.get()) != nullptr) {
    std::uint64_t found = 0;
    if (std::sscanf(line, "trace hash %" SCNx64, &found) == 1) hash = found;
  }
  return hash;
}

std::size_t wanted(std::size_t count) {
  const char* given = std::getenv("SLUICE_SIM_SEEDS");
  if (given == nullptr) return count;
  if (*given == '+') return count + std::strtoull(given + 1, nullptr, 10);
  return std::min<std::size_t>(count, std::strtoull(given, nullptr, 10));
}

}  // namespace

void over_seeds(std::size_t count, const scenario& run) {
  prepare_last_words();
  if (const char* one = std::getenv("SLUICE_SIM_SEED"); one != nullptr) {
    const std::uint64_t hash = run_one(std::strtoull(one, nullptr, 10), run);
    std::printf("trace hash %016" PRIx64 "\n", hash);
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  count = wanted(count);
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const std::uint64_t hash = run_one(seed, run);
    if (::testing::Test::HasFailure()) return;
    if (seed > checked_seeds) continue;
    EXPECT_EQ(hash, run_one(seed, run)) << "seed " << seed << " was another run the second time";
    EXPECT_EQ(hash, hash_in_another_process(seed).value_or(0))
        << "seed " << seed << " was another run in another process";
    if (::testing::Test::HasFailure()) return;
  }
  std::random_device entropy;
  std::string fresh;
  for (std::size_t i = 0; i < fresh_seeds; ++i) {
    const std::uint64_t seed = (std::uint64_t{entropy()} << 16 | entropy() % 65536) + 1'000'000;
    fresh += " " + std::to_string(seed);
    run_one(seed, run);
    if (::testing::Test::HasFailure()) return;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("seeds 1 to %zu and fresh ones%s: %.1f s\n", count, fresh.c_str(), took.count());
}

std::size_t seeds_until(std::size_t most, const std::function<bool(std::uint64_t seed)>& fails) {
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    if (fails(seed)) return seed;
  }
  return 0;
}

}  // namespace sluice::sim
