#include "zc/wire/coding/snappy_coder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include <isa-l.h>
#include <snappy-sinksource.h>
#include <snappy.h>

#include "zc/base/check.h"
#include "zc/base/ledger.h"

namespace zc::coders {
namespace {

static_assert(snappy_coder::fragment_bytes == snappy::kBlockSize);

// The stream identifier: a chunk of type ff and six bytes.
constexpr std::array<unsigned char, 10> stream_identifier{0xff, 0x06, 0x00, 0x00, 's',
                                                          'N',  'a',  'P',  'p',  'Y'};
inline constexpr unsigned chunk_compressed = 0x00;
inline constexpr unsigned chunk_stored = 0x01;
inline constexpr unsigned chunk_skippable =
    0x80;  // and above: padding, and what may be passed over
inline constexpr unsigned chunk_identifier = 0xff;
inline constexpr std::size_t chunk_header_bytes = 4;
inline constexpr std::size_t checksum_bytes = 4;
inline constexpr std::size_t length_bytes_max = 5;
// Room for the worst case of a fragment is asked for each time, so several should fit into one
// block.
inline constexpr std::size_t blocks_max = 256_KiB - block_overhead;

const char* text(const std::byte* at) noexcept {
  return reinterpret_cast<const char*>(at);
}
char* text(std::byte* at) noexcept {
  return reinterpret_cast<char*>(at);
}

// CRC-32C, as the framed stream writes it.
inline constexpr std::uint32_t crc_start = 0xffffffff;
std::uint32_t crc_go_on(std::uint32_t state, std::span<const std::byte> over) noexcept {
  // ISA-L's buffer pointer lacks a const.
  auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(over.data()));
  return crc32_iscsi(data, static_cast<int>(over.size()), state);
}
std::uint32_t crc_masked(std::uint32_t state) noexcept {
  return std::rotr(~state, 15) + 0xa282ead8u;
}
std::uint32_t masked_crc(std::span<const std::byte> over) noexcept {
  return crc_masked(crc_go_on(crc_start, over));
}

// The next `count` bytes of a reader, as snappy reads. What snappy has to join counts as a
// straddle.
class source final : public snappy::Source {
 public:
  source(piece_reader& in, std::size_t count, bool compressing) noexcept
      : in_(in), left_(count), compressing_(compressing) {}

  std::size_t Available() const override { return left_; }
  const char* Peek(std::size_t* size) override {
    if (left_ == 0) {
      *size = 0;
      return nullptr;
    }
    const auto run = in_.peek();
    *size = std::min(run.size(), left_);
    // Compressing, snappy copies a fragment that it does not find in one run.
    if (compressing_ && done_ % snappy_coder::fragment_bytes == 0) {
      const std::size_t fragment = std::min(left_, snappy_coder::fragment_bytes);
      if (*size < fragment) ledger::count(ledger::reason::straddle, fragment);
    }
    return text(run.data());
  }
  void Skip(std::size_t count) override {
    in_.skip(count);
    left_ -= count;
    done_ += count;
  }

 private:
  piece_reader& in_;
  std::size_t left_;
  std::size_t done_ = 0;
  bool compressing_;
};

// Takes compressed fragments straight into pool blocks.
class sink final : public snappy::Sink {
 public:
  explicit sink(chain_writer& out) noexcept : out_(out) {}

  char* GetAppendBuffer(std::size_t size, char* scratch) override {
    const auto room = out_.room(size);
    if (!room) {
      failed_ = true;
      return scratch;  // snappy cannot be stopped: let it run on into its own memory
    }
    return text(room->data());
  }
  void Append(const char* data, std::size_t size) override {
    if (failed_) return;
    const auto room = out_.room(size);
    if (!room) {
      failed_ = true;
      return;
    }
    // Copied only when it does not lie there already: the few bytes of the length in front.
    if (data != text(room->data())) std::memcpy(room->data(), data, size);
    out_.commit(size);
  }
  bool failed() const noexcept { return failed_; }

