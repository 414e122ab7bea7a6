// zc/wire/http2/frame_writer.h - where frame heads and small frames are written, between payload
// that goes out as it is.
//
//     out   [ HEADERS | DATA head, prefix ][ body, shared ][ HEADERS | DATA head, ...
//             '-- one piece of the thread's block --'
//
// All writers of a thread share one block, so that what is written together leaves as one piece. A
// piece of unsent output pins one block at most.
//
// Threads  One. Between begin() and end() no other writer of the thread may be at work.
// Cost     A memcpy; a new block of 16 KiB when the pieces of the last one are not gone yet.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "zc/mem/chain.h"
#include "zc/wire/http2/frame.h"

namespace zc::http2 {

class frame_writer {
 public:
  void begin(bytes_chain& out);
  void end() {
    flush();
    out_ = nullptr;
  }

  void put(std::span<const std::byte> made);
  void put(std::string_view made) { put(std::as_bytes(std::span(made))); }
  void put(const frame_head& h);
  void share(bytes_chain&& payload);  // what was put before goes out before it
  void flush();                       // puts what was written into the output
  std::size_t unflushed() const noexcept;

 private:
  bytes_chain* out_ = nullptr;
};

}  // namespace zc::http2
