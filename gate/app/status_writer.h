// gate/app/status_writer.h - writes the gateway's state, once a second, into memory that others can
// read: `sluice top` looks at it without asking the gateway anything.
//
//     shards --counters--> first shard --page--> [ memfd sluice-status ] <--map, read-only-- top
//
// A reader needs no port and no answer: it sees the latest page while the gateway is overloaded,
// out of memory or stopped, and by the page's age that it is. Nobody but this process can write the
// memory (zc/io/published_memory.h); who may open it is who may trace the process: its user.
//
// Threads  One shard (the first), between the gateway's start and the end of its graphs.
// Cost     84 KB, and some 10 us a second (status_page_bench.cc); nothing on the data path.
#pragma once

#include <memory>

#include "gate/app/gateway.h"
#include "gate/app/status_page.h"
#include "zc/base/result.h"
#include "zc/io/published_memory.h"
#include "zc/shard/page_latch.h"
#include "zc/shard/shard.h"

namespace sluice {

class status_writer {
 public:
  // Writes the first page before it returns.
  static zc::result<std::unique_ptr<status_writer>> start(zc::shard& on, const gateway& of);
  status_writer(const status_writer&) = delete;
  status_writer& operator=(const status_writer&) = delete;
  ~status_writer();  // with a last page, which says that it stopped

 private:
  status_writer(zc::shard& on, const gateway& of, zc::io::published_memory memory);
  void on_second();
  void write(gateway_state state);

  zc::shard& on_;
  const gateway& of_;
  zc::io::published_memory memory_;
  zc::page_latch::writer latch_;
  zc::plain_message<status_page> page_{status_page{}};
  zc::member_timer<status_writer, &status_writer::on_second> timer_;
};

}  // namespace sluice
