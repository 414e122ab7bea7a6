#include "gate/rig/archive.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "gate/otlp/walk.h"
#include "gate/rig/progress.h"
#include "gate/rig/recognize.h"
#include "zc/base/check.h"
#include "zc/io/mapping.h"
#include "zc/mem/chain.h"
#include "zc/wire/coding/coder.h"
#include "zc/wire/view/record_view.h"

namespace sluice::rig {
namespace {

using otlp::signal;
using zc::errc;
using zc::fail;
using zc::result;

constexpr std::size_t prefix_bytes = 4;

bool begins_with(std::span<const std::byte> with, std::string_view magic) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(with.data()), with.size());
  return text.starts_with(magic);
}

// No protobuf of OTLP begins so: it would be field 5, which no request has.
bool is_zstd(std::span<const std::byte> record) noexcept {
  return begins_with(record, "\x28\xb5\x2f\xfd");
}

// What a file that holds no archive may be instead.
const char* other_format(std::span<const std::byte> file) noexcept {
  if (begins_with(file, "{")) return "JSON (format: json); only format: proto can be sent again";
  if (begins_with(file, "\x1f\x8b")) return "compressed as a whole with gzip: unpack it first";
  if (is_zstd(file)) return "compressed as a whole with zstd: unpack it first";
  return nullptr;
}

// The only signal that the file's name, without its folder, speaks of.
std::optional<signal> named_in(std::string_view path) noexcept {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  std::optional<signal> found;
  for (const signal s : otlp::all_signals) {
    if (name.find(otlp::name_of(s)) == name.npos) continue;
    if (found) return std::nullopt;
    found = s;
  }
  return found;
}

// An inflater's output in one vector that is used again and again.
class flat_sink final : public zc::coding_sink {
 public:
  explicit flat_sink(std::vector<std::byte>& into) noexcept : into_(into) {}
  std::span<std::byte> room() override {
    if (into_.size() - used_ < block_bytes_min) {
      into_.resize(std::max<std::size_t>(2 * into_.size(), 256_KiB));
    }
    return std::span(into_).subspan(used_);
  }
  result<void> produced(std::span<const std::byte> written) override {
    used_ += written.size();
    return {};
  }
  std::span<const std::byte> all() const noexcept { return std::span(into_).first(used_); }

 private:
  std::vector<std::byte>& into_;
  std::size_t used_ = 0;
};

}  // namespace

// One file's records into the index. What could not be told from a record alone waits for the end
// of the file.
class archive::scan {
 public:
  scan(archive& into, std::string_view path, std::optional<signal> all_are, zc::bytes&& file,
       zc::coder& coder, std::vector<std::byte>& flat)
      : into_(into),
        path_(path),
        all_are_(all_are),
        file_(file),
        coder_(coder),
        flat_(flat),
        number_(static_cast<std::uint32_t>(into.files_.size())) {
    into_.files_.push_back(std::move(file));
  }

  result<void> run() {
    zc::record_reader each(file_, zc::length_prefix::u32be, record_bytes_max);
    while (each.next()) {
      if (const auto done = add(each); !done) return done;
    }
    if (!each.ok()) {
      if (const auto done = end_early(each); !done) return done;
    }
    return settle();
  }

 private:
  result<void> add(const zc::record_reader& from) {
    if (into_.entries_.size() == requests_max) {
      return fail(errc::too_large, "more requests than can be kept in mind: send fewer files",
                  from.offset());
    }
    entry e{};
    e.at = from.offset() + prefix_bytes;
    e.size = static_cast<std::uint32_t>(from.record().size());
    e.file = number_;
    e.zstd = is_zstd(from.record());
    const auto request = plain(e);
    if (!request) return std::unexpected(request.error());
    e.telemetry_bytes = static_cast<std::uint32_t>(request->size());
    if (const auto told = all_are_ ? all_are_ : recognize(*request)) {
      e.signal = *told;
      seen_[static_cast<std::size_t>(*told)] = true;
      if (const auto done = count(e, *request); !done) return done;
    } else {
      open_.push_back(into_.entries_.size());
    }
    into_.entries_.push_back(e);
    return {};
  }

