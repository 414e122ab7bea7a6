// What must hold of the text: every field that people look for, in the Collector's words; untrusted
// text cannot break a terminal; bytes that break are errors with a place.
#include "gate/pipeline/exporters/otlp_text.h"

#include <functional>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::pb::string_writer;
using body = std::function<void(string_writer&)>;

// One resource, one scope, one record.
std::string request(const body& record) {
  std::string out;
  string_writer w(out);
  const auto text = [&](std::uint32_t field, std::string_view key, std::string_view value) {
    w.message(field, [&] {
      w.text(1, key);
      w.message(2, [&] { w.text(1, value); });
    });
  };
  w.message(1, [&] {
    w.message(1, [&] { text(1, "service.name", "shop"); });
    w.message(2, [&] {
      w.message(1, [&] {
        w.text(1, "lib");
        w.text(2, "1.0");
        text(3, "k", "v");
      });
      w.message(2, [&] { record(w); });
      w.text(3, "scope-url");
    });
    w.text(3, "resource-url");
  });
  return out;
}

std::string shown(signal s, const body& record, debug_verbosity how = debug_verbosity::detailed) {
  const auto text = request_text(s, request(record), how, 65'536);
  return text ? *text : "failed";
}

void attribute(string_writer& w, std::uint32_t field, std::string_view key, const body& value) {
  w.message(field, [&] {
    w.text(1, key);
    w.message(2, [&] { value(w); });
  });
}

void span(string_writer& w) {
  w.text(1, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  w.text(2, "\x11\x12\x13\x14\x15\x16\x17\x18");
  w.text(5, "GET /");
  w.varint(6, 3);
  w.fixed64(7, 1'700'000'000'123'000'000);
  attribute(w, 9, "n", [](string_writer& v) { v.signed_varint(3, -5); });
  attribute(w, 9, "l", [](string_writer& v) {
    v.message(5, [&] {
      v.message(1, [&] { v.text(1, "a"); });
      v.message(1, [&] { v.boolean(2, true); });
    });
  });
  attribute(w, 9, "m", [](string_writer& v) {
    v.message(6, [&] { attribute(v, 1, "x", [](string_writer& u) { u.float64(4, 1.5); }); });
  });
  attribute(w, 9, "e", [](string_writer&) {});
  w.message(11, [&] { w.text(2, "retry"); });
  w.message(13, [&] { w.text(1, "\xaa\xbb"); });
  w.message(15, [&] {
    w.text(2, "broken");
    w.varint(3, 2);
  });
}

TEST(OtlpTextTest, SpansAreShownInDetail) {
  EXPECT_EQ(shown(signal::traces, span),
            "ResourceSpans #0\n"
            "Resource SchemaURL: resource-url\n"
            "Resource attributes:\n"
            "     -> service.name: Str(shop)\n"
            "ScopeSpans #0\n"
            "ScopeSpans SchemaURL: scope-url\n"
            "InstrumentationScope lib 1.0\n"
            "InstrumentationScope attributes:\n"
            "     -> k: Str(v)\n"
            "Span #0\n"
            "    Trace ID       : 0102030405060708090a0b0c0d0e0f10\n"
            "    Parent ID      : \n"
            "    ID             : 1112131415161718\n"
            "    Name           : GET /\n"
            "    Kind           : Client\n"
            "    Start time     : 2023-11-14 22:13:20.123 +0000 UTC\n"
            "    End time       : 1970-01-01 00:00:00 +0000 UTC\n"
            "    Status code    : Error\n"
            "    Status message : broken\n"
            "Attributes:\n"
            "     -> n: Int(-5)\n"
            "     -> l: Slice([\"a\",true])\n"
            "     -> m: Map({\"x\":1.5})\n"
            "     -> e: Empty()\n"
            "Events:\n"
            "SpanEvent #0\n"
            "     -> Name: retry\n"
            "     -> Timestamp: 1970-01-01 00:00:00 +0000 UTC\n"
            "Links:\n"
            "SpanLink #0\n"
            "     -> Trace ID: aabb\n"
            "     -> ID: \n"
            "     -> TraceState: ");
}

TEST(OtlpTextTest, NormalIsALinePerRecord) {
  EXPECT_EQ(shown(signal::traces, span, debug_verbosity::normal),
            "ResourceTraces #0 [resource-url] service.name=shop\n"
            "ScopeTraces #0 lib@1.0 [scope-url] k=v\n"
            "GET / 0102030405060708090a0b0c0d0e0f10 1112131415161718 n=-5 l=[\"a\",true] "
            "m={\"x\":1.5} e=null");
}

TEST(OtlpTextTest, LogsShowSeverityAndBody) {
  const std::string text = shown(signal::logs, [](string_writer& w) {
    w.varint(2, 18);
    w.text(3, "ERR");
    w.message(5, [&] { w.text(1, "boom"); });
    w.text(12, "evt");
  });
  for (const char* line : {"LogRecord #0\n", "SeverityText: ERR\n", "SeverityNumber: Error2(18)\n",
                           "EventName: evt\n", "Body: Str(boom)\n", "Flags: 0"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_NE(shown(
                signal::logs, [](string_writer& w) { w.message(5, [&] { w.text(1, "boom"); }); },
                debug_verbosity::normal)
                .find("\nboom"),
            std::string::npos);
}

TEST(OtlpTextTest, MetricsOfEveryKindShowTheirPoints) {
  const auto metric = [](std::uint32_t kind, const body& point) {
    return shown(signal::metrics, [&](string_writer& w) {
      w.text(1, "requests");
      w.text(3, "By");
      w.message(kind, [&] {
        w.message(1, [&] { point(w); });
        w.varint(2, 2);
        w.boolean(3, true);
      });
    });
  };
  const auto has = [](const std::string& text, const char* what) {
    return text.find(what) != std::string::npos;
  };
  const std::string sum =
      metric(7, [](string_writer& w) { w.fixed64(6, static_cast<std::uint64_t>(-7)); });
  EXPECT_TRUE(has(sum,
                  "     -> DataType: Sum\n     -> IsMonotonic: true\n     -> "
                  "AggregationTemporality: Cumulative\n"));
  EXPECT_TRUE(has(sum, "NumberDataPoints #0\n")) << sum;
  EXPECT_TRUE(has(sum, "Value: -7"));
  const std::string gauge = metric(5, [](string_writer& w) { w.float64(4, 2.5); });
  EXPECT_TRUE(has(gauge, "DataType: Gauge\n"));
  EXPECT_TRUE(has(gauge, "Value: 2.500000"));
  const std::string histogram = metric(9, [](string_writer& w) {
    const std::uint64_t counts[] = {1, 2};
    const double bounds[] = {10};
    w.fixed64(4, 3);
    w.float64(5, 30);
    w.packed_fixed64(6, counts);
    w.packed_float64(7, bounds);
    w.float64(11, 1);
  });
  EXPECT_TRUE(has(histogram, "HistogramDataPoints #0\n"));
  EXPECT_TRUE(has(histogram,
                  "Count: 3\nSum: 30.000000\nMin: 1.000000\nExplicitBounds #0: 10.000000\nBuckets "
                  "#0, Count: 1\nBuckets #1, Count: 2"));
  const std::string exponential = metric(10, [](string_writer& w) {
    w.zigzag_varint(6, -2);
    w.message(8, [&] {
      const std::uint64_t counts[] = {5, 300};
      w.zigzag_varint(1, 4);
      w.packed_varints(2, counts);
    });
  });
  EXPECT_TRUE(has(exponential, "Scale: -2\n"));
  EXPECT_TRUE(has(exponential, "Positive bucket #4, Count: 5\nPositive bucket #5, Count: 300"));
  const std::string summary = metric(11, [](string_writer& w) {
    w.message(6, [&] {
      w.float64(1, 0.5);
      w.float64(2, 9);
    });
  });
  EXPECT_TRUE(has(summary, "QuantileValue #0: Quantile 0.500000, Value 9.000000"));
}

TEST(OtlpTextTest, NormalMetricsLookLikePrometheus) {
  const std::string text = shown(
      signal::metrics,
      [](string_writer& w) {
        w.text(1, "requests");
        w.message(5, [&] {
          w.message(1, [&] {
            w.fixed64(6, 3);
            attribute(w, 7, "a", [](string_writer& v) { v.text(1, "b"); });
            attribute(w, 7, "c", [](string_writer& v) { v.varint(3, 1); });
          });
        });
      },
      debug_verbosity::normal);
  EXPECT_NE(text.find("\nrequests{a=b,c=1} 3"), std::string::npos) << text;
}

TEST(OtlpTextTest, UntrustedTextCannotBreakTheTerminal) {
  const std::string text =
      shown(signal::traces, [](string_writer& w) { w.text(5, "a\x1b[31m\nb\xff"); });
  EXPECT_NE(text.find("a\\x1b[31m\\nb\\xff"), std::string::npos);
  EXPECT_NE(shown(signal::traces, [](string_writer& w) { w.text(5, "gr\xc3\xbc\xc3\x9f"); })
                .find("gr\xc3\xbc\xc3\x9f"),
            std::string::npos);
}

TEST(OtlpTextTest, OutputIsCutAtALine) {
  const auto text = request_text(signal::logs, kit::request_of(signal::logs, 1'000),
                                 debug_verbosity::detailed, 1'000);
  ASSERT_TRUE(text);
  EXPECT_LE(text->size(), 1'064U);
  EXPECT_TRUE(text->ends_with("\n(cut here: the output is limited)"));
}

TEST(OtlpTextTest, BrokenBytesAreErrorsWithAPlace) {
  std::string cut = request(span);
  cut.resize(cut.size() - 3);
  const auto text = request_text(signal::traces, cut, debug_verbosity::detailed, 65'536);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, zc::errc::truncated);
  EXPECT_FALSE(tally(signal::traces, cut));
}

TEST(OtlpTextTest, NestingIsBounded) {
  std::string value;
  for (int i = 0; i < 150; ++i) {
    std::string outer;
    string_writer w(outer);
    w.message(5, [&] { w.text(1, value); });
    value = outer;
  }
  const auto text = request_text(signal::logs, request([&](string_writer& w) { w.text(5, value); }),
                                 debug_verbosity::detailed, 65'536);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, zc::errc::too_large);
}

TEST(OtlpTextTest, TheTallyCountsResourcesMetricsAndPoints) {
  const auto t = tally(signal::metrics,
                       kit::request_of(signal::metrics, 3) + kit::request_of(signal::metrics, 2));
  ASSERT_TRUE(t);
  EXPECT_EQ(tally_text(signal::metrics, *t),
            R"(Metrics {"resource metrics": 2, "metrics": 5, "data points": 5})");
  EXPECT_TRUE(tally(signal::profiles, ""));
}

}  // namespace
}  // namespace sluice
