// zc/wire/http2/nghttp2_client_for_tests.h - nghttp2's client in its no-copy mode: a client that we
// did not write, for the server to understand, and the yardstick of client_session_bench. For this
// room only.
//
// Trusts its server: there are no limits here, and no errors but a session that ends.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/wire/http2/allocator.h"
#include "zc/wire/http2/field.h"
#include "zc/wire/http2/frame_writer.h"
#include "zc/wire/http2/outgoing.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2::for_tests {

// One request, and what comes of it. Must live until `closed`, or as long as its client.
struct nghttp2_call {
  virtual ~nghttp2_call() = default;
  virtual void on_field(token, std::string_view, std::string_view) {}
  virtual void on_data(bytes) {}
  outgoing to_send;
  bool closed = false;
};

class nghttp2_client {
 public:
  explicit nghttp2_client(const limits& bounds = {}) : limits_(bounds) {
    nghttp2_option* options = nullptr;
    ZC_CHECK(nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_no_http_messaging(options, 1);
    ZC_CHECK(nghttp2_session_client_new3(&handle_, callbacks(), this, options, memory()) == 0);
    nghttp2_option_del(options);
    const std::array<nghttp2_settings_entry, 4> all{{
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits_.frame_bytes_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    }};
    ZC_CHECK(nghttp2_submit_settings(handle_, NGHTTP2_FLAG_NONE, all.data(), all.size()) == 0);
    const auto window = static_cast<std::int32_t>(limits_.connection_window);
    ZC_CHECK(nghttp2_session_set_local_window_size(handle_, NGHTTP2_FLAG_NONE, 0, window) == 0);
  }
  nghttp2_client(const nghttp2_client&) = delete;
  nghttp2_client& operator=(const nghttp2_client&) = delete;
  ~nghttp2_client() { nghttp2_session_del(handle_); }

  void request(nghttp2_call& c, std::span<const field> head, content&& rest) {
    std::array<nghttp2_nv, 32> nv;
    ZC_CHECK(head.size() <= nv.size() && !rest.empty() && rest.trailers.empty());
    for (std::size_t i = 0; i < head.size(); ++i) {
      const int lasting =
          head[i].lasting ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE : 0;
      nv[i] = {raw(head[i].name), raw(head[i].value), head[i].name.size(), head[i].value.size(),
               static_cast<std::uint8_t>(lasting)};
    }
    nghttp2_data_provider body{};
    body.read_callback = &read_content;
    c.to_send.load(std::move(rest));
    ZC_CHECK(nghttp2_submit_request(handle_, nullptr, nv.data(), head.size(), &body, &c) > 0);
    streams_ += 1;
  }
  bool feed(const bytes& received, std::chrono::nanoseconds) {
    feeding_ = &received;
    const ssize_t taken = nghttp2_session_mem_recv(
        handle_, reinterpret_cast<const std::uint8_t*>(received.data()), received.size());
    feeding_ = nullptr;
    nghttp2_session_consume_connection(handle_, std::exchange(owed_, 0));
    return taken >= 0;
  }
  void collect(bytes_chain& out) {
    writer_.begin(out);
    const std::uint8_t* frame = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(handle_, &frame)) > 0;) {
      writer_.put({reinterpret_cast<const std::byte*>(frame), static_cast<std::size_t>(n)});
    }
    writer_.end();
  }
  std::size_t streams() const noexcept { return streams_; }

 private:
  static nghttp2_client& of(void* user) noexcept { return *static_cast<nghttp2_client*>(user); }
  static std::uint8_t* raw(std::string_view text) noexcept {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  }
  static std::string_view text_of(nghttp2_rcbuf* from) noexcept {
    const nghttp2_vec v = nghttp2_rcbuf_get_buf(from);
    return {reinterpret_cast<const char*>(v.base), v.len};
  }
  nghttp2_call* find(std::int32_t id) const noexcept {
    return static_cast<nghttp2_call*>(nghttp2_session_get_stream_user_data(handle_, id));
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* user) {
    nghttp2_call* const c = of(user).find(frame->hd.stream_id);
    if (c != nullptr) c->on_field(token_of(text_of(name)), text_of(name), text_of(value));
    return 0;
  }
  static int on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id,
                           const std::uint8_t* data, std::size_t size, void* user) {
    nghttp2_client& self = of(user);
    self.owed_ += size;
    nghttp2_session_consume_stream(self.handle_, id, size);
    const auto* const first = reinterpret_cast<const std::byte*>(data);
    const auto offset = static_cast<std::size_t>(first - self.feeding_->data());
    if (nghttp2_call* const c = self.find(id)) c->on_data(self.feeding_->slice(offset, size));
    return 0;
  }
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    nghttp2_client& self = of(user);
    self.streams_ -= 1;
    if (nghttp2_call* const c = self.find(id)) c->closed = true;
    return 0;
  }
  static ssize_t read_length(nghttp2_session*, std::uint8_t, std::int32_t id, std::int32_t,
                             std::int32_t, std::uint32_t peer_frame_max, void* user) {
    nghttp2_client& self = of(user);
    const std::size_t wanted = std::max<std::size_t>(self.find(id)->to_send.size(), 16_KiB);
    return static_cast<ssize_t>(
        std::min<std::size_t>({wanted, peer_frame_max, self.limits_.send_frame_bytes_max}));
  }
  static ssize_t read_content(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t room,
                              std::uint32_t* flags, nghttp2_data_source*, void* user) {
    const std::size_t left = of(user).find(id)->to_send.size();
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= room) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(std::min(room, left));
  }
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source*, void* user) {
    nghttp2_client& self = of(user);
    self.writer_.put({reinterpret_cast<const std::byte*>(head), 9});
    self.find(frame->hd.stream_id)->to_send.write(self.writer_, size);
    return 0;
  }

  static nghttp2_session_callbacks* callbacks() {
    static nghttp2_session_callbacks* const all = [] {
      nghttp2_session_callbacks* c = nullptr;
      ZC_CHECK(nghttp2_session_callbacks_new(&c) == 0);
      nghttp2_session_callbacks_set_on_header_callback2(c, &on_header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &on_data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, &on_stream_close);
      nghttp2_session_callbacks_set_data_source_read_length_callback(c, &read_length);
      nghttp2_session_callbacks_set_send_data_callback(c, &send_data);
      return c;
    }();
    return all;
  }
  static nghttp2_mem* memory() noexcept {
    static nghttp2_mem all{
        nullptr,
        [](std::size_t n, void*) { return allocate(n); },
        [](void* block, void*) { release(block); },
        [](std::size_t count, std::size_t each, void*) { return allocate_zeroed(count, each); },
        [](void* block, std::size_t n, void*) { return resize(block, n); },
    };
    return &all;
  }

  limits limits_;
  nghttp2_session* handle_ = nullptr;
  frame_writer writer_;
  const bytes* feeding_ = nullptr;  // during feed()
  std::size_t owed_ = 0;
  std::size_t streams_ = 0;
};

}  // namespace zc::http2::for_tests
