#include "zc/wire/http2/client_session.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"
#include "zc/wire/http2/frame_rules.h"
#include "zc/wire/http2/head_budget.h"

namespace zc::http2 {
namespace {

constexpr std::uint32_t streams_before_settings = 100;
// What one stream may send before the others have their turn.
constexpr std::size_t turn_bytes = 256_KiB;

template <std::size_t N>
std::span<const std::byte, N> fixed(std::span<const std::byte> from) noexcept {
  return from.first<N>();
}

}  // namespace

client_session::client_session(const limits& bounds, session_events& events,
                               std::span<const field> common)
    : limits_(bounds),
      events_(events),
      blocks_(bounds),
      encoder_(common),
      control_(bounds.acknowledgements_max),
      streams_max_(streams_before_settings),
      may_come_(std::max(bounds.connection_window, window_before_settings)),
      idle_frames_(bounds.idle_frames_burst, bounds.idle_frames_per_second) {
  ZC_CHECK(bounds.stream_window <= INT32_MAX && bounds.connection_window <= INT32_MAX);
  ZC_CHECK(bounds.frame_bytes_max >= frame_bytes_least &&
           bounds.frame_bytes_max <= frame_bytes_most);
  ZC_CHECK(bounds.send_frame_bytes_max >= frame_bytes_least);
  control_.open(limits_);
}

client_session::~client_session() {
  ZC_CHECK(!feeding_ && out_ == nullptr);
  while (open_.first() != nullptr) forget(*open_.first());
}

// --------------------------------------------------------------------------------- receiving

result<void> client_session::feed(const bytes& received, std::chrono::nanoseconds now) {
  ZC_CHECK(!feeding_ && out_ == nullptr);
  if (failure_ != nullptr) return fail(errc::closed, failure_);
  idle_frames_.advance(now);
  feeding_ = true;
  std::span<const std::byte> input = received.view();
  while (failure_ == nullptr) {
    const frame_reader::part what = reader_.next(input);
    if (what == frame_reader::part::nothing) break;
    if (what == frame_reader::part::head) {
      take_frame_head();
    } else {
      take_payload(received);
    }
  }
  feeding_ = false;
  if (failure_ != nullptr) {
    return fail(errc::malformed, failure_, received.size() - input.size());
  }
  return {};
}

void client_session::take_frame_head() {
  const frame_head& h = reader_.head();
  if (!order_is_right(h)) return;
  if (const frame_fault wrong = fault_in(h, limits_.frame_bytes_max, first_idle());
      wrong.reason != nullptr) {
    give_up(wrong.why, wrong.reason);
    return;
  }
  count(h);
  if (failure_ == nullptr && h.type == frame_type::data) begin_data(h);
}

// Ids are given when requests are made, and heads go out in that order.
std::int64_t client_session::first_idle() const noexcept {
  const client_stream* const waiting = heads_waiting_.first();
  return waiting != nullptr ? waiting->id_ : next_id_;
}

bool client_session::order_is_right(const frame_head& h) {
  if (blocks_.under_way() != 0) {
    if (h.type == frame_type::continuation && h.id == blocks_.under_way()) return true;
    give_up(error_code::protocol_error, "a header block was interrupted");
    return false;
  }
  if (h.type == frame_type::continuation) {
    give_up(error_code::protocol_error, "CONTINUATION without a header block");
    return false;
  }
  if (!greeted_ && (h.type != frame_type::settings || h.has(flag::ack))) {
    give_up(error_code::protocol_error, "the first frame is not SETTINGS");
    return false;
  }
  return true;
}

// Frames that carry nothing forward cost something; what does carries credits back.
void client_session::count(const frame_head& h) {
  switch (h.type) {
    case frame_type::headers:
    case frame_type::continuation:  // counted as blocks
      if (table_.find(h.id) != nullptr) return;
      break;
    case frame_type::data:
      if (h.length > 0 && !h.has(flag::padded)) return;
      break;
    default:
      break;
  }
  if (idle_frames_.spend()) return;
  give_up(error_code::enhance_your_calm,
          h.type == frame_type::ping ? "too_many_pings" : "too many frames without progress");
}

void client_session::take_payload(const bytes& fed) {
  const frame_head h = reader_.head();
  const std::span<const std::byte> payload = reader_.payload();
  switch (h.type) {
    case frame_type::data:
      on_data_piece(fed, payload, reader_.last());
      return;
    case frame_type::headers:
    case frame_type::continuation:
      on_block_frame(h, payload);
      return;
    case frame_type::rst_stream:
      on_reset(h.id, payload);
      return;
    case frame_type::settings:
      on_settings(h, payload);
      return;
    case frame_type::ping:
      on_ping(h, payload);
      return;
    case frame_type::goaway:
      on_goaway(payload);
      return;
    case frame_type::window_update:
      on_window_update(h.id, payload);
      return;
    default:  // PRIORITY, and frames that we do not know
      return;
  }
}

// ------------------------------------------------------------------------------------ payload

void client_session::begin_data(const frame_head& h) {
  const bool has_padding = h.has(flag::padded);
  if (has_padding && h.length == 0) {
    give_up(error_code::frame_size_error, "no room for the length of the padding");
    return;
  }
  if (!may_come_.take(h.length)) {
    give_up(error_code::flow_control_error, "more payload than the connection's window");
    return;
  }
  data_left_ = h.length - (has_padding ? 1 : 0);
  pad_length_due_ = has_padding;
  client_stream* const s = table_.find(h.id);
  data_wanted_ = s != nullptr;
  if (s == nullptr) return;
  if (s->peer_ended_) {
    stream_error(*s, error_code::stream_closed);
  } else if (!s->head_seen_) {
    stream_error(*s, error_code::protocol_error);
  } else if (!s->may_come_.take(h.length)) {
    stream_error(*s, error_code::flow_control_error);
  } else if (!s->count_frame(limits_)) {
    stream_error(*s, error_code::enhance_your_calm);
  }
}

void client_session::on_data_piece(const bytes& fed, std::span<const std::byte> piece, bool last) {
  if (pad_length_due_ && !piece.empty()) {
    const auto padding = std::to_integer<std::size_t>(piece.front());
    if (padding > data_left_) {
      give_up(error_code::protocol_error, "more padding than payload");
      return;
    }
    data_left_ -= padding;
    pad_length_due_ = false;
    piece = piece.subspan(1);
  }
  piece = piece.first(std::min(piece.size(), data_left_));
  data_left_ -= piece.size();
  if (!piece.empty() && data_wanted_) {
    if (client_stream* const s = table_.find(reader_.head().id)) {
      idle_frames_.earn(1 + piece.size() / credit_bytes);
      s->received_ += piece.size();
      s->on_data(fed.slice(static_cast<std::size_t>(piece.data() - fed.data()), piece.size()));
    }
  }
  if (last) end_data(reader_.head());
}

void client_session::end_data(const frame_head& h) {
  if (const std::uint32_t due = may_come_.give(h.length)) update_window(0, due);
  client_stream* const s = data_wanted_ ? table_.find(h.id) : nullptr;
  if (s == nullptr) return;
  const std::uint32_t due = s->may_come_.give(h.length);
  if (h.has(flag::end_stream)) {
    end_of(*s);
  } else if (due > 0) {
    update_window(h.id, due);
  }
}

// The server has said everything.
void client_session::end_of(client_stream& s) {
  const std::int32_t id = s.id_;
  s.peer_ended_ = true;
  s.on_end();
  client_stream* const still = table_.find(id);  // on_end() may have forgotten it
  if (still != nullptr && still->ended_) close(*still, error_code::no_error);
}

// -------------------------------------------------------------------------------------- heads

void client_session::on_block_frame(const frame_head& h, std::span<const std::byte> payload) {
  if (const frame_fault wrong = blocks_.take(h, payload); wrong.reason != nullptr) {
    give_up(wrong.why, wrong.reason);
    return;
  }
  if (blocks_.under_way() != 0) return;
  on_block(h.id, blocks_.last(), blocks_.block());
  blocks_.done();
}

// One block on its way to its stream, which may go at any field.
struct client_session::head_sink final : field_sink {
  head_sink(client_session& in, std::int32_t of) noexcept : home(in), id(of), budget(in.limits_) {}

