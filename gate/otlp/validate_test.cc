// What must hold of the full check: it passes everything the specimens hold, counts bad strings and
// ids without refusing them, finds breakage at any depth that counting does not look at, and gives
// one answer however the bytes are cut.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "gate/otlp/specimen.h"
#include "gate/otlp/walk.h"

namespace sluice::otlp {
namespace {

using namespace std::string_view_literals;
using specimen::shape;
using specimen::writer;
using zc::errc;

struct answer {
  bool ok = true;
  std::uint64_t items = 0, bad_utf8 = 0, bad_ids = 0;
  errc code{};
  std::string reason;
  std::size_t offset = 0;
  bool operator==(const answer&) const = default;
};
std::ostream& operator<<(std::ostream& out, const answer& a) {
  if (!a.ok) return out << a.reason << " at " << a.offset;
  return out << a.items << " items, bad utf8 " << a.bad_utf8 << ", bad ids " << a.bad_ids;
}

answer ask(signal s, const zc::bytes_chain& body) {
  const auto r = validate_full(s, body);
  if (r) return {true, r->items, r->bad_utf8, r->bad_ids, {}, "", 0};
  return {false, 0, 0, 0, r.error().code, r.error().reason, r.error().offset};
}

answer validate(signal s, std::string_view text) {
  const answer whole = ask(s, zc::bytes::copy_of(text));
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    EXPECT_EQ(ask(s, specimen::cut(text, seed, 1 + 400 * seed)), whole) << seed;
  }
  return whole;
}

template <class Fill>
std::string built(Fill&& fill) {
  std::string out;
  writer w(out);
  fill(w);
  return out;
}

// A request of one item, which `fill` writes.
template <class Fill>
std::string one_item(Fill&& fill) {
  return built([&](writer& w) {
    w.message(1, [&] { w.message(2, [&] { w.message(2, [&] { fill(w); }); }); });
  });
}

// A metrics request of one point of data oneof member `member`.
template <class Fill>
std::string one_point(std::uint32_t member, Fill&& fill) {
  return one_item([&](writer& w) { w.message(member, [&] { w.message(1, [&] { fill(w); }); }); });
}

answer logs_with(std::string_view record) {
  return validate(signal::logs,
                  one_item([&](writer& w) { w.raw(std::as_bytes(std::span(record))); }));
}

TEST(ValidateTest, PassesRealisticRequestsOfEverySignal) {
  for (const signal s : all_signals) {
    for (const shape& of : {shape{}, shape{2, 3, 7, 5, 40}, shape{1, 1, 3, 2, 9'000}}) {
      const answer a = validate(s, specimen::request(s, of));
      EXPECT_EQ(a, (answer{true, specimen::items_in(s, of), 0, 0, {}, "", 0})) << name_of(s);
    }
  }
}

TEST(ValidateTest, EveryTruncationIsRefusedWithOneAnswer) {
  for (const signal s : all_signals) {
    const std::string text = specimen::request(s, {1, 1, 2, 2, 20});
    const std::size_t whole_fields =
        s == signal::profiles ? 1 : 0;  // the dictionary may be missing
    std::size_t accepted = 0;
    for (std::size_t size = 1; size < text.size(); ++size) {
      accepted += validate(s, std::string_view(text).substr(0, size)).ok ? 1 : 0;
    }
    EXPECT_EQ(accepted, whole_fields) << name_of(s);
  }
}

TEST(ValidateTest, CountsStringsThatAreNotUtf8) {
  EXPECT_EQ(logs_with("\x1a\x02\xc3\x28"sv).bad_utf8, 1u);      // severity_text
  EXPECT_EQ(logs_with("\x2a\x03\x0a\x01\xff"sv).bad_utf8, 1u);  // body.string_value
  EXPECT_EQ(logs_with("\x2a\x03\x3a\x01\xff"sv).bad_utf8, 0u);  // body.bytes_value
  EXPECT_EQ(logs_with("\x32\x08\x0a\x01\xff\x12\x03\x0a\x01\x80"sv).bad_utf8, 2u);  // both quick
  EXPECT_EQ(logs_with("\x32\x09\x12\x03\x0a\x01\x80\x0a\x02\xc0\x80"sv).bad_utf8, 2u);  // reversed
  EXPECT_EQ(logs_with("\x32\x0c\x0a\x81\x80\x80\x00\xff\x12\x04\x0a\x81\x00\x80"sv).bad_utf8, 2u);
  EXPECT_EQ(logs_with("\x32\x06\x0a\x04\xf0\x9f\x98\x80"sv).bad_utf8, 0u);
}

TEST(ValidateTest, LongStringsAreCheckedAcrossPieces) {
  const auto with = [](std::string_view end) {
    return one_item([&](writer& w) {
      std::string text;
      for (int i = 0; i < 5000; ++i) text += "\xe2\x82\xac";
      w.text(3, text + std::string(end));
      w.message(5, [&] { w.text(1, std::string(6000, 'a') + std::string(end)); });
    });
  };
  EXPECT_EQ(validate(signal::logs, with("")).bad_utf8, 0u);
  EXPECT_EQ(validate(signal::logs, with("\xe2\x82")).bad_utf8, 2u);
}

TEST(ValidateTest, CountsIdsOfOtherLengths) {
  for (const std::size_t size : {0u, 1u, 8u, 16u, 17u, 32u, 5000u}) {
    const std::string id(size, 'i');
    const std::uint64_t bad_trace = size == 0 || size == 16 ? 0 : 1;
    const std::uint64_t bad_span = size == 0 || size == 8 ? 0 : 1;
    const auto bad_ids = [&](signal s, const std::string& text) {
      const answer a = validate(s, text);
      EXPECT_TRUE(a.ok) << a;
      return a.bad_ids;
    };
    EXPECT_EQ(bad_ids(signal::logs, one_item([&](writer& w) { w.text(9, id); })), bad_trace);
    EXPECT_EQ(bad_ids(signal::logs, one_item([&](writer& w) { w.text(10, id); })), bad_span);
    EXPECT_EQ(bad_ids(signal::traces, one_item([&](writer& w) { w.text(1, id); })), bad_trace);
    EXPECT_EQ(bad_ids(signal::traces, one_item([&](writer& w) { w.text(2, id); })), bad_span);
    EXPECT_EQ(bad_ids(signal::traces, one_item([&](writer& w) { w.text(4, id); })), bad_span);
    EXPECT_EQ(bad_ids(signal::traces, one_item([&](writer& w) {
                        w.message(13, [&] {
                          w.text(1, id);
                          w.text(2, id);
                        });
                      })),
              bad_trace + bad_span);
    for (const auto& [member, exemplars] : {std::pair{5u, 5u}, {7u, 5u}, {9u, 8u}, {10u, 11u}}) {
      EXPECT_EQ(bad_ids(signal::metrics, one_point(member,
                                                   [&](writer& w) {
                                                     w.message(exemplars, [&] {
                                                       w.text(4, id);
                                                       w.text(5, id);
                                                     });
                                                   })),
                bad_trace + bad_span);
    }
  }
}

TEST(ValidateTest, FindsBreakageBelowTheItems) {
  const answer a = logs_with("\x32\x04\x0a\x05hi"sv);  // a key longer than its KeyValue
  EXPECT_EQ(a.code, errc::truncated);
  EXPECT_EQ(a.offset, 8u);  // the key's tag
  EXPECT_FALSE(logs_with("\x32\x02\x0a\x80"sv).ok);
  EXPECT_FALSE(logs_with("\x2a\x02\x0e\x00"sv).ok);               // wire type 6 in a body
  EXPECT_FALSE(logs_with("\x2a\x04\x2a\x02\x02\x00"sv).ok);       // field 0 in an array
  EXPECT_FALSE(logs_with("\x32\x06\x0a\x01k\x12\x01\x0a"sv).ok);  // quick shape, broken value
  // Counting does not look there.
  EXPECT_TRUE(count_items(signal::logs,
                          zc::bytes::copy_of("\x0a\x0a\x12\x08\x12\x06\x32\x04\x0a\x05hi"sv)));
}

TEST(ValidateTest, OffsetsAreTheSameOnTheQuickAndTheGeneralWay) {
  // A value whose string runs out, once behind one-byte lengths and once behind padded ones.
  EXPECT_EQ(logs_with("\x32\x07\x0a\x01k\x12\x02\x0a\x05"sv).offset, 6u + 2 + 3 + 2);
  EXPECT_EQ(logs_with("\x32\x09\x0a\x81\x00k\x12\x82\x00\x0a\x05"sv).offset, 6u + 2 + 4 + 3);
}

TEST(ValidateTest, PackedAndUnpackedBucketsAreLegal) {
  const answer a = validate(signal::metrics, one_point(9, [](writer& w) {
                              w.fixed64(6, 1);
                              w.fixed64(6, 2);
                              const std::uint64_t more[] = {3, 4};
                              w.packed_fixed64(6, more);
                              w.float64(7, 0.5);
                            }));
  EXPECT_TRUE(a.ok) << a;
  EXPECT_EQ(a.items, 1u);
  EXPECT_TRUE(validate(signal::metrics, one_point(10,
                                                  [](writer& w) {
                                                    w.message(8, [&] {
                                                      w.varint(2, 5);
                                                      const std::uint64_t more[] = {1, UINT64_MAX};
                                                      w.packed_varints(2, more);
                                                    });
                                                  }))
                  .ok);
}

TEST(ValidateTest, PackedValuesMustBeWhole) {
  EXPECT_EQ(validate(signal::metrics, one_point(9, [](writer& w) { w.text(6, "1234567"); })).code,
            errc::malformed);
  const auto buckets = [](std::string_view packed) {
    return validate(signal::metrics,
                    one_point(10, [&](writer& w) { w.message(9, [&] { w.text(2, packed); }); }));
  };
  EXPECT_TRUE(buckets("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05"sv).ok);
  EXPECT_FALSE(buckets("\x05\x80"sv).ok);
  EXPECT_FALSE(buckets("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv).ok);
  EXPECT_TRUE(buckets(std::string(9000, '\x05')).ok);  // too long to be stitched
  EXPECT_FALSE(buckets(std::string(9000, '\x05') + "\x80").ok);
}

TEST(ValidateTest, NestingHasALimit) {
  // body = array of array of ... : two messages per level, AnyValue and ArrayValue.
  const auto nested = [](std::size_t levels) {
    std::string value;
    for (std::size_t i = 0; i < levels; ++i) {
      std::string array;
      writer(array).text(1, value);
      std::string next;
      writer(next).text(5, array);
      value = std::move(next);
    }
    return one_item([&](writer& w) { w.text(5, value); });
  };
  EXPECT_TRUE(validate(signal::logs, nested(10)).ok);
  // The request is 0, the body's AnyValue 4, and each level adds two: the innermost is 4 + 2 *
  // levels.
  EXPECT_TRUE(validate(signal::logs, nested((depth_max - 4) / 2)).ok);
  EXPECT_EQ(validate(signal::logs, nested((depth_max - 4) / 2 + 1)).code, errc::too_large);
  EXPECT_EQ(validate(signal::logs, nested(3000)).code, errc::too_large);
}

TEST(ValidateTest, NestingThroughTheQuickWayHasTheSameLimit) {
  const auto nested =
      [](std::size_t levels) {  // attributes in attributes: AnyValue, KeyValueList, KeyValue
        std::string value;
        writer(value).text(1, "x");
        for (std::size_t i = 0; i < levels; ++i) {
          std::string next;
          writer w(next);
          w.message(6, [&] {
            w.message(1, [&] {
              w.text(1, "");
              w.text(2, value);
            });
          });
          value = std::move(next);
        }
        return one_item([&](writer& w) { w.text(5, value); });
      };
  EXPECT_TRUE(validate(signal::logs, nested((depth_max - 4) / 3)).ok);
  EXPECT_EQ(validate(signal::logs, nested((depth_max - 4) / 3 + 1)).code, errc::too_large);
}

TEST(ValidateTest, DuplicateSingularMessagesAndUnknownFieldsAreLegal) {
  const std::string text = built([](writer& w) {
    w.text(9, "\xff\xff");
    w.message(1, [&] {
      for (int i = 0; i < 2; ++i) w.message(1, [&] { specimen::attribute(w, 1, "a", "b"); });
      w.message(2, [&] {
        for (int i = 0; i < 2; ++i) w.message(1, [&] { w.text(1, "scope"); });
        w.message(2, [&] {
          w.text(50, "\xff");
          w.raw(std::as_bytes(std::span("\x0b\x0c"sv)));
        });
      });
      w.message(1000, [&] { w.text(2, "\xff"); });
    });
  });
  EXPECT_EQ(validate(signal::traces, text), (answer{true, 1, 0, 0, {}, "", 0}));
}

TEST(ValidateTest, ItemsOfAMetricAreThoseOfTheWinningMember) {
  const std::string text = one_item([](writer& w) {
    w.text(5, "\x0a\x00\x0a\x00"sv);
    w.text(7, "\x0a\x00"sv);
  });
  EXPECT_EQ(validate(signal::metrics, text).items, 1u);
}

}  // namespace
}  // namespace sluice::otlp