 private:
  chain_writer& out_;
  bool failed_ = false;
};

std::unexpected<error> broken_block(const piece_reader& in, const source& from) noexcept {
  // Snappy only says no. With nothing left to read it was most likely cut short.
  if (from.Available() == 0) {
    return fail(errc::truncated, "snappy block ends early", in.position());
  }
  return fail(errc::malformed, "broken snappy block", in.position());
}

struct chunk_header {
  unsigned type;
  std::size_t size;
};

result<chunk_header> read_chunk_header(piece_reader& in) {
  std::array<std::byte, chunk_header_bytes> head;
  if (!in.read(head)) {
    return fail(errc::truncated, "input ends within a snappy chunk", in.position() + in.left());
  }
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(head[i]); };
  const chunk_header h{byte(0), byte(1) | byte(2) << 8 | byte(3) << 16};
  if (h.size > in.left()) {
    return fail(errc::truncated, "input ends within a snappy chunk", in.position() + in.left());
  }
  return h;
}

result<std::uint32_t> read_crc(piece_reader& in, std::size_t size) {
  std::array<std::byte, checksum_bytes> b;
  if (size < b.size()) return fail(errc::malformed, "snappy chunk too short", in.position());
  ZC_CHECK(in.read(b));
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 4; ++i) crc |= std::to_integer<std::uint32_t>(b[i]) << (8 * i);
  return crc;
}

void put_chunk_header(std::byte* to, unsigned type, std::size_t size, std::uint32_t crc) noexcept {
  const auto put = [&](std::size_t at, std::size_t value) {
    to[at] = static_cast<std::byte>(value);
  };
  put(0, type);
  for (std::size_t i = 0; i < 3; ++i) put(1 + i, size >> (8 * i));
  for (std::size_t i = 0; i < 4; ++i) put(chunk_header_bytes + i, crc >> (8 * i));
}

}  // namespace

std::byte* snappy_coder::scratch(std::size_t bytes) {
  if (scratch_.size() < bytes) {
    scratch_ = {};  // first: not both at once
    scratch_ = aligned_buffer::try_make(bytes, cache_line);
  }
  return scratch_.data();
}

bool snappy_coder::is_framed(const piece_reader& in) noexcept {
  std::array<std::byte, stream_identifier.size()> head;
  return in.look(head) == head.size() &&
         std::memcmp(head.data(), stream_identifier.data(), head.size()) == 0;
}

result<std::size_t> snappy_coder::block_size(const piece_reader& in, std::size_t limit) {
  std::array<std::byte, 5> head;
  const std::size_t got = in.look(head);
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (;; ++at) {
    if (at == head.size()) return fail(errc::malformed, "broken snappy length", in.position());
    if (at == got) {
      return fail(errc::truncated, "input ends within the snappy length", in.position() + got);
    }
    const auto b = std::to_integer<std::uint64_t>(head[at]);
    size |= (b & 0x7f) << (7 * at);
    if (b < 0x80) break;
  }
  if (size > std::numeric_limits<std::uint32_t>::max()) {
    return fail(errc::malformed, "broken snappy length", in.position());
  }
  if (size > limit) return fail(errc::too_large, "body inflates to more than the limit");
  // The shortest element that repeats is 3 bytes for 64. A block that says more is cut short or
  // lying.
  if (size * 3 > std::uint64_t{in.left()} * 64) {
    return fail(errc::truncated, "snappy block too short for its length",
                in.position() + in.left());
  }
  return static_cast<std::size_t>(size);
}

result<void> snappy_coder::inflate_block(piece_reader& in, output_window& out) {
  const auto size = block_size(in, out.left());
  if (!size) return std::unexpected(size.error());
  source from(in, in.left(), false);
  if (*size == 0) {
    char none;
    if (!snappy::RawUncompress(&from, &none)) {
      return fail(errc::malformed, "broken snappy block", in.position());
    }
    return {};
  }
  const auto room = out.room(*size);
  if (!room) return std::unexpected(room.error());
  if (room->size() >= *size) {
    if (!snappy::RawUncompress(&from, text(room->data()))) return broken_block(in, from);
    return out.wrote(*size);
  }
  std::byte* all = scratch(*size);
  if (all == nullptr) return fail(errc::exhausted, "no memory to inflate");
  if (!snappy::RawUncompress(&from, text(all))) return broken_block(in, from);
  auto copied = out.write_copy({all, *size});
  if (scratch_.size() > scratch_bytes_max) scratch_ = {};
  return copied;
}