  bool on_decoded(token known, std::string_view name, std::string_view value) override {
    if (!budget.count(name.size() + value.size())) return false;
    if (budget.too_large()) return true;
    if (known == token::status && !value.empty()) status = value.front();
    if (client_stream* const s = home.table_.find(id)) s->on_field(known, name, value);
    return true;
  }

  client_session& home;
  std::int32_t id;
  head_budget budget;
  char status = 0;  // first digit of :status
};

// Blocks of streams that are gone are decoded too, for the table's sake.
void client_session::on_block(std::int32_t id, bool last, std::span<const std::byte> block) {
  client_stream* s = table_.find(id);
  if (s != nullptr && s->peer_ended_) {
    stream_error(*s, error_code::stream_closed);
  }
  head_sink sink(*this, id);
  const result<void> decoded = decoder_.decode(block, sink);
  if (!decoded) {
    give_up(decoded.error().code == errc::too_large ? error_code::enhance_your_calm
                                                    : error_code::compression_error,
            decoded.error().reason);
    return;
  }
  s = table_.find(id);
  if (s == nullptr) return;
  head_end how;
  how.last = last;
  how.too_large = sink.budget.too_large();
  if (s->head_seen_) {
    how.kind = head_kind::trailers;
  } else {
    how.kind = sink.status == '1' ? head_kind::informational : head_kind::response;
  }
  // An informational head ends nothing, trailers end everything, and an answer has a status. (Where
  // fields were dropped it may have been among them.)
  const bool wrong = how.kind == head_kind::informational ? last
                     : how.kind == head_kind::trailers    ? !last
                                                          : sink.status == 0 && !how.too_large;
  if (wrong) {
    stream_error(*s, error_code::protocol_error);
    return;
  }
  if (how.kind == head_kind::informational) {
    if (!idle_frames_.spend()) {
      give_up(error_code::enhance_your_calm, "too many frames without progress");
      return;
    }
  } else {
    idle_frames_.earn(message_credits);
    s->head_seen_ = true;
  }
  s->on_head(how);
  if (!last) return;
  s = table_.find(id);  // on_head() may have forgotten it
  if (s != nullptr) end_of(*s);
}

// ------------------------------------------------------------------------------ control frames

void client_session::on_reset(std::int32_t id, std::span<const std::byte> payload) {
  if (client_stream* const s = table_.find(id)) {
    close(*s, static_cast<error_code>(read_u32(fixed<4>(payload))));
  }
}

void client_session::on_settings(const frame_head& h, std::span<const std::byte> payload) {
  if (h.has(flag::ack)) return;
  if (!greeted_) streams_max_ = UINT32_MAX;  // unless it says otherwise
  for (; !payload.empty(); payload = payload.subspan(setting_bytes)) {
    const auto what = static_cast<setting>(read_u16(fixed<2>(payload)));
    if (!apply(what, read_u32(fixed<4>(payload.subspan(2))))) return;
  }
  if (!control_.acknowledge_settings()) {
    give_up(error_code::enhance_your_calm, "acknowledgements that nobody reads");
    return;
  }
  greeted_ = true;
  events_.on_settings();
}

bool client_session::apply(setting what, std::uint32_t value) {
  switch (what) {
    case setting::header_table_size:
      encoder_.peer_table_bytes(value);
      return true;
    case setting::enable_push:
      // RFC 9113 forbids a server to say 1, RFC 7540 did not: some do, and it means nothing.
      if (value <= 1) return true;
      give_up(error_code::protocol_error, "ENABLE_PUSH is neither 0 nor 1");
      return false;
    case setting::max_concurrent_streams:
      streams_max_ = value;
      return true;
    case setting::initial_window_size:
      return move_windows(value);
    case setting::max_frame_size:
      if (value >= frame_bytes_least && value <= frame_bytes_most) {
        peer_frame_max_ = value;
        return true;
      }
      give_up(error_code::protocol_error, "MAX_FRAME_SIZE is out of range");
      return false;
    default:
      return true;
  }
}

// The windows of all open streams move by the difference.
bool client_session::move_windows(std::uint32_t fresh) {
  bool fits = fresh <= window_most;
  const std::int64_t by = std::int64_t{fresh} - std::int64_t{peer_stream_window_};
  for (client_stream* s = open_.first(); fits && s != nullptr; s = open_.after(*s)) {
    fits = s->may_send_.move(by);
    if (fits && s->waits_ == client_stream::waits::nowhere && !s->ended_ &&
        s->may_send_.left() > 0) {
      wait(*s, client_stream::waits::for_body);
    }
  }
  peer_stream_window_ = fresh;
  if (!fits) give_up(error_code::flow_control_error, "INITIAL_WINDOW_SIZE is too large");
  return fits;
}

void client_session::on_ping(const frame_head& h, std::span<const std::byte> payload) {
  if (h.has(flag::ack)) {
    events_.on_ping_ack();
    return;
  }
  if (!control_.acknowledge_ping(payload)) {
    give_up(error_code::enhance_your_calm, "acknowledgements that nobody reads");
  }
}

void client_session::on_goaway(std::span<const std::byte> payload) {
  const auto last = static_cast<std::int32_t>(read_u32(fixed<4>(payload)) & 0x7fff'ffffu);
  if (last > goaway_last_) {
    give_up(error_code::protocol_error, "a GOAWAY takes back what an earlier one said");
    return;
  }
  goaway_last_ = last;
  goaway_came_ = true;
  events_.on_goaway(last, static_cast<error_code>(read_u32(fixed<4>(payload.subspan(4)))));
  // From the youngest on; a callback may close others, and begins none.
  while (open_.last() != nullptr && open_.last()->id_ > last) {
    close(*open_.last(), error_code::refused_stream);
  }
}

void client_session::on_window_update(std::int32_t id, std::span<const std::byte> payload) {
  const std::uint32_t by = read_u32(fixed<4>(payload)) & 0x7fff'ffffu;
  if (id == 0) {
    if (by == 0) {
      give_up(error_code::protocol_error, "a WINDOW_UPDATE of nothing");
    } else if (!may_send_.move(by)) {
      give_up(error_code::flow_control_error, "the connection's window is too large");
    }
    return;
  }
  client_stream* const s = table_.find(id);
  if (s == nullptr) return;
  if (by == 0) {
    stream_error(*s, error_code::protocol_error);
  } else if (!s->may_send_.move(by)) {
    stream_error(*s, error_code::flow_control_error);
  } else if (s->waits_ == client_stream::waits::nowhere && !s->ended_ && s->may_send_.left() > 0) {
    wait(*s, client_stream::waits::for_body);
  }
}

// ------------------------------------------------------------------------------------- ending

void client_session::give_up(error_code why, const char* reason) {
  if (failure_ != nullptr) return;
  failure_ = reason;
  control_.goaway(why, reason);
}

void client_session::stream_error(client_stream& s, error_code why) {
  own_resets_ += 1;
  control_.reset(s.id_, why);
  close(s, why);
}

void client_session::close(client_stream& s, error_code why) {
  forget(s);
  s.on_closed(why);
}

void client_session::reset(client_stream& s, error_code why) {
  if (s.session_ != this) return;
  if (s.head_sent_ && failure_ == nullptr) control_.reset(s.id_, why);
  forget(s);
}

void client_session::forget(client_stream& s) noexcept {
  if (s.session_ != this) return;
  if (s.head_sent_) heads_open_ -= 1;
  wait(s, client_stream::waits::nowhere);
  open_.remove(s);
  table_.erase(s.id_);
  if (sending_ == &s) sending_ = nullptr;
  s.session_ = nullptr;
  s.to_send_.clear();
}

void client_session::goaway(error_code why) {
  if (std::exchange(leaving_, true) || failure_ != nullptr) return;
  control_.goaway(why);
}

void client_session::ping() {
  control_.ping();
}

bool client_session::may_request() const noexcept {
  return failure_ == nullptr && !goaway_came_ && !leaving_ && next_id_ <= stream_id_max;
}

bool client_session::finished_reading() const noexcept {
  return failure_ != nullptr || ((goaway_came_ || leaving_) && table_.size() == 0);
}

// ------------------------------------------------------------------------------------- sending

void client_session::update_window(std::int32_t id, std::uint32_t by) {
  if (control_.update_window(id, by)) return;
  give_up(error_code::enhance_your_calm, "window updates that nobody reads");
}

result<void> client_session::request(client_stream& s) {
  ZC_CHECK(s.session_ == nullptr);
  if (!may_request()) {
    return fail(errc::closed, failure_ != nullptr ? failure_ : "no new streams are taken");
  }
  const auto id = static_cast<std::int32_t>(next_id_);
  table_.insert(id, s);
  next_id_ += 2;
  s.session_ = this;
  s.id_ = id;
  s.head_sent_ = s.ended_ = s.head_seen_ = s.peer_ended_ = false;
  s.frames_ = 0;
  s.received_ = 0;
  s.may_send_ = send_window(peer_stream_window_);
  s.may_come_ = receive_window(limits_.stream_window);
  open_.push_back(s);
  wait(s, client_stream::waits::for_head);
  return {};
}

void client_session::wait(client_stream& s, client_stream::waits as) noexcept {
  using waits = client_stream::waits;
  if (s.waits_ == waits::for_head) heads_waiting_.remove(s);
  if (s.waits_ == waits::for_body) bodies_waiting_.remove(s);
  s.waits_ = as;
  if (as == waits::for_head) heads_waiting_.push_back(s);
  if (as == waits::for_body) bodies_waiting_.push_back(s);
}

// New requests and those under way take turns. Nobody, when all that is left waits for the server.
client_stream* client_session::next_sender() const noexcept {
  if (failure_ != nullptr) return nullptr;
  client_stream* const body = may_send_.left() > 0 ? bodies_waiting_.first() : nullptr;
  client_stream* head = heads_open_ < streams_max_ ? heads_waiting_.first() : nullptr;
  if (head != nullptr && may_send_.left() == 0 && head->unsent() > 0) head = nullptr;
  if (head == nullptr || body == nullptr) return head != nullptr ? head : body;
  return heads_turn_ ? head : body;
}

bool client_session::wants_output() const noexcept {
  return !control_.empty() || next_sender() != nullptr;
}

std::size_t client_session::room() const noexcept {
  const std::size_t used = out_->size() + writer_.unflushed();
  return used < high_water_ ? high_water_ - used : 0;
}

void client_session::collect(bytes_chain& out, std::size_t high_water) {
  ZC_CHECK(!feeding_ && out_ == nullptr);
  out_ = &out;
  high_water_ = high_water;
  writer_.begin(out);
  if (room() > 0 && !control_.empty()) control_.write(writer_);
  while (room() > 0) {
    client_stream* const s = next_sender();
    if (s == nullptr) break;
    heads_turn_ = s->head_sent_;
    if (!s->head_sent_) send_head(*s);
    sending_ = s;
    std::size_t sent = 0;
    while (sending_ != nullptr && sent < turn_bytes && room() > 0) {
      const std::size_t now = send_body(*s);
      if (now == 0) break;
      sent += now;
    }
    // To the end of the row.
    if (sending_ != nullptr && sent >= turn_bytes) wait(*s, s->waits_);
    sending_ = nullptr;
  }
  writer_.end();
  out_ = nullptr;
}

// HEADERS, and CONTINUATION where the server takes only small frames. What follows comes from
// send_body().
void client_session::send_head(client_stream& s) {
  encoder_.begin();
  s.write_head(encoder_);
  std::string_view left = encoder_.block();
  frame_head h{0, frame_type::headers, 0, s.id_};
  s.ended_ = s.unsent() == 0;
  if (s.ended_) h.flags = flag::end_stream;
  for (;;) {
    const std::string_view now = left.substr(0, peer_frame_max_);
    left.remove_prefix(now.size());
    h.length = static_cast<std::uint32_t>(now.size());
    if (left.empty()) h.flags |= flag::end_headers;
    writer_.put(h);
    writer_.put(now);
    if (left.empty()) break;
    h = {0, frame_type::continuation, 0, s.id_};
  }
  s.head_sent_ = true;
  heads_open_ += 1;
  wait(s, s.ended_ ? client_stream::waits::nowhere : client_stream::waits::for_body);
}

// One DATA frame, and how much is in it. Zero: the stream has sent everything, or waits for a
// window.
std::size_t client_session::send_body(client_stream& s) {
  if (s.ended_) return 0;
  const std::size_t unsent = s.unsent();
  const std::size_t size = std::min<std::size_t>(
      {unsent, peer_frame_max_, limits_.send_frame_bytes_max, s.may_send_.left(), may_send_.left(),
       std::max<std::size_t>(room(), frame_bytes_least)});
  if (size == 0) {
    // For its own window it waits outside the list, for the connection's at the front of it.
    if (s.may_send_.left() == 0) wait(s, client_stream::waits::nowhere);
    return 0;
  }
  const bool last = size == unsent;
  writer_.put({static_cast<std::uint32_t>(size), frame_type::data,
               last ? flag::end_stream : std::uint8_t{0}, s.id_});
  const std::size_t of_body = s.to_send_.write(writer_, size);
  s.may_send_.spend(size);
  may_send_.spend(size);
  idle_frames_.earn(message_credits + size / credit_bytes);
  if (last) {
    s.ended_ = true;
    wait(s, client_stream::waits::nowhere);
  }
  if (of_body > 0) s.on_sent(of_body);
  // The answer may have come before the request was out.
  if (last && sending_ == &s && s.peer_ended_) close(s, error_code::no_error);
  return size;
}

}  // namespace zc::http2