  // The request itself: in the file, or inflated until the next call.
  result<std::span<const std::byte>> plain(const entry& e) {
    const zc::bytes body = file_.slice(static_cast<std::size_t>(e.at), e.size);
    if (!e.zstd) return file_.view().subspan(static_cast<std::size_t>(e.at), e.size);
    flat_sink out(flat_);
    const auto done =
        coder_.inflate(zc::bytes_chain(body), zc::coding::zstd, inflated_bytes_max, out);
    // Offsets in what is inflated lead nobody anywhere: all are the record's.
    if (!done) return fail(done.error().code, done.error().reason, e.at);
    // Some receivers stop after the first.
    if (done->parts != 1) return fail(errc::unsupported, "more than one zstd frame", e.at);
    return out.all();
  }

  result<void> count(entry& e, std::span<const std::byte> request) {
    otlp::item_counter counter(e.signal);
    (void)counter.feed(request);  // finish() says the same
    const auto items = counter.finish();
    if (!items) {
      return fail(items.error().code, "not an OTLP request in protobuf",
                  e.at + (e.zstd ? 0 : items.error().offset));
    }
    e.items = static_cast<std::uint32_t>(*items);
    into_.items_ += *items;
    return {};
  }

  result<void> end_early(const zc::record_reader& each) {
    const bool none = each.consumed() == 0;
    if (const char* other = none ? other_format(file_.view()) : nullptr) {
      return fail(errc::unsupported, other);
    }
    if (each.failure().code != errc::truncated) return std::unexpected(each.failure());
    if (none) {
      return fail(errc::malformed, "no whole record: not an archive, or cut off in its first one");
    }
    const std::size_t left = file_.size() - each.consumed();
    into_.cut_bytes_ += left;
    into_.notes_.push_back(
        fmt::format("{}: ends inside of the record at byte {}: its {} bytes are left out", path_,
                    each.consumed(), left));
    return {};
  }

  // What the file's name says, or its other records, when all of them are of one signal.
  result<void> settle() {
    if (open_.empty()) return {};
    std::optional<signal> is = named_in(path_);
    if (!is && std::ranges::count(seen_, true) == 1) {
      is = static_cast<signal>(std::ranges::find(seen_, true) - seen_.begin());
    }
    if (!is) {
      return fail(errc::unsupported,
                  "nothing tells which signal this request is: name it with --signal",
                  into_.entries_[open_.front()].at);
    }
    for (const std::size_t i : open_) {
      entry& e = into_.entries_[i];
      e.signal = *is;
      const auto request = plain(e);
      if (!request) return std::unexpected(request.error());
      if (const auto done = count(e, *request); !done) return done;
    }
    return {};
  }

  archive& into_;
  const std::string_view path_;
  const std::optional<signal> all_are_;
  const zc::bytes file_;
  zc::coder& coder_;
  std::vector<std::byte>& flat_;
  const std::uint32_t number_;  // of the file
  std::array<bool, otlp::signals> seen_{};
  std::vector<std::size_t> open_;  // entries of which the record alone does not tell
};

std::expected<archive, archive::fault> archive::open(const std::vector<std::string>& files,
                                                     std::optional<otlp::signal> all_are) {
  archive made;
  zc::coder coder;
  std::vector<std::byte> flat;
  for (const std::string& path : files) {
    auto mapped = zc::io::map_file(path, {.pattern = zc::io::access_pattern::sequential});
    if (!mapped) return std::unexpected(fault{path, mapped.error(), {}});
    if (mapped->empty()) {
      made.notes_.push_back(path + ": empty");
      continue;
    }
    const auto done = scan(made, path, all_are, std::move(*mapped), coder, flat).run();
    if (!done) return std::unexpected(fault{path, done.error(), done.error().offset});
  }
  if (made.entries_.empty()) {
    return std::unexpected(fault{files.size() == 1 ? files.front() : std::string(),
                                 {errc::unsupported, "nothing to send: no file has a record"},
                                 {}});
  }
  return made;
}

archive::request archive::at(std::size_t n) const {
  ZC_REQUIRES(n < entries_.size(), "archive::at requires n < size()");
  const entry& e = entries_[n];
  return {files_[e.file].slice(static_cast<std::size_t>(e.at), e.size),
          e.zstd ? zc::coding::zstd : zc::coding::identity, e.signal, e.telemetry_bytes, e.items};
}

std::string text_of(const archive::fault& f) {
  std::string text = f.file.empty() ? "" : f.file + ": ";
  text += text_of(f.why);
  if (f.at) text += fmt::format(", at byte {}", *f.at);
  return text;
}

}  // namespace sluice::rig
