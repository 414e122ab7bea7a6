// gate/rig/identity.h - the name that every generated item carries, from which loss and duplication
// are computed.
//
//     attribute "sluice.seq" = string of 22 characters
//         [ run, 11 characters | worker, 3 | sequence, 8 ]     big end first, 6 bits per character
//
// A string of fixed width, not a number and not bytes: every backend keeps strings as they are, and
// a template can be patched in place. The alphabet is in ASCII order, so that text sorts as the
// numbers do. Sequences count per run, worker and signal from 0 without a gap. Run 0 means that the
// item is not traced (its template was sent as it is).
//
// Threads  Pure functions.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::rig {

inline constexpr std::string_view identity_key = "sluice.seq";
inline constexpr std::size_t identity_size = 22;
inline constexpr std::size_t sequence_size = 8;  // the last characters of an identity
inline constexpr std::uint32_t workers_max = std::uint32_t{1} << 18;
inline constexpr std::uint64_t sequences_max = std::uint64_t{1} << 48;

struct identity {
  std::uint64_t run = 0;
  std::uint32_t worker = 0;    // below workers_max
  std::uint64_t sequence = 0;  // below sequences_max

  friend auto operator<=>(const identity&, const identity&) = default;
};

using identity_text = std::array<char, identity_size>;

identity_text encode(const identity& id) noexcept;
// Only the part that changes from item to item: `out` has sequence_size characters of room.
void encode_sequence(std::uint64_t sequence, char* out) noexcept;
// Nothing when the text has another length or characters, or a run of more than 64 bits.
std::optional<identity> decode_identity(std::string_view text) noexcept;

}  // namespace sluice::rig
