#include "zc/io/file_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "zc/base/check.h"
#include "zc/io/file_disk.h"
#include "zc/shard/topology.h"

namespace zc::io {
namespace {

constexpr std::size_t records_max = std::size_t{1} << 20;  // of a queue: its slots are made at once
constexpr std::size_t slices_max = 1024;                   // per system call: IOV_MAX
// Per call: larger ones gain nothing and delay what follows.
constexpr std::size_t group_bytes_max = 8_MiB;

using wall_clock = std::chrono::system_clock;

// 2026-11-20T10-30-00.000: sorts by time, and holds no character that a file system minds.
std::string stamp_of(wall_clock::time_point when, bool local) {
  const std::time_t seconds = wall_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(when));
  const auto ms =
      std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch().count() % 1000;
  std::tm parts{};
  if (local) {
    ::localtime_r(&seconds, &parts);
  } else {
    ::gmtime_r(&seconds, &parts);
  }
  std::array<char, 64> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H-%M-%S", &parts);
  std::snprintf(text.data() + n, text.size() - n, ".%03d", static_cast<int>(ms));
  return text.data();
}

std::optional<wall_clock::time_point> time_of(const std::string& stamp, bool local) {
  std::tm parts{};
  int ms = 0;
  int used = 0;
  if (std::sscanf(stamp.c_str(), "%4d-%2d-%2dT%2d-%2d-%2d.%3d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &ms, &used) != 7 ||
      static_cast<std::size_t>(used) != stamp.size()) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  parts.tm_isdst = -1;
  const std::time_t seconds = local ? ::mktime(&parts) : ::timegm(&parts);
  return wall_clock::from_time_t(seconds) + std::chrono::milliseconds(ms);
}

struct name_parts {
  std::string directory;
  std::string stem;  // with the dash that ends it
  std::string extension;
};

name_parts parts_of(const std::string& path) {
  name_parts parts;
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == path.npos ? path : path.substr(slash + 1);
  parts.directory = slash == path.npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const std::size_t dot = name.rfind('.');
  parts.extension = dot == name.npos ? "" : name.substr(dot);
  parts.stem = name.substr(0, dot) + "-";
  return parts;
}

}  // namespace

file_writer::file_writer(options how)
    : how_(std::move(how)),
      disk_(how_.on != nullptr ? *how_.on : file_disk::instance()),
      queue_({.items_max = std::clamp<std::size_t>(how_.queue_records_max, 1, records_max)}) {}

result<std::unique_ptr<file_writer>> file_writer::open(options how) {
  std::unique_ptr<file_writer> made(new file_writer(std::move(how)));
  auto file = made->open_file(made->how_.truncate);
  if (!file) return std::unexpected(file.error());
  made->file_ = std::move(*file);
  made->boundary_ = made->file_->size();
  made->slices_.resize(slices_max);
  if (made->how_.own_thread) {
    made->thread_ = std::thread([writer = made.get()] { writer->run(); });
  }
  return made;
}

// A record can only be permanent in a file whose name is.
result<std::unique_ptr<disk_file>> file_writer::open_file(bool truncate) {
  file_options how;
  how.truncate = truncate;
  how.mode = how_.mode;
  auto file = disk_.open(how_.path, how);
  if (!file || !how_.sync || !(*file)->regular()) return file;
  if (const auto named = disk_.sync_directory(directory_of(how_.path)); !named) {
    return std::unexpected(named.error());
  }
  return file;
}

wall_clock::time_point file_writer::wall_now() const {
  return how_.wall ? how_.wall() : wall_clock::now();
}

file_writer::~file_writer() {
  close();
}

void file_writer::close() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  if (how_.own_thread) return;
  while (answer_written() || write_waiting()) {
  }
}

bool file_writer::admit(std::size_t charge) noexcept {
  if (queued_records_.fetch_add(1) >= queue_.items_max()) {
    queued_records_.fetch_sub(1);
    return false;
  }
  std::size_t used = queued_bytes_.load();
  do {
    if (charge > how_.queue_bytes_max - used) {  // never more than queue_bytes_max are used
      queued_records_.fetch_sub(1);
      return false;
    }
  } while (!queued_bytes_.compare_exchange_weak(used, used + charge));
  return true;
}

void file_writer::dismiss(std::size_t records, std::size_t charges) noexcept {
  queued_bytes_.fetch_sub(charges);
  queued_records_.fetch_sub(records);
}

