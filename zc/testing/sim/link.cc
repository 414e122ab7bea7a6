#include "zc/testing/sim/link.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "zc/testing/sim/socket.h"

namespace zc::testing {

void sim_pipe::put(std::span<const io_slice> from, std::size_t n) {
  if (head > 0 && head >= data.size() / 2) {
    data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(head));
    head = 0;
  }
  unsent += n;
  for (const io_slice& s : from) {
    const std::size_t part = std::min(n, s.size);
    const auto* first = static_cast<const std::byte*>(s.data);
    data.insert(data.end(), first, first + part);
    n -= part;
    if (n == 0) break;
  }
}

void sim_pipe::take(std::span<std::byte> to) {
  if (!to.empty()) std::memcpy(to.data(), data.data() + head, to.size());
  head += to.size();
  arrived -= to.size();
}

void sim_pipe::lose_flight(std::size_t keep) {
  while (flight.size() > keep) {
    flying -= flight.back().size;
    flight.pop_back();
  }
  unsent = 0;
  fin_wanted = true;
  data.resize(head + arrived + flying);
}

void sim_link::draw() {
  const network_profile& how = net->how;
  for (sim_pipe& p : way) {
    p.latency = random.between(how.latency_min, how.latency_max);
    p.bytes_per_second =
        how.bytes_per_second_min *
        std::pow(how.bytes_per_second_max / how.bytes_per_second_min, random.unit());
    p.send_max = random.scaled(how.send_buffer_min, how.send_buffer_max);
    p.receive_max = random.scaled(how.receive_buffer_min, how.receive_buffer_max);
    p.last_arrival = net->time.now();
    p.line_free = net->time.now();
  }
}

void sim_link::fly(unsigned from, std::size_t size, int reset) {
  sim_pipe& p = way[from];
  const time_point now = net->time.now();
  const auto sending =
      nanoseconds(static_cast<std::int64_t>(static_cast<double>(size) / p.bytes_per_second * 1e9));
  p.line_free = std::max(p.line_free, now) + sending;
  nanoseconds late = random.between(nanoseconds(0), net->how.jitter_max);
  if (random.chance(net->how.stall)) late += random.between(nanoseconds(0), net->how.stall_max);
  const time_point due = std::max(p.last_arrival, p.line_free + p.latency + late);
  p.last_arrival = due;
  p.flight.push_back({due, size, reset});
  net->events.at(due, [self = shared_from_this(), from] { self->deliver(from); });
}

void sim_link::pump(unsigned from) {
  sim_pipe& p = way[from];
  while (!p.dead && p.unsent > 0 && p.arrived + p.flying < p.receive_max) {
    const std::size_t window = p.receive_max - p.arrived - p.flying;
    const std::size_t most = std::min({p.unsent, window, net->how.segment_max});
    const std::size_t size =
        random.chance(net->how.cut_receive) ? random.between(std::size_t{1}, most) : most;
    p.unsent -= size;
    p.flying += size;
    fly(from, size, 0);
    if (random.chance(net->how.vanish)) vanish();
    if (random.chance(net->how.reset)) {
      break_now(random.chance(0.2) ? ETIMEDOUT : ECONNRESET);
      return;
    }
  }
  if (p.unsent == 0 && p.fin_wanted && !p.fin_sent && !p.dead) {
    p.fin_sent = true;
    fly(from, 0, 0);
  }
}

void sim_link::send_reset(unsigned side, int number) {
  sim_pipe& p = way[1 - side];
  if (p.dead) return;
  p.lose_flight(p.flight.size());
  p.dead = true;
  fly(1 - side, 0, number);
}

void sim_link::break_now(int number, bool at_once) {
  net->counts.resets += 1;
  net->trace.note("break", {id});
  for (unsigned side : {0U, 1U}) {
    sim_pipe& p = way[1 - side];
    if (p.dead) continue;
    p.lose_flight(at_once ? 0 : random.between(std::size_t{0}, p.flight.size()));
    send_reset(side, number);
  }
}

void sim_link::vanish() {
  if (std::exchange(vanished, true)) return;
  net->counts.vanished += 1;
  net->trace.note("vanish", {id});
  give_up_later();
}

void sim_link::give_up_later() {
  if (std::exchange(giving_up, true)) return;
  const nanoseconds wait = random.between(net->how.give_up_min, net->how.give_up_max);
  net->events.after(wait, [held = weak_from_this()] {
    const auto self = held.lock();
    if (self == nullptr) return;
    self->giving_up = false;
    if (!self->silent()) return;
    self->vanished = true;
    self->told(0, ETIMEDOUT);
    self->told(1, ETIMEDOUT);
  });
}

void sim_link::go_on() {
  held_up = false;
  for (unsigned from : {0U, 1U}) {
    sim_pipe& p = way[from];
    // Retransmission takes its time.
    const nanoseconds later = random.between(nanoseconds(0), std::chrono::seconds(1));
    net->events.after(later, [self = shared_from_this(), from] { self->deliver(from); });
    p.last_arrival = std::max(p.last_arrival, net->time.now() + later);
  }
}

void sim_link::notify(unsigned side) {
  if (end[side] != nullptr) end[side]->nudge();
}

void sim_link::told(unsigned side, int number) {
  way[side].dead = true;
  if (end[side] != nullptr) end[side]->broken(number);
}

void sim_link::deliver(unsigned from) {
  if (silent()) return;
  sim_pipe& p = way[from];
  while (!p.flight.empty() && p.flight.front().due <= net->time.now()) {
    const sim_pipe::segment s = p.flight.front();
    p.flight.pop_front();
    arrive(from, s);
    if (silent()) return;
  }
  pump(from);
}

void sim_link::arrive(unsigned from, const sim_pipe::segment& s) {
  const unsigned to = 1 - from;
  sim_pipe& p = way[from];
  if (s.reset != 0) {
    told(to, s.reset);
    return;
  }
  if (s.size == 0) {
    p.fin_arrived = true;
    return notify(to);
  }
  p.flying -= s.size;
  p.arrived += s.size;
  p.delivered += s.size;
  if (end[to] == nullptr) {  // closed: in vain, and the sender will learn of it
    p.head += s.size;
    p.arrived -= s.size;
    send_reset(from, ECONNRESET);
    return;
  }
  notify(to);
  notify(from);  // there is room to send
  if (p.delivered >= p.break_at) {
    p.break_at = UINT64_MAX;
    break_now(ECONNRESET, true);
  }
}

}  // namespace zc::testing
