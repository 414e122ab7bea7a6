#include "zc/wire/http2/client_session.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "zc/base/check.h"

namespace zc::http2 {
namespace {

constexpr std::uint32_t streams_before_settings = 100;
// Beyond the limits fields are dropped and the stream is told; so far beyond them the session ends,
// since even decoding the rest costs too much (a block may hold one field per byte).
constexpr std::size_t hopeless_bytes = 8;
constexpr std::size_t hopeless_fields = 10;
// What the head of an answer earns: WINDOW_UPDATE, PING, empty DATA; one more for so much payload.
constexpr std::uint32_t message_credits = 4;
constexpr std::size_t credit_bytes = 4_KiB;
constexpr std::size_t control_bytes_kept = 4_KiB;
// What one stream may send before the others have their turn.
constexpr std::size_t turn_bytes = 256_KiB;
constexpr std::size_t priority_bytes = 5;

template <std::size_t N>
std::span<const std::byte, N> fixed(std::span<const std::byte> from) noexcept {
  return from.first<N>();
}

}  // namespace

client_stream::~client_stream() {
  ZC_CHECK(session_ == nullptr);
}

void client_stream::load(content&& what) {
  ZC_CHECK(session_ == nullptr && what.trailers.empty());
  prefix_ = what.prefix;
  prefix_size_ = what.prefix_size;
  prefix_sent_ = 0;
  body_ = std::move(what.body);
}

template <client_session::stream_links Links>
void client_session::stream_list<Links>::push_back(client_stream& s) noexcept {
  (s.*Links).previous = last;
  (s.*Links).next = nullptr;
  (last != nullptr ? (last->*Links).next : first) = &s;
  last = &s;
}

template <client_session::stream_links Links>
void client_session::stream_list<Links>::remove(client_stream& s) noexcept {
  client_stream* const next = (s.*Links).next;
  client_stream* const previous = (s.*Links).previous;
  (previous != nullptr ? (previous->*Links).next : first) = next;
  (next != nullptr ? (next->*Links).previous : last) = previous;
  s.*Links = {};
}

client_session::client_session(const limits& bounds, session_events& events,
                               std::span<const field> common)
    : limits_(bounds),
      events_(events),
      encoder_(common),
      streams_max_(streams_before_settings),
      may_come_(std::max(bounds.connection_window, window_before_settings)),
      idle_frames_(bounds.idle_frames_burst, bounds.idle_frames_per_second) {
  ZC_CHECK(bounds.stream_window <= INT32_MAX && bounds.connection_window <= INT32_MAX);
  ZC_CHECK(bounds.frame_bytes_max >= frame_bytes_least &&
           bounds.frame_bytes_max <= frame_bytes_most);
  ZC_CHECK(bounds.send_frame_bytes_max >= frame_bytes_least);
  queue_opening();
}

client_session::~client_session() {
  ZC_CHECK(!feeding_ && out_ == nullptr);
  while (open_.first != nullptr) forget(*open_.first);
}

void client_session::queue_opening() {
  const auto text = std::as_bytes(std::span(preface));
  control_.insert(control_.end(), text.begin(), text.end());
  const std::array<std::pair<setting, std::uint32_t>, 5> all{{
      {setting::enable_push, 0},
      {setting::initial_window_size, limits_.stream_window},
      {setting::max_frame_size, limits_.frame_bytes_max},
      {setting::max_header_list_size,
       static_cast<std::uint32_t>(std::min<std::size_t>(limits_.head_bytes_max, UINT32_MAX))},
      {setting::no_rfc7540_priorities, 1},
  }};
  std::array<std::byte, all.size() * setting_bytes> payload;
  std::span<std::byte> at(payload);
  for (const auto& [what, value] : all) {
    write_u16(at.first<2>(), static_cast<std::uint16_t>(what));
    write_u32(at.subspan<2, 4>(), value);
    at = at.subspan(setting_bytes);
  }
  queue_frame({payload.size(), frame_type::settings, 0, 0}, payload);
  if (limits_.connection_window > window_before_settings) {
    queue_update(0, limits_.connection_window - window_before_settings);
  }
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
  if (!order_is_right(h) || !shape_is_right(h)) return;
  count(h);
  if (failure_ == nullptr && h.type == frame_type::data) begin_data(h);
}

bool client_session::order_is_right(const frame_head& h) {
  if (block_id_ != 0) {
    if (h.type == frame_type::continuation && h.id == block_id_) return true;
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

// Everything that the head alone tells: sizes, and which frames belong to streams.
bool client_session::shape_is_right(const frame_head& h) {
  bool size_fits = h.length <= limits_.frame_bytes_max;
  bool id_fits = true;
  switch (h.type) {
    case frame_type::data:
    case frame_type::headers:
    case frame_type::continuation:
      id_fits = h.id != 0 && !is_idle(h.id);
      break;
    case frame_type::priority:
      size_fits = h.length == priority_bytes;
      id_fits = h.id != 0;
      break;
    case frame_type::rst_stream:
      size_fits = h.length == 4;
      id_fits = h.id != 0 && !is_idle(h.id);
      break;
    case frame_type::settings:
      size_fits = h.length % setting_bytes == 0 && (h.length == 0 || !h.has(flag::ack));
      id_fits = h.id == 0;
      if (size_fits && h.length > settings_max * setting_bytes) {
        give_up(error_code::enhance_your_calm, "too many settings in one frame");
        return false;
      }
      break;
    case frame_type::push_promise:
      give_up(error_code::protocol_error, "PUSH_PROMISE, and push is off");
      return false;
    case frame_type::ping:
      size_fits = h.length == 8;
      id_fits = h.id == 0;
      break;
    case frame_type::goaway:
      size_fits = size_fits && h.length >= 8;
      id_fits = h.id == 0;
      break;
    case frame_type::window_update:
      size_fits = h.length == 4;
      id_fits = h.id == 0 || !is_idle(h.id);
      break;
    default:
      break;
  }
  if (!size_fits) {
    give_up(error_code::frame_size_error, "a frame has the wrong size");
  } else if (!id_fits) {
    give_up(error_code::protocol_error, "a frame for a stream that it cannot be for");
  }
  return failure_ == nullptr;
}

// Ours are odd, and begin one after the other. The others nobody has begun, since push is off.
bool client_session::is_idle(std::int32_t id) const noexcept {
  return id % 2 == 0 || id >= next_id_;
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
      on_headers(h, payload);
      return;
    case frame_type::continuation:
      on_continuation(h, payload);
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
  } else if (!fair(*s)) {
    stream_error(*s, error_code::enhance_your_calm);
  }
}

// Each frame costs something, whatever it carries.
bool client_session::fair(client_stream& s) {
  s.frames_ += 1;
  return s.frames_ <= limits_.frames_free + s.received_ / limits_.frame_bytes_fair;
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
  if (const std::uint32_t due = may_come_.give(h.length)) queue_update(0, due);
  client_stream* const s = data_wanted_ ? table_.find(h.id) : nullptr;
  if (s == nullptr) return;
  const std::uint32_t due = s->may_come_.give(h.length);
  if (h.has(flag::end_stream)) {
    end_of(*s);
  } else if (due > 0) {
    queue_update(h.id, due);
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

void client_session::on_headers(const frame_head& h, std::span<const std::byte> payload) {
  std::size_t padding = 0;
  if (h.has(flag::padded)) {
    if (payload.empty()) {
      give_up(error_code::frame_size_error, "no room for the length of the padding");
      return;
    }
    padding = std::to_integer<std::size_t>(payload.front());
    payload = payload.subspan(1);
  }
  const std::size_t around = padding + (h.has(flag::priority) ? priority_bytes : 0);
  if (around > payload.size()) {
    give_up(error_code::protocol_error, "more padding than payload");
    return;
  }
  if (h.has(flag::priority)) payload = payload.subspan(priority_bytes);
  payload = payload.first(payload.size() - padding);
  if (!block_is_fair(payload.size())) return;
  if (h.has(flag::end_headers)) {
    on_block(h.id, h.has(flag::end_stream), payload);
    return;
  }
  block_id_ = h.id;
  block_last_ = h.has(flag::end_stream);
  continuations_ = 0;
  block_.assign(payload.begin(), payload.end());
}

void client_session::on_continuation(const frame_head& h, std::span<const std::byte> payload) {
  continuations_ += 1;
  if (continuations_ > limits_.continuations_max) {
    give_up(error_code::enhance_your_calm, "too many CONTINUATION frames");
    return;
  }
  if (!block_is_fair(block_.size() + payload.size())) return;
  block_.insert(block_.end(), payload.begin(), payload.end());
  if (!h.has(flag::end_headers)) return;
  std::vector<std::byte> whole = std::move(block_);
  block_.clear();
  block_id_ = 0;
  on_block(h.id, block_last_, whole);
}

bool client_session::block_is_fair(std::size_t n) {
  if (n / hopeless_bytes <= limits_.head_bytes_max) return true;
  give_up(error_code::enhance_your_calm, "header block far too large");
  return false;
}

// One block on its way to its stream, which may go at any field.
struct client_session::head_sink final : field_sink {
  head_sink(client_session& in, std::int32_t of) noexcept : home(in), id(of) {}

  bool on_decoded(token known, std::string_view name, std::string_view value) override {
    bytes += name.size() + value.size() + head_encoder::entry_overhead;
    fields += 1;
    const limits& l = home.limits_;
    too_large = too_large || bytes > l.head_bytes_max || fields > l.head_fields_max;
    if (bytes / hopeless_bytes > l.head_bytes_max) return false;
    if (fields / hopeless_fields > l.head_fields_max) return false;
    if (too_large) return true;
    if (known == token::status && !value.empty()) status = value.front();
    if (client_stream* const s = home.table_.find(id)) s->on_field(known, name, value);
    return true;
  }

  client_session& home;
  std::int32_t id;
  std::size_t bytes = 0;
  std::size_t fields = 0;
  char status = 0;  // first digit of :status
  bool too_large = false;
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
  how.too_large = sink.too_large;
  if (s->head_seen_) {
    how.kind = head_kind::trailers;
  } else {
    how.kind = sink.status == '1' ? head_kind::informational : head_kind::response;
  }
  // An informational head ends nothing, trailers end everything, and an answer has a status. (Where
  // fields were dropped it may have been among them.)
  const bool wrong = how.kind == head_kind::informational ? last
                     : how.kind == head_kind::trailers    ? !last
                                                          : sink.status == 0 && !sink.too_large;
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
  acks_waiting_ += 1;
  if (acks_waiting_ > limits_.acknowledgements_max) {
    give_up(error_code::enhance_your_calm, "acknowledgements that nobody reads");
    return;
  }
  queue_frame({0, frame_type::settings, flag::ack, 0}, {});
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
  for (client_stream* s = open_.first; fits && s != nullptr; s = s->open_.next) {
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
  acks_waiting_ += 1;
  if (acks_waiting_ > limits_.acknowledgements_max) {
    give_up(error_code::enhance_your_calm, "acknowledgements that nobody reads");
    return;
  }
  queue_frame({8, frame_type::ping, flag::ack, 0}, payload);
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
  while (open_.last != nullptr && open_.last->id_ > last) {
    close(*open_.last, error_code::refused_stream);
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
  const std::string_view text(reason);
  std::vector<std::byte> payload(8 + text.size());
  const std::span<std::byte> all(payload);
  write_u32(all.first<4>(), 0);  // the server has begun no streams
  write_u32(all.subspan<4, 4>(), static_cast<std::uint32_t>(why));
  std::memcpy(payload.data() + 8, text.data(), text.size());
  queue_frame({static_cast<std::uint32_t>(payload.size()), frame_type::goaway, 0, 0}, payload);
}

void client_session::stream_error(client_stream& s, error_code why) {
  own_resets_ += 1;
  queue_reset(s.id_, why);
  close(s, why);
}

void client_session::close(client_stream& s, error_code why) {
  forget(s);
  s.on_closed(why);
}

void client_session::reset(client_stream& s, error_code why) {
  if (s.session_ != this) return;
  if (s.head_sent_ && failure_ == nullptr) queue_reset(s.id_, why);
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
  s.body_.clear();
}

void client_session::goaway(error_code why) {
  if (std::exchange(leaving_, true) || failure_ != nullptr) return;
  std::array<std::byte, 8> payload{};
  write_u32(std::span(payload).last<4>(), static_cast<std::uint32_t>(why));
  queue_frame({payload.size(), frame_type::goaway, 0, 0}, payload);
}

void client_session::ping() {
  constexpr std::array<std::byte, 8> nothing{};
  queue_frame({nothing.size(), frame_type::ping, 0, 0}, nothing);
}

bool client_session::may_request() const noexcept {
  return failure_ == nullptr && !goaway_came_ && !leaving_ && next_id_ <= stream_id_max;
}

bool client_session::finished_reading() const noexcept {
  return failure_ != nullptr || ((goaway_came_ || leaving_) && table_.size() == 0);
}

// ------------------------------------------------------------------------------------- sending

void client_session::queue_frame(const frame_head& h, std::span<const std::byte> payload) {
  std::array<std::byte, frame_head_bytes> head;
  write_frame_head(head, h);
  control_.insert(control_.end(), head.begin(), head.end());
  control_.insert(control_.end(), payload.begin(), payload.end());
}

void client_session::queue_reset(std::int32_t id, error_code why) {
  std::array<std::byte, 4> payload;
  write_u32(payload, static_cast<std::uint32_t>(why));
  queue_frame({payload.size(), frame_type::rst_stream, 0, id}, payload);
}

// One for half a window of payload at least; still, a server that reads none of them is left.
void client_session::queue_update(std::int32_t id, std::uint32_t n) {
  updates_waiting_ += 1;
  if (updates_waiting_ > limits_.acknowledgements_max) {
    give_up(error_code::enhance_your_calm, "window updates that nobody reads");
    return;
  }
  std::array<std::byte, 4> payload;
  write_u32(payload, n);
  queue_frame({payload.size(), frame_type::window_update, 0, id}, payload);
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
  client_stream* const body = may_send_.left() > 0 ? bodies_waiting_.first : nullptr;
  client_stream* head = heads_open_ < streams_max_ ? heads_waiting_.first : nullptr;
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
  if (room() > 0 && !control_.empty()) {
    writer_.put(control_);
    control_.clear();
    if (control_.capacity() > control_bytes_kept) control_.shrink_to_fit();
    acks_waiting_ = updates_waiting_ = 0;
  }
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
  const std::size_t prefix =
      std::min<std::size_t>(size, static_cast<std::size_t>(s.prefix_size_ - s.prefix_sent_));
  if (prefix > 0) {
    writer_.put(std::span<const std::byte>(s.prefix_).subspan(s.prefix_sent_, prefix));
    s.prefix_sent_ = static_cast<std::uint8_t>(s.prefix_sent_ + prefix);
  }
  if (size - prefix == s.body_.size()) {
    writer_.share(std::move(s.body_));
  } else {
    writer_.share(s.body_.split_to(size - prefix));
  }
  s.may_send_.spend(size);
  may_send_.spend(size);
  idle_frames_.earn(message_credits + size / credit_bytes);
  if (last) {
    s.ended_ = true;
    wait(s, client_stream::waits::nowhere);
  }
  if (size > prefix) s.on_sent(size - prefix);
  // The answer may have come before the request was out.
  if (last && sending_ == &s && s.peer_ended_) close(s, error_code::no_error);
  return size;
}

}  // namespace zc::http2