bool file_writer::try_append(bytes_chain&& body, shard& from, done&& on_done) {
  const std::size_t charge = charge_of(body.size());
  if (!admit(charge)) return false;
  auto one = std::make_unique<record>(std::move(body), &from, std::move(on_done), result<void>());
  if (queue_.try_send(std::move(one))) return true;
  // Closed: a send that fails has not touched its value. NOLINTNEXTLINE(bugprone-use-after-move)
  body = std::move(one->body);
  on_done = std::move(one->on_done);
  dismiss(1, charge);
  return false;
}

file_writer::statistics file_writer::read() const {
  const std::lock_guard lock(guard_);
  statistics now = counts_;
  now.queued_records = queued_records_.load();
  now.queued_bytes = queued_bytes_.load();
  return now;
}

void file_writer::keep(std::unique_ptr<record>&& one) {
  batch_.push_back(std::move(*one));
}

void file_writer::run() {
  name_this_thread("file_writer");
  const auto take = [this](std::unique_ptr<record>&& one) { keep(std::move(one)); };
  while (queue_.receive_many_blocking(SIZE_MAX, SIZE_MAX, take)) {
    write_all(batch_);
    (void)answer_written();
  }
}

bool file_writer::write_waiting() {
  if (!batch_.empty()) return false;
  const auto take = [this](std::unique_ptr<record>&& one) { keep(std::move(one)); };
  if (queue_.try_receive_many(SIZE_MAX, take) == 0) return false;
  write_all(batch_);
  return true;
}

bool file_writer::answer_written() {
  if (batch_.empty()) return false;
  answer(batch_);
  batch_.clear();
  return true;
}

// As many records from `first` as one call may take; at least one.
std::size_t file_writer::group_from(const std::vector<record>& batch, std::size_t first) const {
  std::size_t pieces = batch[first].body.pieces();
  std::size_t size = batch[first].body.size();
  std::size_t end = first + 1;
  for (; end < batch.size(); ++end) {
    const bytes_chain& next = batch[end].body;
    const std::uint64_t after = file_->size() + size + next.size();
    if (pieces + next.pieces() > slices_max || size + next.size() > group_bytes_max) break;
    if (how_.rotate_bytes > 0 && after > how_.rotate_bytes) break;
    pieces += next.pieces();
    size += next.size();
  }
  return end;
}

void file_writer::write_all(std::vector<record>& batch) {
  for (std::size_t i = 0; i < batch.size();) {
    rotate_before(batch[i].body.size());
    const std::span<record> group = std::span(batch).subspan(i, group_from(batch, i) - i);
    std::size_t whole = 0;
    const result<void> outcome = write_group(group, whole);
    i += whole;
    // One record has failed; the next may be short enough, or space may have come back.
    if (!outcome) batch[i++].outcome = outcome;
  }
}

// A record that was cut off, and could not be taken back at once.
result<void> file_writer::repair() {
  if (!file_->regular()) boundary_ = file_->size();
  return file_->truncate(boundary_);
}

// Writes the group; on an error `whole` says how many of its records are in the file, and no part
// of others is.
result<void> file_writer::write_group(std::span<const record> group, std::size_t& whole) {
  if (const result<void> sound = repair(); !sound) return sound;
  std::size_t into = 0;  // the first record that is not written whole
  result<void> outcome;
  while (whole < group.size() && outcome) {
    std::size_t used = 0;
    std::size_t offset = into;
    for (std::size_t r = whole; r < group.size() && used < slices_max; ++r) {
      used += group[r].body.gather(offset, std::span(slices_).subspan(used));
      offset = 0;
    }
    std::size_t went = 0;
    if (used > 0) {
      const result<std::size_t> written = file_->append(std::span(slices_).first(used));
      if (!written) outcome = std::unexpected(written.error());
      went = written.value_or(0);
    }
    into += went;
    while (whole < group.size() && into >= group[whole].body.size() && (outcome || into > 0)) {
      into -= group[whole].body.size();
      boundary_ += group[whole].body.size();
      whole += 1;
    }
  }
  // Those before one that failed are done as well, and so have to be permanent.
  if (how_.sync && whole > 0) {
    const result<void> kept = file_->sync();
    // Written, but nobody knows whether it stays: none of them may be called done.
    if (!kept) {
      for (const record& r : group.first(whole)) boundary_ -= r.body.size();
      whole = 0;
      outcome = kept;
    }
  }
  if (!outcome) (void)repair();
  return outcome;
}

