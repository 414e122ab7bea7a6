#include "gate/rig/generate.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gate/rig/dice.h"
#include "gate/rig/scenery.h"
#include "zc/base/check.h"
#include "zc/mem/cow.h"

namespace sluice::rig {
namespace {

std::uint64_t load(const std::byte* at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void store(std::byte* at, std::uint64_t word) noexcept {
  std::memcpy(at, &word, sizeof word);
}

constexpr std::size_t items_per_resource = 250;

}  // namespace

request_template::request_template(draft&& from, std::size_t items) : items_(items) {
  for (const mark& m : from.marks()) {
    switch (m.what) {
      case spot::time:
        times_.push_back(m.offset);
        break;
      case spot::trace:
        traces_.push_back(m.offset);
        break;
      case spot::span:
        spans_.push_back(m.offset);
        break;
      case spot::identity:
        identities_.push_back(m.offset);
        break;
    }
  }
  ZC_CHECK(identities_.size() == items_);
  body_ = std::move(from).freeze();
}

// Every word is made from the template's, never from what `out` had.
void request_template::write_stamps(const stamp& how, std::byte* out) const noexcept {
  const std::byte* const drawn = body_.data();
  const std::uint64_t moved = how.time - epoch;  // wraps, and wraps back when added
  for (const std::uint32_t at : times_) store(out + at, load(drawn + at) + moved);

  // Exclusive-or with one value per request: equal ids stay equal and different ones different.
  const std::uint64_t high = scramble(how.ids);
  const std::uint64_t low = scramble(high ^ how.ids);
  const std::uint64_t span = scramble(low ^ how.ids);
  for (const std::uint32_t at : traces_) {
    store(out + at, load(drawn + at) ^ high);
    store(out + at + 8, load(drawn + at + 8) ^ low);
  }
  for (const std::uint32_t at : spans_) store(out + at, load(drawn + at) ^ span);

  identity_text text = encode(how.first);
  std::uint64_t sequence = how.first.sequence;
  for (const std::uint32_t at : identities_) {
    encode_sequence(sequence++, text.data() + identity_size - sequence_size);
    std::memcpy(out + at, text.data(), identity_size);
  }
}

zc::result<zc::bytes> request_template::stamped(const stamp& how, zc::pool& from,
                                                zc::bytes again) const {
  ZC_REQUIRES(again.empty() || again.size() == body_.size(),
              "request_template::stamped requires a request of this template");
  if (again.empty()) again = body_;
  zc::cow_bytes request = zc::cow_bytes::share(std::move(again));
  if (!request.try_own(from)) return zc::fail(zc::errc::exhausted, "no memory for a request");
  write_stamps(how, request.to_mut().data());
  return std::move(request).into_bytes();
}

zc::result<generator> generator::make(const generator_options& how) {
  using zc::errc;
  if (how.signal == otlp::signal::profiles) {
    return zc::fail(errc::unsupported, "profiles cannot be generated");
  }
  if (how.items == 0 || how.variety == 0) {
    return zc::fail(errc::malformed, "a request needs items, and a load needs templates");
  }
  if (how.items > items_max) return zc::fail(errc::too_large, "too many items per request");
  if (how.variety > variety_max) return zc::fail(errc::too_large, "too many templates");
  if (how.resources > how.items) {
    return zc::fail(errc::malformed, "more resources than items in a request");
  }
  scene what;
  what.items = how.items;
  what.resources = how.resources != 0 ? how.resources
                                      : (how.items + items_per_resource - 1) / items_per_resource;
  generator made;
  made.signal_ = how.signal;
  std::size_t total = 0;
  for (std::size_t i = 0; i < how.variety; ++i) {
    dice d(scramble(how.seed) +
           scramble(i * otlp::signals + static_cast<std::size_t>(how.signal) + 1));
    draft drawn(std::min(expected_size(how.signal, what), request_bytes_max));
    draw_request(drawn, how.signal, what, d);
    request_template next(std::move(drawn), how.items);
    if (next.size() > request_bytes_max) return zc::fail(errc::too_large, "a request is too large");
    total += next.size();
    if (total > template_bytes_max) return zc::fail(errc::too_large, "the templates are too large");
    made.templates_.push_back(std::move(next));
  }
  return made;
}

std::size_t generator::mean_size() const noexcept {
  std::size_t sum = 0;
  for (const request_template& t : templates_) sum += t.size();
  return templates_.empty() ? 0 : sum / templates_.size();
}

}  // namespace sluice::rig
