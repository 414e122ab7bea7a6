// split: one pass that fills part after part. While a part is built it is a list of `op`: stretches
// of the body, repeated headers, and the brackets of the envelopes around them. When it is full the
// lengths are summed from the inside out and the list is written as a chain (`gatherer`).
//
//     envelopes now open   [ ResourceLogs, its header | ScopeLogs, its header ]
//
// They are opened in a part only when something is put into them, so none is made empty.
#include <algorithm>
#include <array>
#include <optional>

#include "gate/otlp/fields.h"
#include "gate/otlp/walk.h"
#include "zc/base/ledger.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/varint.h"

namespace sluice::otlp {
namespace {

using detail::kind;
using detail::role;
using detail::rule;
using zc::errc;
using zc::pb::wire;
namespace pb = zc::pb;

// Up to here copying costs less than sharing: a reference pair and an entry of the gather list.
constexpr std::size_t copy_bytes_max = 512;

struct stretch {  // of the body
  std::size_t at = 0;
  std::size_t size = 0;
};

// Finds the pieces of a chain by offset. Near the last answer at once, elsewhere by halving.
class piece_map {
 public:
  explicit piece_map(const zc::bytes_chain& body) : pieces_(body.view()) {
    starts_.reserve(pieces_.size());
    std::size_t at = 0;
    for (const zc::bytes& piece : pieces_) {
      starts_.push_back(at);
      at += piece.size();
    }
  }

  template <class Use>
  void for_each(stretch what, Use&& use) {  // use(piece, offset in it, count)
    if (what.size == 0) return;
    for (std::size_t i = find(what.at); what.size > 0; ++i) {
      const std::size_t in = what.at - starts_[i];
      const std::size_t n = std::min(what.size, pieces_[i].size() - in);
      use(pieces_[i], in, n);
      what.at += n;
      what.size -= n;
      last_ = i;
    }
  }

 private:
  std::size_t find(std::size_t at) const noexcept {
    const auto holds = [&](std::size_t i) {
      return i < starts_.size() && at >= starts_[i] && at - starts_[i] < pieces_[i].size();
    };
    if (holds(last_)) return last_;
    if (holds(last_ + 1)) return last_ + 1;
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), at);
    return static_cast<std::size_t>(behind - starts_.begin()) - 1;
  }

  std::span<const zc::bytes> pieces_;
  std::vector<std::size_t> starts_;
  std::size_t last_ = 0;
};

// Builds chains of new bytes and shared stretches. Once the pool refuses, nothing more is written
// and ok() is false.
class gatherer {
 public:
  gatherer(const zc::bytes_chain& body, zc::pool& from) : map_(body), pool_(from) {}

  bool ok() const noexcept { return ok_; }

