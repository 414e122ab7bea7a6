// Arbitrary bytes from a server: nothing is read outside, nothing hangs, memory and output are
// bounded. The first byte chooses how the rest is cut, how the client's requests look, and whether
// it is read from.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/wire/http2/client_session.h"

namespace {

using namespace zc;

constexpr std::array<http2::field, 3> common{
    {{":method", "POST", true}, {":scheme", "http", true}, {"te", "trailers", true}}};

struct driver;

struct one final : http2::client_stream {
  one(driver& d, unsigned n) : home(d), number(n) {}
  void write_head(http2::head_encoder& to) override {
    to.put({":path", number % 2 == 0 ? "/even" : "/odd", true});
    to.put_common();
  }
  void on_field(http2::token, std::string_view name, std::string_view value) override {
    seen += name.size() + value.size();
  }
  void on_head(http2::head_end) override;
  void on_data(bytes piece) override {
    size += piece.size();
    if (size < 100'000) body.append(std::move(piece));
  }
  void on_end() override;
  void on_closed(http2::error_code) override {
    ZC_CHECK(!open());
    body.clear();
  }

  driver& home;
  unsigned number;
  bytes_chain body;
  std::size_t size = 0;
  std::size_t seen = 0;
};

struct driver final : http2::session_events {
  explicit driver(unsigned c) : choice(c), session(bounds(), *this, common) {}
  static http2::limits bounds() {
    http2::limits l;
    l.stream_window = 65'535;
    l.connection_window = 100'000;
    return l;
  }
  void ask() {
    if (streams.size() > 200) return;
    streams.push_back(std::make_unique<one>(*this, static_cast<unsigned>(streams.size())));
    http2::content rest;
    rest.prefix_size = 5;
    rest.body = bytes::from_string(std::string((choice & 8) != 0 ? 100'000 : 10, 'b'));
    static_cast<void>(session.request(*streams.back(), std::move(rest)));
  }
  void on_settings() override { ask(); }
  void on_ping_ack() override { ask(); }

  unsigned choice;
  std::vector<std::unique_ptr<one>> streams;
  http2::client_session session;
};

void one::on_head(http2::head_end how) {
  if ((home.choice & 16) != 0 && how.kind == http2::head_kind::informational) {
    home.session.reset(*this, http2::error_code::cancel);
  }
}

void one::on_end() {
  home.ask();
  if ((home.choice & 32) != 0) home.session.reset(*this, http2::error_code::no_error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size < 1 || size > 200'000) return 0;
  const unsigned choice = input[0];
  constexpr std::size_t cuts[] = {200'000, 1, 7, 100};
  const std::size_t cut = cuts[choice & 3];
  driver d(choice);
  for (int i = 0; i < 5; ++i) d.ask();
  bytes_chain out;
  d.session.collect(out, 100'000);
  std::string all(reinterpret_cast<const char*>(input + 1), size - 1);
  const bytes whole = bytes::from_string(std::move(all));
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t n = std::min(cut, whole.size() - at);
    const auto fed = d.session.feed(whole.slice(at, n), std::chrono::milliseconds(at));
    at += n;
    d.session.collect(out, 100'000);
    if ((choice & 4) == 0) out.clear();  // otherwise a server that does not read
    ZC_CHECK(d.session.streams() <= d.streams.size());
    if (!fed) {
      ZC_CHECK(d.session.finished_reading());
      break;
    }
  }
  ZC_CHECK(out.size() <= 1'000'000);
  d.session.collect(out, 1'000'000);
  return 0;
}
