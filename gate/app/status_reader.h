// gate/app/status_reader.h - reads the page of a gateway that runs, in another process.
//
// Threads  One per object.
// Cost     A page is copied out (42 KB); completed() and gone() are a load and a system call.
// Trust    Whoever may make memory of that name may write anything into it: what is read is checked
//          for its layout, and else believed only as far as a wrong figure on a screen.
// Errors   Text for people: what is not there, and what another version wrote.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "gate/app/status_page.h"
#include "zc/io/published_memory.h"
#include "zc/shard/page_latch.h"

namespace sluice {

class status_reader {
 public:
  // The gateways that this user may look into, by process.
  static std::vector<zc::io::publisher> gateways();

  // A gateway that is just starting gets a moment to finish.
  static std::expected<status_reader, std::string> open(const zc::io::publisher& gateway);

  int process() const noexcept { return gateway_.process; }
  // Another page each time that it is another number.
  std::uint64_t completed() const noexcept { return latch_.completed(); }
  // The gateway has ended. What it wrote last can still be read.
  bool gone() const noexcept { return !memory_.is_at(gateway_.path); }
  std::expected<std::unique_ptr<status_page>, std::string> read() const;

 private:
  status_reader(zc::io::publisher gateway, zc::io::published_view memory,
                zc::page_latch::reader latch) noexcept;
  static zc::result<status_reader> try_open(const zc::io::publisher& gateway);

  zc::io::publisher gateway_;
  zc::io::published_view memory_;
  zc::page_latch::reader latch_;
};

}  // namespace sluice
