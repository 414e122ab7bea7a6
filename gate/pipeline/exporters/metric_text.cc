#include "gate/pipeline/exporters/metric_text.h"

#include <array>
#include <bit>
#include <memory_resource>
#include <string>
#include <vector>

#include "zc/mem/scratch.h"

namespace sluice {
namespace {

using zc::pb::reader;
using zc::pb::wire;
using message = otlp_page::message;

std::string temporality(std::uint64_t n) {
  static constexpr std::array<std::string_view, 3> names{"Unspecified", "Delta", "Cumulative"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

class printer {
 public:
  explicit printer(otlp_page& page) noexcept : page_(page), out_(page.out()) {}

  enum class data : std::uint8_t { none, gauge, sum, histogram, exponential, summary };
  static data data_of(std::uint32_t field) noexcept {
    switch (field) {
      case 5:
        return data::gauge;
      case 7:
        return data::sum;
      case 9:
        return data::histogram;
      case 10:
        return data::exponential;
      case 11:
        return data::summary;
      default:
        return data::none;
    }
  }
  static std::string_view name_of(data d) noexcept {
    static constexpr std::array<std::string_view, 6> names{
        "Empty", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"};
    return names[static_cast<std::size_t>(d)];
  }
  struct described {
    message name, description, unit, body;
    data what = data::none;
  };
  bool describe(message m, described& into) {
    return page_.fields(m, [&](reader& r) {
      if (r.is(1, wire::bytes)) into.name = r.view();
      if (r.is(2, wire::bytes)) into.description = r.view();
      if (r.is(3, wire::bytes)) into.unit = r.view();
      if (r.type() != wire::bytes || data_of(r.number()) == data::none) return true;
      into.what = data_of(r.number());
      into.body = r.view();
      return true;
    });
  }
  bool metric(message m, std::uint64_t n) {
    described d;
    if (!describe(m, d)) return false;
    out_.heading("Metric", n);
    out_.line("Descriptor:");
    out_.line("     -> Name: ", shown(otlp_page::text_of(d.name)));
    out_.line("     -> Description: ", shown(otlp_page::text_of(d.description)));
    out_.line("     -> Unit: ", shown(otlp_page::text_of(d.unit)));
    out_.line("     -> DataType: ", name_of(d.what));
    std::uint64_t kind = 0;
    std::uint64_t monotonic = 0;
    if (!page_.number_in(d.body, 2, kind) || !page_.number_in(d.body, 3, monotonic)) return false;
    if (d.what == data::sum) out_.line("     -> IsMonotonic: ", monotonic != 0 ? "true" : "false");
    if (d.what == data::sum || d.what == data::histogram || d.what == data::exponential) {
      out_.line("     -> AggregationTemporality: ", temporality(kind));
    }
    std::uint64_t points = 0;
    return page_.fields(d.body, [&](reader& r) {
      return !r.is(1, wire::bytes) || point(d.what, r.view(), points++);
    });
  }

  struct point_facts {
    std::uint64_t start = 0, at = 0, count = 0, zero_count = 0;
    std::int64_t scale = 0;
    double sum = 0, min = 0, max = 0;
    bool has_sum = false, has_min = false, has_max = false;
    std::string number;  // of a gauge or sum
  };
  static std::uint32_t attributes_field(data what) noexcept {
    if (what == data::histogram) return 9;
    return what == data::exponential ? 1 : 7;
  }
  bool read_point(data what, message m, point_facts& f) {
    const bool plain = what == data::gauge || what == data::sum;
    const std::uint32_t min_field = what == data::histogram ? 11 : 12;
    return page_.fields(m, [&](reader& r) {
      if (r.type() == wire::varint && r.number() == 6 && what == data::exponential)
        f.scale = r.zigzag_value();
      if (r.type() != wire::fixed64) return true;
      const std::uint32_t n = r.number();
      if (n == 2) f.start = r.value();
      if (n == 3) f.at = r.value();
      if (plain && n == 4) f.number = real(r.double_value());
      if (plain && n == 6) f.number = std::to_string(r.signed_value());
      if (!plain && n == 4) f.count = r.value();
      if (!plain && n == 5) f.sum = r.double_value(), f.has_sum = true;
      if (what == data::exponential && n == 7) f.zero_count = r.value();
      if (plain || what == data::summary) return true;
      if (n == min_field) f.min = r.double_value(), f.has_min = true;
      if (n == min_field + 1) f.max = r.double_value(), f.has_max = true;
      return true;
    });
  }
  bool point(data what, message m, std::uint64_t n) {
    point_facts f;
    if (!read_point(what, m, f)) return false;
    const bool plain = what == data::gauge || what == data::sum;
    out_.heading(plain ? "NumberDataPoints" : std::string(name_of(what)) + "DataPoints", n);
    if (!page_.attributes(m, attributes_field(what), "Data point attributes")) return false;
    out_.line("StartTimestamp: ", time_text(f.start));
    out_.line("Timestamp: ", time_text(f.at));
    if (plain) {
      out_.line("Value: ", f.number);
      return true;
    }
    out_.line("Count: ", std::to_string(f.count));
    if (f.has_sum || what == data::summary) out_.line("Sum: ", real(f.sum));
    if (f.has_min) out_.line("Min: ", real(f.min));
    if (f.has_max) out_.line("Max: ", real(f.max));
    if (what == data::histogram) return buckets(m);
    if (what == data::summary) return quantiles(m);
    out_.line("Scale: ", std::to_string(f.scale));
    out_.line("ZeroCount: ", std::to_string(f.zero_count));
    return exponential_buckets(m, 8, "Positive") && exponential_buckets(m, 9, "Negative");
  }
  using numbers = std::pmr::vector<std::uint64_t>;
  // Repeated fixed64, packed or not.
  static void collect_fixed(const reader& r, std::uint32_t number, numbers& into) {
    if (r.is(number, wire::fixed64)) into.push_back(r.value());
    if (!r.is(number, wire::bytes)) return;
    const message packed = r.view();
    for (std::size_t i = 0; i + 8 <= packed.size(); i += 8) {
      into.push_back(zc::pb::detail::load_little<std::uint64_t>(packed.data() + i));
    }
  }
  bool buckets(message m) {
    const zc::scratch_scope mine;
    numbers counts(mine.memory());
    numbers bounds(mine.memory());
    const bool ok = page_.fields(m, [&](reader& r) {
      collect_fixed(r, 6, counts);
      collect_fixed(r, 7, bounds);
      return true;
    });
    for (std::size_t i = 0; ok && i < bounds.size() && !out_.full(); ++i) {
      out_.line("ExplicitBounds #" + std::to_string(i) + ": ",
                real(std::bit_cast<double>(bounds[i])));
    }
    for (std::size_t i = 0; ok && i < counts.size() && !out_.full(); ++i) {
      out_.line("Buckets #" + std::to_string(i) + ", Count: ", std::to_string(counts[i]));
    }
    return ok;
  }
  bool quantiles(message m) {
    std::uint64_t n = 0;
    return page_.fields(m, [&](reader& r) {
      if (!r.is(6, wire::bytes)) return true;
      std::uint64_t quantile = 0, value = 0;
      if (!page_.fixed_in(r.view(), 1, quantile) || !page_.fixed_in(r.view(), 2, value))
        return false;
      out_.add("QuantileValue #" + std::to_string(n++));
      out_.line(": Quantile " + real(std::bit_cast<double>(quantile)), ", Value ",
                real(std::bit_cast<double>(value)));
      return true;
    });
  }
  // Buckets { offset = 1 (zigzag), bucket_counts = 2 (varints, packed or not) }
  bool exponential_buckets(message m, std::uint32_t field, std::string_view side) {
    message b;
    if (!page_.find(m, field, b)) return false;
    std::int64_t offset = 0;
    const zc::scratch_scope mine;
    numbers counts(mine.memory());
    const bool ok = page_.fields(b, [&](reader& r) {
      if (r.is(1, wire::varint)) offset = r.zigzag_value();
      if (r.is(2, wire::varint)) counts.push_back(r.value());
      if (!r.is(2, wire::bytes)) return true;
      const message packed = r.view();
      for (const std::byte* at = packed.data(); at != packed.data() + packed.size();) {
        const auto v = zc::pb::decode_varint(at, packed.data() + packed.size());
        if (v.size == 0 || v.size > zc::pb::varint_bytes_max) break;
        counts.push_back(v.value);
        at += v.size;
      }
      return true;
    });
    for (std::size_t i = 0; ok && i < counts.size() && !out_.full(); ++i) {
      out_.add(side);
      out_.line(" bucket #" + std::to_string(offset + static_cast<std::int64_t>(i)),
                ", Count: ", std::to_string(counts[i]));
    }
    return ok;
  }

  bool brief_metric(message m) {
    described d;
    if (!describe(m, d)) return false;
    return page_.fields(
        d.body, [&](reader& r) { return !r.is(1, wire::bytes) || brief_point(d, r.view()); });
  }
  bool brief_point(const described& d, message m) {
    point_facts f;
    if (!read_point(d.what, m, f)) return false;
    out_.all(shown(otlp_page::text_of(d.name)), "{");
    if (!page_.attributes(m, attributes_field(d.what), ",")) return false;
    out_.add("}");
    if (d.what == data::gauge || d.what == data::sum) {
      out_.line(" ", f.number);
      return true;
    }
    out_.add(" count=" + std::to_string(f.count));
    if (f.has_sum) out_.add(" sum=" + real(f.sum, "%g"));
    if (f.has_min) out_.add(" min=" + real(f.min, "%g"));
    if (f.has_max) out_.add(" max=" + real(f.max, "%g"));
    out_.add("\n");
    return true;
  }

  otlp_page& page_;
  sheet& out_;
};

}  // namespace

bool print_metric(otlp_page& page, message m, std::uint64_t n) {
  printer p(page);
  return page.detailed() ? p.metric(m, n) : p.brief_metric(m);
}

}  // namespace sluice
