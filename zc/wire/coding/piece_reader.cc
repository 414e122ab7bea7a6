#include "zc/wire/coding/piece_reader.h"

#include <algorithm>
#include <cstring>

#include "zc/base/check.h"
#include "zc/base/ledger.h"

namespace zc::coders {

std::span<const std::byte> piece_reader::run(std::span<std::byte> scratch) const {
  const std::span<const std::byte> here = peek();
  // What counts is the piece, not what is left of it: the rest of a large one is not worth a copy.
  if (here.size() == left_ || pieces_[index_].size() >= small_bytes) return here;
  std::size_t done = 0;
  std::size_t from = at_;
  for (std::size_t i = index_; i < pieces_.size(); ++i, from = 0) {
    const std::size_t size = pieces_[i].size() - from;
    if (pieces_[i].size() >= small_bytes || size > scratch.size() - done) break;
    std::memcpy(scratch.data() + done, pieces_[i].data() + from, size);
    done += size;
  }
  if (done <= here.size()) return here;
  ledger::count(ledger::reason::coalesce, done);
  return scratch.first(done);
}

void piece_reader::skip(std::size_t count) {
  ZC_CHECK(count <= left_);
  left_ -= count;
  position_ += count;
  while (index_ < pieces_.size() && count >= pieces_[index_].size() - at_) {
    count -= pieces_[index_].size() - at_;
    ++index_;
    at_ = 0;
  }
  at_ += count;
}

void piece_reader::back(std::size_t count) {
  ZC_CHECK(count <= position_);
  left_ += count;
  position_ -= count;
  while (count > at_) {
    count -= at_;
    --index_;
    at_ = pieces_[index_].size();
  }
  at_ -= count;
}

std::size_t piece_reader::look(std::span<std::byte> out) const noexcept {
  std::size_t done = 0;
  std::size_t from = at_;
  for (std::size_t i = index_; i < pieces_.size() && done < out.size(); ++i) {
    const std::size_t count = std::min(out.size() - done, pieces_[i].size() - from);
    std::memcpy(out.data() + done, pieces_[i].data() + from, count);
    done += count;
    from = 0;
  }
  return done;
}

bool piece_reader::read(std::span<std::byte> out) {
  if (out.size() > left_) return false;
  skip(look(out));
  return true;
}

}  // namespace zc::coders
