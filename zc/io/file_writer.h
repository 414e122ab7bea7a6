// zc/io/file_writer.h - records appended to one file by a thread of its own, so that no shard waits
// for a disk.
//
//     shards --try_append--> [ channel ] --> thread: one gathered write per batch --> file
//     shards <--------------------- done, posted to the shard that gave the record
//
// A record lands whole or not at all: what a full disk cut off is taken back before the next one is
// written. After an error the writer goes on with the next record. Records of one thread keep their
// order.
//
// Rotation  Before a record that would make the file longer than rotate_bytes, the file becomes
//           name-2026-11-20T10-30-00.000.ext and a new one begins; old ones go by number and by
//           age. A record longer than the limit gets a file of its own. Where renaming fails the
//           writer goes on in the file it has.
// Medium    With `sync`, done means permanent: content and name. A failed sync fails its records
//           and cuts them off again, for what was not permanent then is not made so by a later one.
// Threads   try_append, read: any. close and the destructor: the owner's. A shard that gave records
//           must outlive close(), or the records' callbacks must have come.
// Bounds    The queue: records and bytes, what is being written included.
// Errors    Per record, to its callback.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/shard/channel.h"
#include "zc/shard/disk.h"
#include "zc/shard/shard.h"

namespace zc::io {

class file_writer {
 public:
  struct options {
    std::string path;                       // its directory must exist: see make_directories()
    bool truncate = false;                  // drop what is there
    unsigned mode = 0644;                   // of files that are made
    std::size_t queue_records_max = 16384;  // waiting or being written
    std::size_t queue_bytes_max = 64_MiB;   // the same, payload
    std::uint64_t rotate_bytes = 0;         // 0: never
    unsigned backups_max = 100;             // rotated files kept; 0: all
    std::chrono::hours age_max{0};          // of rotated files; 0: any
    bool local_time = false;                // in their names; otherwise UTC
    bool sync = false;                      // a record is done when it is on the medium
    disk* on = nullptr;                     // null: the real one (file_disk). Outlives the writer
    // False: there is no thread, and whoever opened it calls write_waiting() and answer_written().
    bool own_thread = true;
    // What backups are named after; null: the system's clock.
    std::function<std::chrono::system_clock::time_point()> wall;
  };
  using done = std::move_only_function<void(const result<void>&)>;

  struct statistics {
    std::uint64_t records = 0;  // written
    std::uint64_t bytes = 0;
    std::uint64_t failed = 0;  // records that could not be written
    std::uint64_t rotations = 0;
    std::uint64_t rotation_errors = 0;
    std::size_t queued_records = 0;
    std::size_t queued_bytes = 0;
  };

  static result<std::unique_ptr<file_writer>> open(options how);
  file_writer(const file_writer&) = delete;
  file_writer& operator=(const file_writer&) = delete;
  ~file_writer();  // closes

  // False when the queue is full or the writer is closed: then nothing was taken and both are as
  // they were. Otherwise `on_done` (may be empty) runs on `from`'s thread. A record longer than the
  // queue's bytes is taken when it is empty.
  bool try_append(bytes_chain&& record, shard& from, done&& on_done);

  // Takes no more records, writes what waits, and ends the thread. Blocks.
  void close();

  // Without a thread of its own, the two halves of its loop: writes what waits, if nothing written
  // waits for its answer; answers what was written. True: there was something to do.
  bool write_waiting();
  bool answer_written();

  statistics read() const;

 private:
  struct record {
    bytes_chain body;
    shard* from;
    done on_done;
    result<void> outcome;
  };

  explicit file_writer(options how);
  bool admit(std::size_t charge) noexcept;
  void dismiss(std::size_t records, std::size_t charges) noexcept;
  // Bytes that a record counts as: one that is longer than the queue counts as the whole of it.
  std::size_t charge_of(std::size_t size) const noexcept {
    return std::min(size, how_.queue_bytes_max);
  }
  void keep(std::unique_ptr<record>&& one);
  result<std::unique_ptr<disk_file>> open_file(bool truncate);
  std::chrono::system_clock::time_point wall_now() const;
  void run();
  void write_all(std::vector<record>& batch);
  std::size_t group_from(const std::vector<record>& batch, std::size_t first) const;
  result<void> write_group(std::span<const record> group, std::size_t& whole);
  result<void> repair();
  void answer(std::vector<record>& batch);
  void rotate_before(std::uint64_t incoming);
  std::string backup_path();
  void drop_old_backups();

  const options how_;
  disk& disk_;
  std::unique_ptr<disk_file> file_;  // the thread's, once it runs
  std::uint64_t boundary_ = 0;       // end of the last whole record: where a torn one is cut off
  std::vector<io_slice> slices_;
  std::vector<record> batch_;  // being written, or written and not answered
  std::chrono::sys_time<std::chrono::milliseconds> last_backup_{};
  std::thread thread_;

  // Waiting or being written: what the bounds are for. The channel alone would forget a record when
  // it is taken out.
  std::atomic<std::size_t> queued_records_{0};
  std::atomic<std::size_t> queued_bytes_{0};
  channel<std::unique_ptr<record>, mpsc> queue_;
  mutable std::mutex guard_;
  statistics counts_;  // under guard_
};

}  // namespace zc::io
