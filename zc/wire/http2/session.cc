#include "zc/wire/http2/session.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "zc/base/check.h"
#include "zc/wire/http2/allocator.h"

namespace zc::http2 {
namespace {

inline constexpr std::size_t fields_sent_max = 128;

std::string_view text_of(nghttp2_rcbuf* from) noexcept {
  const nghttp2_vec v = nghttp2_rcbuf_get_buf(from);
  return {reinterpret_cast<const char*>(v.base), v.len};
}

std::uint8_t* raw(std::string_view text) noexcept {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

using field_array = std::array<nghttp2_nv, fields_sent_max>;

std::size_t to_nv(std::span<const field> from, field_array& to) noexcept {
  ZC_CHECK(from.size() <= to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const field& f = from[i];
    const int lasting =
        f.lasting ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE : 0;
    const int secret = f.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : 0;
    to[i] = {raw(f.name), raw(f.value), f.name.size(), f.value.size(),
             static_cast<std::uint8_t>(lasting | secret)};
  }
  return from.size();
}

nghttp2_mem* session_memory() noexcept {
  static nghttp2_mem memory{
      nullptr,
      [](std::size_t n, void*) { return allocate(n); },
      [](void* block, void*) { release(block); },
      [](std::size_t count, std::size_t each, void*) { return allocate_zeroed(count, each); },
      [](void* block, std::size_t n, void*) { return resize(block, n); },
  };
  return &memory;
}

struct option_set {
  option_set() { ZC_CHECK(nghttp2_option_new(&handle) == 0); }
  option_set(const option_set&) = delete;
  option_set& operator=(const option_set&) = delete;
  ~option_set() { nghttp2_option_del(handle); }
  nghttp2_option* handle = nullptr;
};

}  // namespace

stream::~stream() {
  ZC_CHECK(session_ == nullptr);
}

// What nghttp2 calls. Nonzero results end the session, but for the two that it names.
struct session::callbacks {
  static session& of(void* user) noexcept { return *static_cast<session*>(user); }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) {
    session& self = of(user);
    switch (hd->type) {
      case NGHTTP2_CONTINUATION:  // how many is counted by the library
        return self.count_block(hd->length, false) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
      case NGHTTP2_HEADERS:
        self.idle_frames_.earn(message_credits);
        return self.count_block(hd->length, true) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
      case NGHTTP2_DATA:
        // Padding alone is no progress; if there is payload on_data_chunk() earns the credit back.
        if (hd->length > 0 && (hd->flags & NGHTTP2_FLAG_PADDED) == 0) break;
        [[fallthrough]];
      default:
        if (!self.idle_frames_.spend()) {
          self.give_up(error_code::enhance_your_calm, hd->type == NGHTTP2_PING
                                                          ? "too_many_pings"
                                                          : "too many frames without progress");
          return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    if (self.greeted_) self.in_head_ = false;
    return 0;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    session& self = of(user);
    self.in_head_ = true;
    self.head_.begin();
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    // The GOAWAY that is about to be sent says that this one was not processed.
    stream* const s = self.leaving_ ? nullptr : self.events_.on_request();
    if (s == nullptr) {
      nghttp2_submit_rst_stream(self.handle_, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                NGHTTP2_REFUSED_STREAM);
      return 0;
    }
    self.remember(*s, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(self.handle_, frame->hd.stream_id, s);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name_buffer,
                       nghttp2_rcbuf* value_buffer, std::uint8_t, void* user) {
    session& self = of(user);
    const std::string_view name = text_of(name_buffer);
    const std::string_view value = text_of(value_buffer);
    if (!self.count_field(name.size() + value.size())) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (self.head_.too_large()) return 0;
    if (stream* const s = self.find(frame->hd.stream_id)) {
      s->on_field(token_of(name), name, value);
    }
    return 0;
  }

  // A field that the library ignores, since bytes in it are not allowed. It was decoded all the
  // same.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name,
                               nghttp2_rcbuf* value, std::uint8_t, void* user) {
    const std::size_t size = text_of(name).size() + text_of(value).size();
    return of(user).count_field(size) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id,
                           const std::uint8_t* data, std::size_t size, void* user) {
    session& self = of(user);
    self.owed_ += size;
    self.idle_frames_.earn(1 + size / credit_bytes);
    stream* const s = self.find(id);
    if (s == nullptr || s->discarding_) return 0;
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    ZC_CHECK(self.feeding_ != nullptr && first >= self.feeding_->data());
    const auto offset = static_cast<std::size_t>(first - self.feeding_->data());
    s->received_ += size;
    self.owe_stream(*s, size);
    s->on_data(self.feeding_->slice(offset, size));
    return 0;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    session& self = of(user);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        self.on_headers(frame->hd.stream_id, frame->hd.flags);
        break;
      case NGHTTP2_DATA:
        self.on_data_frame(frame->hd.stream_id, frame->hd.flags);
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        if (!self.greeted_) self.in_head_ = false;
        self.greeted_ = true;
        self.events_.on_settings();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self.events_.on_ping_ack();
        break;
      case NGHTTP2_GOAWAY:
        self.events_.on_goaway(frame->goaway.last_stream_id,
                               static_cast<error_code>(frame->goaway.error_code));
        break;
      default:
        break;
    }
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    session& self = of(user);
    if (self.greeted_) self.in_head_ = false;
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t why, void* user) {
    session& self = of(user);
    if (self.greeted_) self.in_head_ = false;
    stream* const s = self.find(id);
    if (s == nullptr) return 0;
    self.forget(*s);
    s->on_closed(static_cast<error_code>(why));
    return 0;
  }

  static int on_frame_send(nghttp2_session* handle, const nghttp2_frame* frame, void* user) {
    session& self = of(user);
    const nghttp2_frame_hd& hd = frame->hd;
    if (hd.type == NGHTTP2_RST_STREAM) {
      self.on_own_reset(frame->rst_stream.error_code);
      return 0;
    }
    if (hd.type != NGHTTP2_HEADERS && hd.type != NGHTTP2_DATA) return 0;
    self.idle_frames_.earn(message_credits + hd.length / credit_bytes);
    if ((hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    // The answer is complete before the request is: without a reset the client would go on sending.
    // Only now, since a reset submitted together with the answer would overtake and drop it.
    if (nghttp2_session_get_stream_remote_close(handle, hd.stream_id) == 0) {
      if (stream* const s = self.find(hd.stream_id)) s->discarding_ = true;
      nghttp2_submit_rst_stream(handle, NGHTTP2_FLAG_NONE, hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static ssize_t read_length(nghttp2_session*, std::uint8_t, std::int32_t id, std::int32_t,
                             std::int32_t, std::uint32_t peer_frame_max, void* user) {
    session& self = of(user);
    const stream* const s = self.find(id);
    // The library keeps a buffer of the largest length ever asked for: no more than this body
    // needs.
    const std::size_t wanted = std::max<std::size_t>(s == nullptr ? 0 : s->unsent(), 16_KiB);
    return static_cast<ssize_t>(
        std::min<std::size_t>({wanted, peer_frame_max, self.limits_.send_frame_bytes_max}));
  }

  static ssize_t read_content(nghttp2_session* handle, std::int32_t id, std::uint8_t*,
                              std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                              void* user) {
    session& self = of(user);
    stream* const s = self.find(id);
    if (s == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t now = std::min(room, s->unsent());
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (now < s->unsent()) return static_cast<ssize_t>(now);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->trailers_.empty()) return static_cast<ssize_t>(now);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    field_array nv;
    if (nghttp2_submit_trailer(handle, id, nv.data(), to_nv(s->trailers_, nv)) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(now);
  }

  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_header,
                       std::size_t size, nghttp2_data_source*, void* user) {
    session& self = of(user);
    if (self.collecting_->size() + self.writer_.unflushed() >= self.high_water_) {
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    stream* const s = self.find(frame->hd.stream_id);
    if (s == nullptr || size > s->unsent()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    self.writer_.put({reinterpret_cast<const std::byte*>(frame_header), 9});
    const std::size_t of_body = s->to_send_.write(self.writer_, size);
    if (of_body > 0) s->on_sent(of_body);
    return 0;
  }

  static nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* const all = [] {
      nghttp2_session_callbacks* c = nullptr;
      ZC_CHECK(nghttp2_session_callbacks_new(&c) == 0);
      nghttp2_session_callbacks_set_on_begin_frame_callback(c, &on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, &on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(c, &on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback2(c, &on_invalid_header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &on_data_chunk);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, &on_frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, &on_invalid_frame);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, &on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, &on_frame_send);
      nghttp2_session_callbacks_set_data_source_read_length_callback(c, &read_length);
      nghttp2_session_callbacks_set_send_data_callback(c, &send_data);
      return c;
    }();
    return all;
  }

  static void set_options(nghttp2_option* o, const limits& l) {
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, l.acknowledgements_max);
    nghttp2_option_set_max_continuations(o, l.continuations_max);
    nghttp2_option_set_stream_reset_rate_limit(o, l.resets_burst, l.resets_per_second);
  }

  static void submit_settings(nghttp2_session* to, const limits& l) {
    const auto head_bytes = static_cast<std::uint32_t>(
        std::min<std::size_t>(l.head_bytes_max, std::numeric_limits<std::uint32_t>::max()));
    const std::array<nghttp2_settings_entry, 5> all{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l.streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l.stream_window},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, l.frame_bytes_max},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    }};
    ZC_CHECK(nghttp2_submit_settings(to, NGHTTP2_FLAG_NONE, all.data(), all.size()) == 0);
    ZC_CHECK(nghttp2_session_set_local_window_size(
                 to, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(l.connection_window)) == 0);
  }
};

session::session(const limits& bounds, session_events& events)
    : limits_(bounds),
      events_(events),
      head_(bounds),
      idle_frames_(bounds.idle_frames_burst, bounds.idle_frames_per_second),
      own_reset_budget_(bounds.own_resets_burst, bounds.own_resets_per_second) {
  ZC_CHECK(bounds.stream_window <= INT32_MAX && bounds.connection_window <= INT32_MAX);
  ZC_CHECK(bounds.send_frame_bytes_max >= 16_KiB);
  option_set options;
  callbacks::set_options(options.handle, limits_);
  if (nghttp2_session_server_new3(&handle_, callbacks::table(), this, options.handle,
                                  session_memory()) != 0) {
    throw std::bad_alloc();
  }
  callbacks::submit_settings(handle_, limits_);
}

session::~session() {
  ZC_CHECK(feeding_ == nullptr && collecting_ == nullptr);
  while (first_ != nullptr) forget(*first_);
  nghttp2_session_del(handle_);
}

// --------------------------------------------------------------------------------- receiving

result<void> session::feed(const bytes& received, std::chrono::nanoseconds now) {
  if (failure_ != nullptr) return fail(errc::closed, failure_);
  idle_frames_.advance(now);
  own_reset_budget_.advance(now);
  feeding_ = &received;
  const ssize_t taken = nghttp2_session_mem_recv(
      handle_, reinterpret_cast<const std::uint8_t*>(received.data()), received.size());
  feeding_ = nullptr;
  return_window();
  if (taken < 0 && failure_ == nullptr) failure_ = nghttp2_strerror(static_cast<int>(taken));
  if (failure_ != nullptr) return fail(errc::malformed, failure_);
  return {};
}

// Blocks of streams that were refused or are gone are decoded too, for the table's sake, without a
// word to us: only their size as sent bounds what they cost. (Their CONTINUATION frames are not
// even reported: continuations_max * frame_bytes_max bounds those.)
bool session::count_block(std::size_t n, bool begins) {
  block_bytes_ = begins ? n : block_bytes_ + n;
  if (block_bytes_ <= head_budget::block_bytes_max(limits_)) return true;
  give_up(error_code::enhance_your_calm, "header block far too large");
  return false;
}

bool session::count_field(std::size_t n) {
  if (head_.count(n)) return true;
  give_up(error_code::enhance_your_calm, "header list far too large");
  return false;
}

void session::on_headers(std::int32_t id, std::uint8_t flags) {
  in_head_ = false;
  stream* s = find(id);
  if (s == nullptr) return;
  head_end how;
  how.last = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
  how.too_large = head_.too_large();
  how.kind = s->head_seen_ ? head_kind::trailers : head_kind::request;
  s->head_seen_ = true;
  s->peer_ended_ = how.last;
  s->on_head(how);
  if (!how.last) return;
  s = find(id);  // on_head() may have forgotten it
  if (s != nullptr) s->on_end();
}

void session::on_data_frame(std::int32_t id, std::uint8_t flags) {
  stream* const s = find(id);
  if (s == nullptr) return;
  if (!s->discarding_ && !s->count_frame(limits_)) {
    s->discarding_ = true;
    reset(*s, error_code::enhance_your_calm);
    return;
  }
  if ((flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  s->peer_ended_ = true;
  s->on_end();
}

void session::owe_stream(stream& s, std::size_t n) {
  s.window_owed_ += n;
  // A message that fits the first window never asks for more of it.
  if (s.window_owed_ < limits_.stream_window / 4) return;
  nghttp2_session_consume_stream(handle_, s.id_, std::exchange(s.window_owed_, 0));
}

void session::return_window() {
  if (holding_ || owed_ == 0) return;
  nghttp2_session_consume_connection(handle_, std::exchange(owed_, 0));
}

void session::hold_window(bool on) {
  holding_ = on;
  if (feeding_ == nullptr) return_window();
}

void session::give_up(error_code why, const char* reason) {
  failure_ = reason;
  const std::string_view text = reason;
  nghttp2_submit_goaway(handle_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(handle_),
                        static_cast<std::uint32_t>(why), raw(text), text.size());
}

// Errors of the peer that end one stream at a time are cheap for it and not for us
// ("MadeYouReset").
void session::on_own_reset(std::uint32_t why) {
  switch (static_cast<error_code>(why)) {
    case error_code::no_error:        // our own choice: the answer was complete
    case error_code::refused_stream:  // we were full
    case error_code::cancel:          // the deadline passed
      return;
    default:
      break;
  }
  own_resets_ += 1;
  if (own_reset_budget_.spend() || failure_ != nullptr) return;
  failure_ = "too many streams had to be reset";
  nghttp2_session_terminate_session(handle_, NGHTTP2_ENHANCE_YOUR_CALM);
}

// ----------------------------------------------------------------------------------- sending

void session::collect(bytes_chain& out, std::size_t high_water) {
  ZC_CHECK(feeding_ == nullptr && collecting_ == nullptr);
  collecting_ = &out;
  high_water_ = high_water;
  writer_.begin(out);
  while (out.size() + writer_.unflushed() < high_water) {
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(handle_, &frame);
    if (size < 0 && failure_ == nullptr) failure_ = nghttp2_strerror(static_cast<int>(size));
    if (size <= 0) break;
    writer_.put({reinterpret_cast<const std::byte*>(frame), static_cast<std::size_t>(size)});
  }
  writer_.end();
  collecting_ = nullptr;
}

bool session::wants_output() const noexcept {
  return nghttp2_session_want_write(handle_) != 0;
}

bool session::finished_reading() const noexcept {
  return failure_ != nullptr || nghttp2_session_want_read(handle_) == 0;
}

void session::respond(stream& to, std::span<const field> head, content&& rest) {
  if (to.session_ != this) return;
  field_array nv;
  const std::size_t count = to_nv(head, nv);
  const bool alone = rest.empty();
  to.trailers_ = rest.trailers;
  to.to_send_.load(std::move(rest));
  nghttp2_data_provider provider{};
  provider.read_callback = &callbacks::read_content;
  if (nghttp2_submit_response(handle_, to.id_, nv.data(), count, alone ? nullptr : &provider) !=
      0) {
    reset(to, error_code::internal_error);
  }
}

void session::reset(stream& s, error_code why) {
  if (s.session_ != this) return;
  nghttp2_submit_rst_stream(handle_, NGHTTP2_FLAG_NONE, s.id_, static_cast<std::uint32_t>(why));
}

// ----------------------------------------------------------------------------------- streams

stream* session::find(std::int32_t id) noexcept {
  if (last_ != nullptr && last_->id_ == id) return last_;
  auto* const s = static_cast<stream*>(nghttp2_session_get_stream_user_data(handle_, id));
  if (s != nullptr) last_ = s;
  return s;
}

void session::remember(stream& s, std::int32_t id) noexcept {
  s.session_ = this;
  s.id_ = id;
  s.next_ = first_;
  if (first_ != nullptr) first_->link_ = &s.next_;
  s.link_ = &first_;
  first_ = &s;
  streams_ += 1;
}

void session::forget(stream& s) noexcept {
  if (s.session_ != this) return;
  nghttp2_session_set_stream_user_data(handle_, s.id_, nullptr);
  if (last_ == &s) last_ = nullptr;
  *s.link_ = s.next_;
  if (s.next_ != nullptr) s.next_->link_ = s.link_;
  s.next_ = nullptr;
  s.link_ = nullptr;
  s.session_ = nullptr;
  s.to_send_.clear();
  streams_ -= 1;
}

// ---------------------------------------------------------------------------- the connection

void session::begin_drain() {
  nghttp2_submit_shutdown_notice(handle_);
  ping();
}

void session::end_drain() {
  goaway(error_code::no_error);
}

void session::goaway(error_code why) {
  leaving_ = true;
  nghttp2_submit_goaway(handle_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(handle_),
                        static_cast<std::uint32_t>(why), nullptr, 0);
}

void session::ping() {
  nghttp2_submit_ping(handle_, NGHTTP2_FLAG_NONE, nullptr);
}

}  // namespace zc::http2
