#include "zc/testing/sim/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/units.h"

namespace zc::testing {

struct sim_disk::inode {
  std::string seen;
  std::string kept;             // on the medium
  std::set<std::size_t> dirty;  // blocks

  void touch(std::size_t from, std::size_t to) {
    for (std::size_t b = from / block; b * block < to; ++b) dirty.insert(b);
  }
  // Carries `bytes` of a block to the medium, which has its length already.
  void carry(std::size_t b, std::size_t bytes) {
    const std::size_t at = b * block;
    const std::size_t end = std::min({at + bytes, seen.size(), kept.size()});
    if (at < end)
      std::copy(seen.begin() + static_cast<std::ptrdiff_t>(at),
                seen.begin() + static_cast<std::ptrdiff_t>(end),
                kept.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void sync() {
    kept.resize(seen.size(), '\0');
    for (const std::size_t b : dirty) carry(b, block);
    dirty.clear();
  }
  void crash(sim_random& r) {
    if (kept.size() != seen.size() && r.chance(0.7)) {
      const std::size_t least = std::min(kept.size(), seen.size());
      const std::size_t most = std::max(kept.size(), seen.size());
      kept.resize(r.chance(0.4) ? seen.size() : r.between(least, most), '\0');
    }
    for (const std::size_t b : dirty) {
      if (r.chance(0.5)) carry(b, r.chance(0.2) ? r.below(block) : block);
    }
    dirty.clear();
    seen = kept;
  }
};

class sim_disk::file final : public disk_file {
 public:
  file(sim_disk& on, std::shared_ptr<inode> what, const file_options& how)
      : on_(on), what_(std::move(what)), how_(how), era_(on.era_), size_(what_->seen.size()) {}

  result<std::size_t> append(std::span<const io_slice> slices) override {
    ZC_REQUIRES(how_.writable, "disk_file::append requires a writable file");
    ZC_REQUIRES(!slices.empty() && slices.size() <= 1024,
                "disk_file::append takes 1 to 1024 slices");
    if (auto fine = alive(on_.how_.fail_append, EIO); !fine) return std::unexpected(fine.error());
    std::size_t total = 0;
    for (const io_slice& s : slices) total += s.size;
    if (total == 0) return fail(errc::system, "nothing was written");
    const std::size_t used = on_.used();
    const std::size_t space = on_.how_.capacity > used ? on_.how_.capacity - used : 0;
    std::size_t n = std::min(total, space);
    if (n == 0) return fail_os(ENOSPC, "no space left on device");
    if (n > 1 && on_.random_.chance(on_.how_.cut_append)) n = on_.random_.scaled(1, n);
    const std::size_t before = what_->seen.size();
    std::size_t left = n;
    for (const io_slice& s : slices) {
      const std::size_t part = std::min(left, s.size);
      what_->seen.append(static_cast<const char*>(s.data), part);
      left -= part;
    }
    what_->touch(before, what_->seen.size());
    size_ += n;
    on_.busy_ +=
        on_.how_.write_time + nanoseconds(static_cast<std::int64_t>(static_cast<double>(n) * 1e9 /
                                                                    on_.how_.bytes_per_second));
    on_.trace_.note("append", {n});
    return n;
  }

  result<std::size_t> read(std::uint64_t offset, std::span<std::byte> room) const override {
    ZC_REQUIRES(how_.readable, "disk_file::read requires a readable file");
    if (auto fine = alive(on_.how_.fail_read, EIO); !fine) return std::unexpected(fine.error());
    if (offset >= what_->seen.size() || room.empty()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(room.size(), what_->seen.size() - offset);
    std::memcpy(room.data(), what_->seen.data() + offset, n);
    return n;
  }

  result<void> truncate(std::uint64_t size) override {
    ZC_REQUIRES(size <= size_, "disk_file::truncate requires size <= size()");
    if (auto fine = alive(on_.how_.fail_truncate, EIO); !fine) return fine;
    what_->seen.resize(size);
    what_->dirty.erase(what_->dirty.lower_bound((size + block - 1) / block), what_->dirty.end());
    if (size % block != 0) what_->dirty.insert(size / block);
    size_ = size;
    on_.trace_.note("truncate", {size});
    return {};
  }

  result<void> sync() override {
    on_.busy_ += on_.how_.sync_time;
    auto fine = alive(on_.how_.fail_sync, EIO);
    on_.trace_.note("sync", {fine ? 1U : 0U});
    if (!fine && era_ == on_.era_) {
      // Some went; all of them count as clean from now on.
      std::set<std::size_t> lost = std::exchange(what_->dirty, {});
      if (on_.random_.chance(0.5)) what_->kept.resize(what_->seen.size(), '\0');
      for (const std::size_t b : lost) {
        if (on_.random_.chance(0.5)) what_->carry(b, block);
      }
      return fine;
    }
    if (fine) what_->sync();
    return fine;
  }

  std::uint64_t size() const noexcept override { return size_; }
  bool regular() const noexcept override { return true; }

 private:
  result<void> alive(double probability, int number) const {
    if (era_ != on_.era_) return fail_os(EIO, "the machine has crashed since");
    return on_.trouble(probability, number);
  }

  sim_disk& on_;
  std::shared_ptr<inode> what_;
  const file_options how_;
  const std::uint64_t era_;
  std::uint64_t size_;
};

sim_disk::sim_disk(sim_random random, sim_trace& trace) : random_(random), trace_(trace) {}
sim_disk::~sim_disk() = default;

result<void> sim_disk::trouble(double probability, int number) const {
  if (!random_.chance(probability)) return {};
  return fail_os(number, "the simulated disk failed");
}

void sim_disk::apply(names& to, const name_change& change) {
  if (change.from.empty()) {
    to[change.to] = change.what;
    return;
  }
  const auto at = to.find(change.from);
  if (at == to.end()) return;
  const std::shared_ptr<inode> what = at->second;
  to.erase(at);
  if (!change.to.empty()) to[change.to] = what;
}

result<void> sim_disk::change_name(name_change change) {
  if (auto fine = trouble(how_.fail_name, EIO); !fine) return fine;
  busy_ += how_.write_time;
  apply(seen_, change);
  trace_.note("name", {change.from.size(), change.to.size()});
  journal_.push_back(std::move(change));
  return {};
}

result<std::unique_ptr<disk_file>> sim_disk::open(const std::string& path,
                                                  const file_options& how) {
  const std::string in = directory_of(path);
  if (in != "." && in != "/" && std::ranges::find(directories_, in) == directories_.end()) {
    return fail_os(ENOENT, "no such directory");
  }
  auto at = seen_.find(path);
  if (at == seen_.end()) {
    if (!how.create) return fail_os(ENOENT, "no such file");
    if (auto made = change_name({"", path, std::make_shared<inode>()}); !made) {
      return std::unexpected(made.error());
    }
    at = seen_.find(path);
  }
  auto opened = std::make_unique<file>(*this, at->second, how);
  if (how.truncate && opened->size() > 0) {
    if (auto cut = opened->truncate(0); !cut) return std::unexpected(cut.error());
  }
  return opened;
}

result<void> sim_disk::rename(const std::string& from, const std::string& to) {
  if (!seen_.contains(from)) return fail_os(ENOENT, "no such file");
  return from == to ? result<void>() : change_name({from, to, nullptr});
}

result<void> sim_disk::remove(const std::string& path) {
  return seen_.contains(path) ? change_name({path, "", nullptr}) : result<void>();
}

bool sim_disk::exists(const std::string& path) const {
  return seen_.contains(path);
}

result<std::vector<std::string>> sim_disk::list(const std::string& directory) const {
  if (directory != "." && directory != "/" &&
      std::ranges::find(directories_, directory) == directories_.end()) {
    return fail_os(ENOENT, "no such directory");
  }
  std::vector<std::string> found;
  for (const auto& [path, what] : seen_) {
    if (directory_of(path) == directory) found.push_back(path.substr(path.rfind('/') + 1));
  }
  return found;
}

result<void> sim_disk::make_directories(const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (seen_.contains(part)) return fail_os(ENOTDIR, "a file is in the way");
    if (std::ranges::find(directories_, part) == directories_.end()) directories_.push_back(part);
  }
  return {};
}

result<void> sim_disk::sync_directory(const std::string& directory) {
  busy_ += how_.sync_time;
  if (auto fine = trouble(how_.fail_name, EIO); !fine) return fine;
  // A journal is written in order: what other directories changed before goes with it.
  std::size_t last = 0;
  for (std::size_t i = 0; i < journal_.size(); ++i) {
    const name_change& c = journal_[i];
    if (directory_of(c.from) == directory || directory_of(c.to) == directory) last = i + 1;
  }
  for (std::size_t i = 0; i < last; ++i) apply(kept_, journal_[i]);
  journal_.erase(journal_.begin(), journal_.begin() + static_cast<std::ptrdiff_t>(last));
  return {};
}

void sim_disk::crash() {
  era_ += 1;
  const std::size_t survive = random_.between(std::size_t{0}, journal_.size());
  for (std::size_t i = 0; i < survive; ++i) apply(kept_, journal_[i]);
  journal_.clear();
  std::set<inode*> all;
  for (const auto& [path, what] : kept_) {
    // By name, so that the seed decides and not where the allocator has put it.
    if (all.insert(what.get()).second) what->crash(random_);
  }
  seen_ = kept_;
  trace_.note("crash", {survive});
}

nanoseconds sim_disk::take_busy() noexcept {
  return std::exchange(busy_, nanoseconds(0));
}

std::size_t sim_disk::used() const noexcept {
  std::size_t sum = 0;
  for (const auto& [path, what] : seen_) sum += what->seen.size();
  return sum;
}

disk_profile disk_profile::rough(sim_random& r) {
  disk_profile p;
  p.sync_time = r.between(std::chrono::microseconds(50), std::chrono::milliseconds(30));
  if (r.chance(0.5)) p.cut_append = r.unit();
  if (r.chance(0.3)) p.fail_append = r.unit() * 0.2;
  if (r.chance(0.4)) p.fail_sync = r.unit() * 0.3;
  if (r.chance(0.3)) p.fail_truncate = r.unit() * 0.5;
  if (r.chance(0.3)) p.fail_name = r.unit() * 0.3;
  if (r.chance(0.3)) p.capacity = r.scaled(1000, 1_MiB);
  return p;
}

}  // namespace zc::testing