result<bytes_chain> snappy_coder::inflate_scattered(piece_reader& in, std::size_t size, pool& from,
                                                    urgency need) {
  const std::size_t block = fragment_bytes - block_overhead;
  std::vector<bytes_builder> blocks;
  std::vector<iovec> rooms;
  blocks.reserve(size / block + 1);
  rooms.reserve(size / block + 1);
  for (std::size_t left = size; left > 0;) {
    bytes_builder& b = blocks.emplace_back(from.take(std::min(block, left), need));
    if (!b) return fail(errc::exhausted, "no room for inflated bytes");
    const std::size_t count = std::min(b.spare().size(), left);
    rooms.push_back({b.spare().data(), count});
    left -= count;
  }
  source bytes_in(in, in.left(), false);
  if (!snappy::RawUncompressToIOVec(&bytes_in, rooms.data(), rooms.size())) {
    return broken_block(in, bytes_in);
  }
  bytes_chain done;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i].commit(rooms[i].iov_len);
    done.append(std::move(blocks[i]).freeze());
  }
  return done;
}

result<unsigned> snappy_coder::inflate_framed(piece_reader& in, output_window& out) {
  unsigned streams = 0;
  do {
    const std::size_t at = in.position();
    if (streams == 0 && in.left() >= stream_identifier.size() && !is_framed(in)) {
      return fail(errc::malformed, "not a snappy stream", at);
    }
    const auto head = read_chunk_header(in);
    if (!head) return std::unexpected(head.error());
    result<void> done;
    if (head->type == chunk_identifier) {
      in.back(chunk_header_bytes);
      if (!is_framed(in)) return fail(errc::malformed, "not a snappy stream", at);
      in.skip(stream_identifier.size());
      streams += streams < std::numeric_limits<unsigned>::max() ? 1 : 0;
    } else if (streams == 0) {
      return fail(errc::malformed, "not a snappy stream", at);
    } else if (head->type == chunk_compressed) {
      done = inflate_chunk(in, head->size, out);
    } else if (head->type == chunk_stored) {
      done = store_chunk(in, head->size, out);
    } else if (head->type >= chunk_skippable) {
      in.skip(head->size);
    } else {
      return fail(errc::unsupported, "unknown snappy chunk", at);
    }
    if (!done) return std::unexpected(done.error());
  } while (in.left() > 0);
  return streams;
}

result<void> snappy_coder::inflate_chunk(piece_reader& in, std::size_t size, output_window& out) {
  const std::size_t at = in.position();
  const auto crc = read_crc(in, size);
  if (!crc) return std::unexpected(crc.error());
  const std::size_t compressed = size - checksum_bytes;
  if (compressed == 0) return fail(errc::malformed, "empty snappy chunk", at);
  const auto inflated = block_size(in, fragment_bytes);
  if (!inflated) return fail(errc::malformed, "broken snappy chunk", in.position());
  if (*inflated > out.left()) {
    return fail(errc::too_large, "body inflates to more than the limit", at);
  }
  source from(in, compressed, false);
  auto room = out.room(std::max<std::size_t>(*inflated, 1));
  if (!room) return std::unexpected(room.error());
  const bool direct = room->size() >= *inflated;
  std::byte* to = direct ? room->data() : scratch(fragment_bytes);
  if (to == nullptr) return fail(errc::exhausted, "no memory to inflate");
  if (!snappy::RawUncompress(&from, text(to))) {
    return fail(errc::malformed, "broken snappy chunk", in.position());
  }
  if (masked_crc({to, *inflated}) != *crc) {
    return fail(errc::malformed, "checksum does not match", at);
  }
  return direct ? out.wrote(*inflated) : out.write_copy({to, *inflated});
}

