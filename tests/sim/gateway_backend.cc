#include "tests/sim/gateway_backend.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "gate/otlp/response.h"

namespace sluice::sim {

std::string tag_of(int request) {
  const std::string digits = std::to_string(request);
  return "@@" + std::string(6 - digits.size(), '0') + digits + ":";
}

std::vector<item> items_in(std::string_view text) {
  std::vector<item> found;
  for (std::size_t at = 0; (at = text.find("@@", at)) != std::string_view::npos; ++at) {
    if (text.size() - at < 11 || text[at + 8] != ':') continue;
    std::size_t end = at + 9;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') end += 1;
    if (end == at + 9 || end == text.size() || text[end] != '.') continue;  // the resource's name
    found.push_back({std::atoi(std::string(text.substr(at + 2, 6)).c_str()),
                     std::atoi(std::string(text.substr(at + 9, end - at - 9)).c_str())});
  }
  return found;
}

mood mood::draw(sim_random& r) {
  mood m;
  const auto some = [&](double most) { return r.chance(0.4) ? r.unit() * most : 0; };
  m.refuse = some(0.6);
  m.throttle = some(0.4);
  m.permanent = r.chance(0.2) ? r.unit() * 0.3 : 0;
  m.drop = r.chance(0.2) ? r.unit() * 0.3 : 0;
  m.late = some(0.5);
  m.silent = some(0.2);
  m.deaf = r.chance(0.2) ? r.unit() * 0.2 : 0;
  m.partial = some(0.2);
  m.late_max = r.between(milliseconds(10), seconds(8));
  return m;
}

void backend::open() {
  zc::net::server_options options;
  options.at = at_;
  auto made = zc::net::server::listen(on_, options, *this);
  ASSERT_TRUE(made) << made.error().reason;
  server_ = std::move(*made);
}

void backend::close() {
  kept_.clear();
  server_.reset();
}

void backend::serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) {
  auto plain = coder_.inflate(body, request->head().body_coding, 64_MiB, on_.memory());
  ASSERT_TRUE(plain) << "a body that does not inflate: " << plain.error().reason;
  const zc::bytes flat = plain->flatten_copy();
  const std::vector<item> items = items_in(flat.text());
  EXPECT_FALSE(items.empty()) << flat.size() << " bytes of " << body.size() << ": "
                              << std::string(flat.text().substr(0, 200));
  look_at_patience(items);
  double dice = random_.unit();
  const auto falls = [&](double p) { return (dice -= p) < 0; };
  if (falls(how.refuse)) return refuse(*request, items, zc::grpc::code::unavailable, 503, 0.3);
  if (falls(how.throttle)) {
    return refuse(*request, items, zc::grpc::code::resource_exhausted, 429, 1);
  }
  if (falls(how.permanent)) {
    forgotten += items.size();
    return request->refuse({zc::grpc::code::invalid_argument, 400, "no", {}, false});
  }
  if (falls(how.drop)) {
    forgotten += items.size();
    return;
  }
  if (falls(how.silent)) return keep(std::move(request));
  if (falls(how.lie)) return answer(*request, false);
  for (const item& i : items) taken[i.request][i.number] += 1;
  taken_items += items.size();
  if (falls(how.deaf)) return keep(std::move(request));
  if (falls(how.late)) return answer_later(std::move(request));
  answer(*request, falls(how.partial));
}

void backend::answer(zc::net::exchange& to, bool partial) {
  zc::net::reply r;
  r.content_type = "application/x-protobuf";
  if (partial) {
    otlp::partial_success p;
    p.rejected = 1;
    p.message = "one was odd";
    r.body = otlp::encode_response(p);
  }
  to.answer(std::move(r));
}

void backend::keep(std::unique_ptr<zc::net::exchange> request) {
  kept_.push_back(std::make_unique<held>(std::move(request)));
}

void backend::answer_later(std::unique_ptr<zc::net::exchange> request) {
  keep(std::move(request));
  on_.arm(*kept_.back(), random_.between(nanoseconds(0), how.late_max));
}

void backend::refuse(zc::net::exchange& to, const std::vector<item>& items, zc::grpc::code code,
                     int http, double hinted) {
  std::optional<nanoseconds> hint;
  if (random_.chance(hinted)) {
    // Whole seconds: Retry-After has no others.
    hint = seconds(1) * static_cast<std::int64_t>(random_.between(std::size_t{1}, std::size_t{9}));
  }
  const time_point until = world_.now() + std::max(least_delay, hint.value_or(nanoseconds(0)));
  for (const item& i : items) not_before_[i.request] = until;
  to.refuse({code, http, "not now", hint, false});
}

void backend::look_at_patience(const std::vector<item>& items) {
  for (const item& i : items) {
    const auto at = not_before_.find(i.request);
    if (at == not_before_.end() || !judging) continue;
    const auto sent = sends->find(i.request);
    if (sent == sends->end() || sent->second != 1) continue;
    EXPECT_GE(world_.now() + milliseconds(1), at->second) << "request " << i.request << " hurried";
  }
}

}  // namespace sluice::sim
