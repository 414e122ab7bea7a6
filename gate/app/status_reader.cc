#include "gate/app/status_reader.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace sluice {
namespace {

constexpr std::size_t memory_max = 4_MiB;  // of any version
constexpr std::chrono::milliseconds moment(300);
constexpr std::chrono::milliseconds look_again(20);

std::string words(int process, const zc::error& why) {
  const std::string cause = why.os != 0 ? std::strerror(why.os) : why.reason;
  return fmt::format("process {}: cannot read its status: {}", process, cause);
}

// Another version of the gateway, most likely: its own program can read it.
std::string foreign(int process, std::span<const std::byte> message) {
  zc::plain_header theirs;
  std::memcpy(&theirs, message.data(), sizeof theirs);
  constexpr zc::plain_header ours = zc::plain_header::of<status_page>(1);
  return fmt::format(
      "process {}: its status has another layout ({:016x}, version {}) than this program reads "
      "({:016x}, version {}); the gateway's own program reads it: /proc/{}/exe top {}",
      process, theirs.hash, theirs.version, ours.hash, ours.version, process, process);
}

}  // namespace

std::vector<zc::io::publisher> status_reader::gateways() {
  return zc::io::find_published(status_memory_name);
}

status_reader::status_reader(zc::io::publisher gateway, zc::io::published_view memory,
                             zc::page_latch::reader latch) noexcept
    : gateway_(std::move(gateway)), memory_(std::move(memory)), latch_(latch) {}

zc::result<status_reader> status_reader::try_open(const zc::io::publisher& gateway) {
  auto memory = zc::io::map_published(gateway.path, memory_max);
  if (!memory) return std::unexpected(memory.error());
  const auto latch = zc::page_latch::reader::over(memory->changing());
  if (!latch) return std::unexpected(latch.error());
  if (latch->completed() == 0) return zc::fail(zc::errc::closed, "there is no page yet");
  return status_reader(gateway, *std::move(memory), *latch);
}

std::expected<status_reader, std::string> status_reader::open(const zc::io::publisher& gateway) {
  const auto until = std::chrono::steady_clock::now() + moment;
  while (true) {
    auto opened = try_open(gateway);
    if (opened) return *std::move(opened);
    if (std::chrono::steady_clock::now() >= until) {
      return std::unexpected(words(gateway.process, opened.error()));
    }
    std::this_thread::sleep_for(look_again);
  }
}

std::expected<std::unique_ptr<status_page>, std::string> status_reader::read() const {
  // Words, so that the message lies aligned as it did in the gateway.
  std::vector<std::uint64_t> copy(latch_.page_size() / sizeof(std::uint64_t));
  const auto message = std::as_writable_bytes(std::span(copy));
  if (const auto number = latch_.read(message); !number) {
    return std::unexpected(words(process(), number.error()));
  }
  auto page = zc::copy_plain<status_page>(message);
  if (page) return std::make_unique<status_page>(*page);
  if (page.error().code == zc::errc::unsupported) {
    return std::unexpected(foreign(process(), message));
  }
  return std::unexpected(words(process(), page.error()));
}

}  // namespace sluice