  void head(std::uint32_t field, std::uint64_t size) {
    std::array<std::byte, 2 * pb::varint_bytes_max> buffer;
    std::byte* end = pb::put_varint(buffer.data(), pb::tag_of(field, wire::bytes));
    end = pb::put_varint(end, size);
    put({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
  }
  void share(stretch what) {
    const bool small = what.size <= copy_bytes_max;
    map_.for_each(what, [&](const zc::bytes& piece, std::size_t at, std::size_t count) {
      if (small) {
        copy(piece.view().subspan(at, count));
      } else {
        push(piece.slice(at, count));
      }
    });
  }
  void share(const zc::bytes_chain& what) {
    const bool small = what.size() <= copy_bytes_max;
    for (const zc::bytes& piece : what) {
      if (small) {
        copy(piece.view());
      } else {
        push(piece);
      }
    }
  }
  zc::bytes_chain take() {
    out_.append(block_.take());
    return std::exchange(out_, {});
  }

 private:
  void push(zc::bytes piece) {
    out_.append(block_.take());
    out_.append(std::move(piece));
  }
  void copy(std::span<const std::byte> payload) {
    zc::ledger::count(zc::ledger::reason::coalesce, payload.size());
    put(payload);
  }
  void put(std::span<const std::byte> bytes) {
    if (block_.spare().size() < bytes.size()) {
      out_.append(block_.take());
      block_ = pool_.take(zc::pool::block_bytes_min);
    }
    ok_ = ok_ && block_;
    if (!ok_) return;
    std::copy(bytes.begin(), bytes.end(), block_.spare().begin());
    block_.commit(bytes.size());
  }

  piece_map map_;
  zc::pool& pool_;
  zc::bytes_builder block_;  // one for all parts: they share its last corners
  zc::bytes_chain out_;
  bool ok_ = true;
};

class splitter {
 public:
  splitter(const zc::bytes_chain& body, std::uint64_t items_max, zc::pool& from)
      : body_(body),
        items_max_(items_max),
        room_(items_max),
        parts_writer_(body, from),
        headers_writer_(body, from) {}

  zc::result<std::vector<zc::bytes_chain>> run(kind request);

 private:
  struct op {
    enum class what : std::uint8_t { open, close, body, repeat };
    what does = what::body;
    std::uint32_t number = 0;  // open: the field; repeat: which of repeats_
    stretch where;             // body
    std::size_t size = 0;      // open: of the content, once it is known
  };
  struct frame {
    std::uint32_t number;    // the field that this envelope is in its parent
    zc::bytes_chain header;  // the fields that every part repeats
    zc::bytes_chain once;    // the fields that only the first part gets
  };
  using status = zc::result<void>;

  // Calls use(reader, cursor, rule) for each field of the next `size` bytes; the rule is empty for
  // what is neither an envelope nor an item.
  template <class Use>
  status each_field(kind in, zc::chain_cursor at, std::size_t size, Use&& use);
  template <class Keep>
  zc::result<zc::bytes_chain> gather_fields(kind in, zc::chain_cursor at, std::size_t size,
                                            Keep&& keep);

  status place(kind in, std::uint32_t number, stretch field, zc::chain_cursor at, std::size_t size);
  status place_children(kind in, zc::chain_cursor at, std::size_t size);
  status cut_envelope(kind in, std::uint32_t number, zc::chain_cursor at, std::size_t size);
  status cut_metric(std::uint32_t number, zc::chain_cursor at, std::size_t size);

  void enter(frame f) { frames_.push_back(std::move(f)); }
  void leave();
  void add(stretch what, std::uint64_t items);
  void make_room() {
    if (room_ == 0) end_part();
  }
  void repeat(zc::bytes_chain what);
  void end_part();
  void sum_sizes();

  const zc::bytes_chain& body_;
  const std::uint64_t items_max_;
  std::uint64_t room_;
  gatherer parts_writer_;
  gatherer headers_writer_;
  std::vector<frame> frames_;             // at most 4: resource, scope, metric, data
  std::size_t opened_ = 0;                // how many of them are open in this part
  std::vector<op> ops_;                   // of this part
  std::vector<zc::bytes_chain> repeats_;  // that ops_ refers to
  std::vector<std::size_t> unclosed_;     // for sum_sizes
  std::vector<zc::bytes_chain> parts_;
};

template <class Use>
splitter::status splitter::each_field(kind in, zc::chain_cursor at, std::size_t size, Use&& use) {
  pb::chain_reader r(at, size);
  while (r.next()) {
    rule known;
    if (r.type() == wire::bytes) known = detail::rule_of(in, r.number());
    if (known.what != role::envelope && known.what != role::member && known.what != role::item) {
      known = {};
    }
    if (status used = use(r, at, known); !used) return used;
  }
  if (!r.ok()) return std::unexpected(r.failure());
  return {};
}

stretch field_of(const pb::chain_reader& r) {
  return {r.field_at(), r.field_end() - r.field_at()};
}

// The fields for which keep(reader, rule) holds, in order, as a chain.
template <class Keep>
zc::result<zc::bytes_chain> splitter::gather_fields(kind in, zc::chain_cursor at, std::size_t size,
                                                    Keep&& keep) {
  stretch open;
  auto walked =
      each_field(in, at, size, [&](const auto& r, const auto&, const rule& known) -> status {
        if (!keep(r, known)) return {};
        const stretch next = field_of(r);
        if (open.at + open.size == next.at) {
          open.size += next.size;
        } else {
          headers_writer_.share(open);
          open = next;
        }
        return {};
      });
  headers_writer_.share(open);
  zc::bytes_chain gathered = headers_writer_.take();
  if (!walked) return std::unexpected(walked.error());
  return gathered;
}

// Puts one envelope into the current part, whole if it fits, else cut.
splitter::status splitter::place(kind in, std::uint32_t number, stretch field, zc::chain_cursor at,
                                 std::size_t size) {
  const auto items = detail::count_message(in, at, size);
  if (!items) return std::unexpected(items.error());
  if (*items > room_) make_room();
  if (*items <= room_) {
    add(field, *items);
    return {};
  }
  return in == kind::metric ? cut_metric(number, at, size) : cut_envelope(in, number, at, size);
}

splitter::status splitter::place_children(kind in, zc::chain_cursor at, std::size_t size) {
  return each_field(in, at, size,
                    [&](const auto& r, const auto& here, const rule& known) -> status {
                      if (known.what == role::none) return {};
                      if (known.what == role::item) {
                        make_room();
                        add(field_of(r), 1);
                        return {};
                      }
                      return place(known.inside, r.number(), field_of(r), here, r.size());
                    });
}

splitter::status splitter::cut_envelope(kind in, std::uint32_t number, zc::chain_cursor at,
                                        std::size_t size) {
  const auto once = [in](const auto& r) {
    return detail::is_resource_x(in) && r.number() == detail::former_libraries;
  };
  auto header = gather_fields(in, at, size, [&](const auto& r, const rule& known) {
    return known.what == role::none && !once(r);
  });
  if (!header) return std::unexpected(header.error());
  zc::bytes_chain first;
  if (detail::is_resource_x(in)) {  // scopes have none, and many more fields to look through
    auto gathered =
        gather_fields(in, at, size, [&](const auto& r, const rule&) { return once(r); });
    if (!gathered) return std::unexpected(gathered.error());
    first = std::move(*gathered);
  }
  enter({number, std::move(*header), std::move(first)});
  status placed = place_children(in, at, size);
  leave();
  return placed;
}

// A metric holds its points in one member of a oneof, which may come in fragments that merge;
// another member before them is dead and stays in the header. Each part gets the metric's other
// fields, the member's other fields and some of the points.
splitter::status splitter::cut_metric(std::uint32_t number, zc::chain_cursor at, std::size_t size) {
  std::uint32_t member = 0;
  kind inside = kind::scalars;
  std::size_t live_from = 0;
  status walked = each_field(kind::metric, at, size,
                             [&](const auto& r, const auto&, const rule& known) -> status {
                               if (known.what != role::member || member == r.number()) return {};
                               member = r.number();
                               inside = known.inside;
                               live_from = r.field_at();
                               return {};
                             });
  if (!walked) return walked;
  const auto live = [&](const auto& r, const rule& known) {
    return known.what == role::member && r.field_at() >= live_from;
  };
  auto header = gather_fields(kind::metric, at, size,
                              [&](const auto& r, const rule& known) { return !live(r, known); });
  if (!header) return std::unexpected(header.error());

  zc::bytes_chain data_header;
  const auto each_fragment = [&](auto&& use) {
    return each_field(kind::metric, at, size,
                      [&](const auto& r, const auto& here, const rule& known) -> status {
                        if (!live(r, known)) return {};
                        return use(here, r.size());
                      });
  };
  walked = each_fragment([&](const zc::chain_cursor& here, std::size_t fragment) -> status {
    auto other = gather_fields(inside, here, fragment, [](const auto&, const rule& known) {
      return known.what == role::none;
    });
    if (!other) return std::unexpected(other.error());
    data_header.append(std::move(*other));
    return {};
  });
  if (!walked) return walked;

  enter({number, std::move(*header), {}});
  enter({member, std::move(data_header), {}});
  walked = each_fragment([&](const zc::chain_cursor& here, std::size_t fragment) {
    return place_children(inside, here, fragment);
  });
  leave();
  leave();
  return walked;
}

void splitter::repeat(zc::bytes_chain what) {
  if (what.empty()) return;
  ops_.push_back({op::what::repeat, static_cast<std::uint32_t>(repeats_.size()), {}, what.size()});
  repeats_.push_back(std::move(what));
}

// Adds a stretch with `items` items inside the frames, opening those that are not open in this part
// yet.
void splitter::add(stretch what, std::uint64_t items) {
  for (; opened_ < frames_.size(); ++opened_) {
    frame& f = frames_[opened_];
    ops_.push_back({op::what::open, f.number, {}, 0});
    repeat(f.header);
    repeat(std::exchange(f.once, {}));
  }
  room_ -= items;
  if (!ops_.empty() && ops_.back().does == op::what::body) {
    stretch& last = ops_.back().where;
    if (last.at + last.size == what.at) {
      last.size += what.size;
      return;
    }
  }
  ops_.push_back({op::what::body, 0, what, 0});
}

void splitter::leave() {
  if (opened_ == frames_.size()) {
    ops_.push_back({op::what::close, 0, {}, 0});
    --opened_;
  }
  frames_.pop_back();
}

// Sets the size of every open(): what lies between it and its close().
void splitter::sum_sizes() {
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    std::size_t size = 0;
    switch (ops_[i].does) {
      case op::what::open:
        unclosed_.push_back(i);
        continue;
      case op::what::close: {
        const op& opened = ops_[unclosed_.back()];
        unclosed_.pop_back();
        size = pb::bytes_field_size(opened.number, opened.size);
        break;
      }
      case op::what::body:
        size = ops_[i].where.size;
        break;
      case op::what::repeat:
        size = ops_[i].size;
        break;
    }
    if (!unclosed_.empty()) ops_[unclosed_.back()].size += size;
  }
}

void splitter::end_part() {
  for (; opened_ > 0; --opened_) ops_.push_back({op::what::close, 0, {}, 0});
  sum_sizes();
  for (const op& o : ops_) {
    if (o.does == op::what::open) parts_writer_.head(o.number, o.size);
    if (o.does == op::what::body) parts_writer_.share(o.where);
    if (o.does == op::what::repeat) parts_writer_.share(repeats_[o.number]);
  }
  parts_.push_back(parts_writer_.take());
  ops_.clear();
  repeats_.clear();
  room_ = items_max_;
}

zc::result<std::vector<zc::bytes_chain>> splitter::run(kind request) {
  const zc::chain_cursor at(body_);
  auto others = gather_fields(request, at, body_.size(), [](const auto&, const rule& known) {
    return known.what == role::none;
  });
  if (!others) return std::unexpected(others.error());
  repeat(std::move(*others));
  if (status placed = place_children(request, at, body_.size()); !placed) {
    return std::unexpected(placed.error());
  }
  end_part();
  if (!parts_writer_.ok() || !headers_writer_.ok()) {
    return zc::fail(errc::exhausted, "no memory to split a request");
  }
  return std::move(parts_);
}

}  // namespace

zc::result<std::vector<zc::bytes_chain>> split(signal s, const zc::bytes_chain& body,
                                               std::uint64_t items_max, zc::pool& from) {
  if (s == signal::profiles) {
    return zc::fail(errc::unsupported, "profiles share a dictionary and cannot be cut");
  }
  const auto items = count_items(s, body);
  if (!items) return std::unexpected(items.error());
  if (items_max == 0 || *items <= items_max) return std::vector<zc::bytes_chain>{body};
  return splitter(body, items_max, from).run(detail::request_of(s));
}

}  // namespace sluice::otlp
