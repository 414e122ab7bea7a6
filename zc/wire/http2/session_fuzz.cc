// Arbitrary bytes behind the preface of a server session: nothing is read outside, nothing hangs,
// memory is bounded. The first byte chooses how the rest is cut and what the server does with
// requests.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/wire/http2/session.h"

namespace {

using namespace zc;

constexpr std::array<http2::field, 2> head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
constexpr std::array<http2::field, 1> trailers{{{"grpc-status", "0", true}}};

struct driver;

struct one final : http2::stream {
  explicit one(driver& d) : home(d) {}
  void on_field(http2::token, std::string_view name, std::string_view value) override {
    seen += name.size() + value.size();
  }
  void on_head(http2::head_end how) override;
  void on_data(bytes piece) override { body.append(std::move(piece)); }
  void on_end() override;
  void on_closed(http2::error_code) override { body.clear(); }
  void answer();

  driver& home;
  bytes_chain body;
  std::size_t seen = 0;
  bool answered = false;
};

struct driver final : http2::session_events {
  explicit driver(unsigned c) : choice(c), session(bounds(), *this) {}
  static http2::limits bounds() {
    http2::limits l;
    l.streams_max = 50;
    l.stream_window = 65'535;
    l.connection_window = 100'000;
    return l;
  }
  http2::stream* on_request() override {
    if (streams.size() > 200) return nullptr;
    streams.push_back(std::make_unique<one>(*this));
    return streams.back().get();
  }
  unsigned choice;
  std::vector<std::unique_ptr<one>> streams;
  http2::session session;
};

void one::answer() {
  if (std::exchange(answered, true)) return;
  http2::content rest;
  if ((home.choice & 8) != 0) {
    rest.prefix_size = 5;
    rest.body = body;
    rest.trailers = trailers;
  }
  home.session.respond(*this, head, std::move(rest));
}

void one::on_head(http2::head_end) {
  if ((home.choice & 16) != 0) answer();
}

void one::on_end() {
  answer();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  if (size < 1 || size > 200'000) return 0;
  const unsigned choice = input[0];
  constexpr std::size_t cuts[] = {200'000, 1, 7, 100};
  const std::size_t cut = cuts[choice & 3];
  driver d(choice);
  std::string all(http2::preface);
  all.append(reinterpret_cast<const char*>(input + 1), size - 1);
  const bytes whole = bytes::from_string(std::move(all));
  bytes_chain out;
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t n = std::min(cut, whole.size() - at);
    const auto fed = d.session.feed(whole.slice(at, n), std::chrono::milliseconds(at));
    at += n;
    d.session.collect(out, 100'000);
    if ((choice & 4) == 0) out.clear();  // otherwise a peer that does not read
    if (!fed || d.session.finished_reading()) break;
  }
  ZC_CHECK(out.size() <= 1'000'000);
  d.session.collect(out, 1'000'000);
  return 0;
}