void file_writer::answer(std::vector<record>& batch) {
  std::size_t bytes = 0;
  std::size_t charges = 0;
  std::size_t failed = 0;
  std::size_t failed_bytes = 0;
  for (record& r : batch) {
    bytes += r.body.size();
    charges += charge_of(r.body.size());
    if (!r.outcome) failed += 1;
    if (!r.outcome) failed_bytes += r.body.size();
    r.body.clear();
  }
  {
    const std::lock_guard lock(guard_);
    dismiss(batch.size(), charges);
    counts_.records += batch.size() - failed;
    counts_.bytes += bytes - failed_bytes;
    counts_.failed += failed;
  }
  // One posted task per run of records of one shard, not one per record.
  for (std::size_t i = 0; i < batch.size();) {
    shard& to = *batch[i].from;
    std::vector<std::pair<done, result<void>>> answers;
    for (; i < batch.size() && batch[i].from == &to; ++i) {
      if (batch[i].on_done) answers.emplace_back(std::move(batch[i].on_done), batch[i].outcome);
    }
    if (answers.empty()) continue;
    to.post([answers = std::move(answers)]() mutable {
      for (auto& [call, outcome] : answers) call(outcome);
    });
  }
}

// ---------------------------------------------------------------------------------------------
// rotation

std::string file_writer::backup_path() {
  const name_parts parts = parts_of(how_.path);
  // Two within a millisecond: the later one takes a later name all the same, so that names sort as
  // files were written, whatever has been removed in between.
  wall_clock::time_point when = std::max(std::chrono::floor<std::chrono::milliseconds>(wall_now()),
                                         last_backup_ + std::chrono::milliseconds(1));
  for (;; when += std::chrono::milliseconds(1)) {
    std::string path =
        parts.directory + "/" + parts.stem + stamp_of(when, how_.local_time) + parts.extension;
    if (disk_.exists(path)) continue;
    last_backup_ = std::chrono::floor<std::chrono::milliseconds>(when);
    return path;
  }
}

void file_writer::rotate_before(std::uint64_t incoming) {
  if (how_.rotate_bytes == 0 || file_->size() == 0 || !file_->regular()) return;
  if (file_->size() <= how_.rotate_bytes && incoming <= how_.rotate_bytes - file_->size()) return;
  if (!repair()) return;
  const result<void> moved = disk_.rename(how_.path, backup_path());
  // Gone already (moved by hand, or the last attempt came so far): only the new file is missing.
  const bool free = moved || moved.error().os == ENOENT;
  auto fresh =
      free ? open_file(false) : result<std::unique_ptr<disk_file>>(std::unexpected(moved.error()));
  {
    const std::lock_guard lock(guard_);
    counts_.rotations += fresh ? 1 : 0;
    counts_.rotation_errors += fresh ? 0 : 1;
  }
  if (!fresh) return;
  file_ = std::move(*fresh);
  boundary_ = file_->size();
  drop_old_backups();
}

void file_writer::drop_old_backups() {
  const name_parts parts = parts_of(how_.path);
  const auto names = disk_.list(parts.directory);
  if (!names) return;
  const wall_clock::time_point now = wall_now();
  std::vector<std::pair<wall_clock::time_point, std::string>> backups;
  for (const std::string& name : *names) {
    if (!name.starts_with(parts.stem) || !name.ends_with(parts.extension) ||
        name.size() <= parts.stem.size() + parts.extension.size()) {
      continue;
    }
    const std::string stamp =
        name.substr(parts.stem.size(), name.size() - parts.stem.size() - parts.extension.size());
    if (const auto when = time_of(stamp, how_.local_time)) {
      backups.emplace_back(*when, parts.directory + "/" + name);
    }
  }
  std::ranges::sort(backups, std::greater());  // newest first
  for (std::size_t i = 0; i < backups.size(); ++i) {
    const bool too_many = how_.backups_max > 0 && i >= how_.backups_max;
    const bool too_old = how_.age_max.count() > 0 && backups[i].first + how_.age_max < now;
    if (too_many || too_old) (void)disk_.remove(backups[i].second);
  }
}

}  // namespace zc::io
