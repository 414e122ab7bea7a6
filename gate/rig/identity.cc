#include "gate/rig/identity.h"

#include <cstring>

#include "zc/base/check.h"

namespace sluice::rig {
namespace {

constexpr std::string_view alphabet =
    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
static_assert(alphabet.size() == 64);

constexpr std::uint8_t no_digit = 0xff;
constexpr std::size_t run_size = 11;
constexpr std::size_t worker_size = 3;
static_assert(run_size + worker_size + sequence_size == identity_size);

constexpr std::array<std::uint8_t, 256> digits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

// Two characters at a time: a sequence is written for every item that is sent.
constexpr auto pairs = [] {
  std::array<std::array<char, 2>, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {alphabet[i >> 6], alphabet[i & 63]};
  return table;
}();

void put(std::uint64_t value, char* out, std::size_t size) noexcept {
  for (std::size_t i = size; i-- > 0; value >>= 6) out[i] = alphabet[value & 63];
}

// All characters were checked before.
std::uint64_t take(std::string_view text) noexcept {
  std::uint64_t value = 0;
  for (const char c : text) value = (value << 6) | digits[static_cast<unsigned char>(c)];
  return value;
}

}  // namespace

identity_text encode(const identity& id) noexcept {
  ZC_CHECK(id.worker < workers_max && id.sequence < sequences_max);
  identity_text text;
  put(id.run, text.data(), run_size);
  put(id.worker, text.data() + run_size, worker_size);
  encode_sequence(id.sequence, text.data() + run_size + worker_size);
  return text;
}

void encode_sequence(std::uint64_t sequence, char* out) noexcept {
  std::memcpy(out, pairs[(sequence >> 36) & 4095].data(), 2);
  std::memcpy(out + 2, pairs[(sequence >> 24) & 4095].data(), 2);
  std::memcpy(out + 4, pairs[(sequence >> 12) & 4095].data(), 2);
  std::memcpy(out + 6, pairs[sequence & 4095].data(), 2);
}

std::optional<identity> decode_identity(std::string_view text) noexcept {
  if (text.size() != identity_size) return std::nullopt;
  unsigned worst = 0;
  for (const char c : text) worst |= digits[static_cast<unsigned char>(c)];
  if (worst >= 64) return std::nullopt;
  // Eleven characters hold 66 bits; the first may use only its lower four.
  if (digits[static_cast<unsigned char>(text[0])] >= 16) return std::nullopt;
  identity id;
  id.run = take(text.substr(0, run_size));
  id.worker = static_cast<std::uint32_t>(take(text.substr(run_size, worker_size)));
  id.sequence = take(text.substr(run_size + worker_size));
  return id;
}

}  // namespace sluice::rig
