#include "gate/pipeline/exporters/file_exporter.h"

#include <algorithm>
#include <utility>

#include "zc/io/file_writer.h"
#include "zc/wire/view/record_view.h"

namespace sluice {
namespace {

constexpr milliseconds refused_delay{1'000};  // what clients are told when the writer is full

constexpr std::size_t prefixes_bytes = 4_KiB;  // of a block that prefixes are cut from

}  // namespace

struct file_exporter::link {
  file_exporter* at;  // the shard's alone
};

// The writer's thread never touches these: it hands back an iterator.
struct file_exporter::write {
  batch what;
  std::size_t size;
};

file_exporter::file_exporter(shard_context& in, std::string id, const file_exporter_settings& how,
                             zc::io::file_writer& to)
    : in_(in),
      id_(std::move(id)),
      how_(how),
      counts_(in.counts.exporter(id_)),
      to_(to),
      link_(std::make_shared<link>(link{this})) {}

file_exporter::~file_exporter() {
  link_->at = nullptr;
  for (write& w : under_way_) w.what.done.answer(verdict::retry("shutting down"));
}

void file_exporter::consume(batch&& b) {
  if (draining_) return b.done.answer(verdict::retry("shutting down"));
  const auto body = b.what->as(form(), 0, in_.converting(zc::urgency::draining));
  if (!body) return fail(b, verdict::of(body.error(), id_));
  const auto prefix = zc::record_prefix::of((*body)->size(), zc::length_prefix::u32be);
  if (!prefix) {
    return fail(b,
                verdict::refuse(zc::grpc::code::resource_exhausted, 413, "too large for a record"));
  }
  zc::bytes_chain record(framing(prefix->view()));
  record.append(**body);
  const auto which = under_way_.insert(under_way_.end(), write{std::move(b), record.size()});
  auto on_done = [to = link_, which](const zc::result<void>& outcome) {
    if (to->at != nullptr) to->at->on_written(which, outcome);
  };
  if (to_.try_append(std::move(record), in_.on, std::move(on_done))) {
    counts_.requests.add();
    counts_.in_flight.add();
    return;
  }
  batch back = std::move(which->what);
  under_way_.erase(which);
  counts_.of[back.what->kind()].enqueue_failed.add(back.what->items_or_zero());
  back.done.answer(verdict::retry("the file writer is full", refused_delay));
}

// New framing is not payload and not counted; many prefixes share a block.
zc::bytes file_exporter::framing(std::span<const std::byte> prefix) {
  if (prefixes_.spare().size() < prefix.size()) {
    prefixes_ = zc::bytes_builder::with_capacity(prefixes_bytes);
  }
  std::ranges::copy(prefix, prefixes_.spare().begin());
  prefixes_.commit(prefix.size());
  return prefixes_.take();
}

void file_exporter::fail(batch& b, verdict&& v) {
  counts_.of[b.what->kind()].send_failed.add(b.what->items_or_zero());
  note_failure(v.message);
  b.done.answer(std::move(v));
}

void file_exporter::on_written(std::list<write>::iterator which, const zc::result<void>& outcome) {
  batch b = std::move(which->what);
  const std::size_t size = which->size;
  under_way_.erase(which);
  counts_.in_flight.subtract();
  if (!outcome) {
    counts_.of[b.what->kind()].send_failed.add(b.what->items_or_zero());
    note_failure(outcome.error().reason);
    return b.done.answer(verdict::retry("the file could not be written", refused_delay));
  }
  counts_.bytes.add(size);
  counts_.of[b.what->kind()].sent.add(b.what->items_or_zero());
  b.done.succeed();
}

void file_exporter::note_failure(std::string_view why) {
  if (!failed_gate_.open(in_.on.now())) return;
  std::string text = "a record was not written: ";
  text += why;
  in_.out.write(log_level::error, id_, text);
}

void file_exporter::drain(zc::time_point /*deadline*/) {
  draining_ = true;
}

bool file_exporter::drained() const noexcept {
  return draining_ && under_way_.empty();
}

}  // namespace sluice
