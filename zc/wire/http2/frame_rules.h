// zc/wire/http2/frame_rules.h - what is wrong with a server's frame, as far as its head alone
// tells: its size, and the stream it claims to belong to (RFC 9113, section 6).
//
// Cost  A few comparisons.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/wire/http2/frame.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

// What a server may put into one SETTINGS frame.
inline constexpr std::size_t settings_max = 32;

struct frame_fault {
  error_code why = error_code::no_error;
  const char* reason = nullptr;  // null: nothing is wrong
};

// `bytes_max`: the largest frame that is taken. `first_idle`: the first of our streams that has not
// begun on the wire; those from there on are idle, and so are all even ones, since push is off.
frame_fault fault_in(const frame_head& h, std::uint32_t bytes_max,
                     std::int64_t first_idle) noexcept;

}  // namespace zc::http2