result<void> snappy_coder::store_chunk(piece_reader& in, std::size_t size, output_window& out) {
  const std::size_t at = in.position();
  const auto crc = read_crc(in, size);
  if (!crc) return std::unexpected(crc.error());
  const std::size_t count = size - checksum_bytes;
  if (count > fragment_bytes) return fail(errc::malformed, "snappy chunk too large", at);
  if (count > out.left()) {
    return fail(errc::too_large, "body inflates to more than the limit", at);
  }
  std::uint32_t state = crc_start;
  for (std::size_t left = count; left > 0;) {
    const auto run = in.peek().first(std::min(in.peek().size(), left));
    state = crc_go_on(state, run);
    if (auto copied = out.write_copy(run); !copied) return copied;
    in.skip(run.size());
    left -= run.size();
  }
  if (crc_masked(state) != *crc) return fail(errc::malformed, "checksum does not match", at);
  return {};
}

result<bytes_chain> snappy_coder::deflate_block(const bytes_chain& input, pool& from,
                                                urgency need) {
  if (input.size() > std::numeric_limits<std::uint32_t>::max()) {
    return fail(errc::too_large, "body too large for a snappy block");
  }
  piece_reader in(input);
  source bytes_in(in, input.size(), true);
  const std::size_t fragment = snappy::MaxCompressedLength(std::min(input.size(), fragment_bytes));
  chain_writer out(from, need, input.size() / 2 + fragment, blocks_max);
  // The length in front must not get a block of its own.
  if (auto room = out.room(fragment + length_bytes_max); !room) {
    return std::unexpected(room.error());
  }
  sink bytes_out(out);
  snappy::Compress(&bytes_in, &bytes_out);
  if (bytes_out.failed()) return fail(errc::exhausted, "no memory for compressed bytes");
  return std::move(out).finish();
}

result<bytes_chain> snappy_coder::deflate_framed(const bytes_chain& input, pool& from,
                                                 urgency need) {
  const std::size_t head = stream_identifier.size() + chunk_header_bytes + checksum_bytes;
  const std::size_t chunk =
      head + snappy::MaxCompressedLength(std::min(input.size(), fragment_bytes));
  chain_writer out(from, need, input.size() / 2 + chunk, blocks_max);
  const auto room = out.room(chunk);
  if (!room) return std::unexpected(room.error());
  std::memcpy(room->data(), stream_identifier.data(), stream_identifier.size());
  out.commit(stream_identifier.size());
  piece_reader in(input);
  while (in.left() > 0) {
    if (auto done = deflate_chunk(in, std::min(in.left(), fragment_bytes), out); !done) {
      return std::unexpected(done.error());
    }
  }
  return std::move(out).finish();
}

result<void> snappy_coder::deflate_chunk(piece_reader& in, std::size_t size, chain_writer& out) {
  const std::size_t head = chunk_header_bytes + checksum_bytes;
  auto fragment = in.peek().first(std::min(in.peek().size(), size));
  if (fragment.size() < size) {
    std::byte* whole = scratch(fragment_bytes);
    if (whole == nullptr) return fail(errc::exhausted, "no memory to deflate");
    ZC_CHECK(in.look({whole, size}) == size);
    ledger::count(ledger::reason::straddle, size);
    fragment = {whole, size};
  }
  in.skip(size);
  const auto room = out.room(head + snappy::MaxCompressedLength(size));
  if (!room) return std::unexpected(room.error());
  std::size_t made = 0;
  snappy::RawCompress(text(fragment.data()), size, text(room->data() + head), &made);
  unsigned type = chunk_compressed;
  if (made >= size - size / 8) {
    // Not worth inflating again: stored as it is.
    type = chunk_stored;
    made = size;
    std::memcpy(room->data() + head, fragment.data(), size);
    ledger::count(ledger::reason::contiguous, size);
  }
  put_chunk_header(room->data(), type, checksum_bytes + made, masked_crc(fragment));
  out.commit(head + made);
  return {};
}

}  // namespace zc::coders
