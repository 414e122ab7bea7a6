#include "gate/app/status_writer.h"

#include <chrono>
#include <utility>

#include "zc/io/mapping.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds every(1);
constexpr std::size_t message_bytes = sizeof(zc::plain_message<status_page>);

}  // namespace

zc::result<std::unique_ptr<status_writer>> status_writer::start(zc::shard& on, const gateway& of) {
  auto memory =
      zc::io::shared_memory::create(zc::page_latch::room_for(message_bytes), status_memory_name);
  if (!memory) return std::unexpected(memory.error());
  auto published = (*std::move(memory)).publish();
  if (!published) return std::unexpected(published.error());
  return std::unique_ptr<status_writer>(new status_writer(on, of, *std::move(published)));
}

status_writer::status_writer(zc::shard& on, const gateway& of, zc::io::published_memory memory)
    : on_(on),
      of_(of),
      memory_(std::move(memory)),
      latch_(memory_.room(), message_bytes),
      timer_(*this) {
  on_second();
}

status_writer::~status_writer() {
  write(gateway_state::stopped);
}

void status_writer::on_second() {
  write(of_.stopping() ? gateway_state::draining : gateway_state::running);
  on_.arm(timer_, every);
}

void status_writer::write(gateway_state state) {
  status_page& page = page_.value();
  of_.put_status(page);
  page.head.state = state;
  page.head.written_at = static_cast<std::uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  latch_.publish(page_.view());
}

}  // namespace sluice
