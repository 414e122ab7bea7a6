#include "zc/wire/coding/coder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/wire/coding/chain_writer.h"
#include "zc/wire/coding/deflate_coder.h"
#include "zc/wire/coding/output_window.h"
#include "zc/wire/coding/piece_reader.h"
#include "zc/wire/coding/snappy_coder.h"
#include "zc/wire/coding/zstd_coder.h"

namespace zc {
namespace {

using coders::output_window;
using coders::piece_reader;
using coders::snappy_coder;

// Inflated bytes that are kept: each room is a pool block.
class pool_sink final : public coding_sink {
 public:
  pool_sink(pool& from, urgency need) noexcept : from_(from), need_(need) {}

  void wish(std::size_t count) noexcept override { wish_ = count; }
  std::span<std::byte> room() override {
    const std::size_t usual = wish_ == 0 ? output_window::room_bytes : wish_;
    block_ = from_.take(std::clamp(usual, pool::block_bytes_min - coders::block_overhead,
                                   snappy_coder::one_block_max),
                        need_);
    return block_.spare();
  }
  result<void> produced(std::span<const std::byte> written) override {
    block_.commit(written.size());
    done_.append(block_.take());
    return {};
  }
  bytes_chain finish() && { return std::move(done_); }

 private:
  pool& from_;
  urgency need_;
  std::size_t wish_ = 0;
  bytes_builder block_;
  bytes_chain done_;
};

result<unsigned> pass_copy(piece_reader& in, output_window& out) {
  if (in.left() > out.left()) return fail(errc::too_large, "body is larger than the limit");
  while (in.left() > 0) {
    const auto run = in.peek();
    if (auto copied = out.write_copy(run); !copied) return std::unexpected(copied.error());
    in.skip(run.size());
  }
  return 1u;
}

}  // namespace

struct coder::contexts {
  coders::deflate_coder deflate;
  coders::zstd_coder zstd;
  coders::snappy_coder snappy;

  result<unsigned> inflate(piece_reader& in, coding c, output_window& out) {
    switch (c) {
      case coding::identity:
        return pass_copy(in, out);
      case coding::gzip:
        return deflate.inflate(in, coders::wrapper::gzip, out);
      case coding::deflate:
        return deflate.inflate(in, coders::wrapper::zlib, out);
      case coding::zstd:
        return zstd.inflate(in, out);
      case coding::snappy_framed:
        return snappy.inflate_framed(in, out);
      case coding::snappy: {
        if (snappy_coder::is_framed(in)) return snappy.inflate_framed(in, out);
        if (auto done = snappy.inflate_block(in, out); !done) return std::unexpected(done.error());
        return 1u;
      }
    }
    ZC_CHECK(false);  // no such coding
  }
};

coder::coder() : contexts_(std::make_unique<contexts>()) {}
coder::~coder() = default;

result<inflated> coder::inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max,
                                coding_sink& out) {
  piece_reader in(input);
  output_window window(out, output_bytes_max);
  const auto parts = contexts_->inflate(in, c, window);
  if (c != coding::identity) ledger::count(ledger::reason::inflate, window.total());
  if (!parts) return std::unexpected(parts.error());
  if (auto told = window.finish(); !told) return std::unexpected(told.error());
  return inflated{window.total(), *parts};
}

result<bytes_chain> coder::inflate(const bytes_chain& input, coding c, std::size_t output_bytes_max,
                                   pool& from, urgency need, unsigned* parts) {
  if (parts != nullptr) *parts = 1;
  if (c == coding::identity) {
    if (input.size() > output_bytes_max) {
      return fail(errc::too_large, "body is larger than the limit");
    }
    return input;
  }
  piece_reader in(input);
  if (c == coding::snappy && !snappy_coder::is_framed(in)) {
    const auto size = snappy_coder::block_size(in, output_bytes_max);
    if (!size) return std::unexpected(size.error());
    if (*size > snappy_coder::one_block_max) {
      auto done = contexts_->snappy.inflate_scattered(in, *size, from, need);
      if (done) ledger::count(ledger::reason::inflate, *size);
      return done;
    }
  }
  pool_sink sink(from, need);
  const auto done = inflate(input, c, output_bytes_max, sink);
  if (!done) return std::unexpected(done.error());
  if (parts != nullptr) *parts = done->parts;
  return std::move(sink).finish();
}

result<bytes_chain> coder::deflate(const bytes_chain& input, coding c, int level, pool& from,
                                   urgency need) {
  if (c == coding::identity) return input;
  auto done = [&]() -> result<bytes_chain> {
    switch (c) {
      case coding::gzip:
        return contexts_->deflate.deflate(input, coders::wrapper::gzip, level, from, need);
      case coding::deflate:
        return contexts_->deflate.deflate(input, coders::wrapper::zlib, level, from, need);
      case coding::zstd:
        return contexts_->zstd.deflate(input, level, from, need);
      case coding::snappy:
        return contexts_->snappy.deflate_block(input, from, need);
      case coding::snappy_framed:
        return contexts_->snappy.deflate_framed(input, from, need);
      case coding::identity:
        break;
    }
    ZC_CHECK(false);  // no such coding
  }();
  if (done) ledger::count(ledger::reason::deflate, done->size());
  return done;
}

}  // namespace zc
