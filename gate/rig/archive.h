// gate/rig/archive.h - requests in files, to be sent again as they lie there.
//
//     file     [ length, 4 bytes, big-endian | request ] [ length | request ] ...
//     mapping  ------------------------------^^^^^^^^^   at(n).body: a slice, nothing is copied
//
// What the gateway's and the Collector's `file` exporter write with `format: proto`, and
// `sluice sink --write`. A request that begins as a zstd frame does is one (`compression: zstd`).
//
// No record says which signal it is. In this order: what the caller says holds for all; else the
// request's own fields tell (recognize.h), the only signal in the file's name, the only signal that
// other records of the file have. A record of which nobody can tell is an error.
//
// Ownership  The files stay mapped while the archive, or a body from it, lives. Appending to them,
//            renaming and removing them is harmless. One that is shortened or written over while it
//            is mapped ends the program (SIGBUS) or sends what was not read.
// Threads    open(): one. Afterwards nothing changes: at() from any.
// Cost       open() reads every byte once, and inflates what is compressed. Kept per request: 32
//            bytes, whatever its size. at(): one reference.
// Bounds     requests_max, record_bytes_max; a compressed record inflates to inflated_bytes_max at
//            most.
// Errors     A fault names the file and the byte: what cannot be mapped, has another format, holds
//            a record that is no request, or leaves nothing to send. A file that ends inside of a
//            record, as after a crash, gives the whole records before it: cut_bytes() and notes()
//            say what was left out. Empty files are noted, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gate/otlp/signal.h"
#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/bytes.h"
#include "zc/wire/coding/coding.h"

namespace sluice::rig {

using namespace zc::literals;

class archive {
 public:
  static constexpr std::size_t record_bytes_max = 2_GiB - 1;  // what protobuf allows a message
  static constexpr std::size_t inflated_bytes_max = 1_GiB;
  static constexpr std::size_t requests_max = 32'000'000;  // 1 GiB of index

  struct request {
    zc::bytes body;  // as it lies in the file
    zc::coding form = zc::coding::identity;
    otlp::signal signal = otlp::signal::traces;
    std::size_t telemetry_bytes = 0;  // inflated
    std::uint64_t items = 0;
  };
  struct fault {
    std::string file;  // empty: of all files together
    zc::error why;
    std::optional<std::uint64_t> at;  // in the file, where one byte is to blame
  };

  static std::expected<archive, fault> open(const std::vector<std::string>& files,
                                            std::optional<otlp::signal> all_are = std::nullopt);

  std::size_t size() const noexcept { return entries_.size(); }  // requests; never 0
  request at(std::size_t n) const;                               // Requires: n < size()

  std::size_t files() const noexcept { return files_.size(); }
  std::uint64_t items() const noexcept { return items_; }
  std::uint64_t cut_bytes() const noexcept { return cut_bytes_; }  // of records that are not whole
  const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  struct entry {
    std::uint64_t at;  // of the request, in its file
    std::uint32_t size;
    std::uint32_t telemetry_bytes;
    std::uint32_t items;  // an item is two bytes at least
    std::uint32_t file;
    otlp::signal signal;
    bool zstd;
  };
  static_assert(sizeof(entry) == 32);
  class scan;  // of one file

  std::vector<zc::bytes> files_;
  std::vector<entry> entries_;
  std::vector<std::string> notes_;
  std::uint64_t items_ = 0;
  std::uint64_t cut_bytes_ = 0;
};

// "archive.binpb: reason, at byte 17": for people.
std::string text_of(const archive::fault& f);

}  // namespace sluice::rig
