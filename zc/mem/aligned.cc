#include "zc/mem/aligned.h"

#include <cstring>

namespace zc {
namespace {

bool power_of_two(std::size_t n) noexcept {
  return n != 0 && (n & (n - 1)) == 0;
}

// Holds the memory once bytes are made of it.
class aligned_owner final : public owner {
 public:
  aligned_owner(aligned_buffer&& mine, std::size_t retained) noexcept
      : owner(&give_back, retained), mine_(std::move(mine)) {}

 private:
  static void give_back(owner* self) noexcept { delete static_cast<aligned_owner*>(self); }
  aligned_buffer mine_;
};

}  // namespace

aligned_buffer aligned_buffer::try_make(std::size_t size, std::size_t alignment) noexcept {
  ZC_REQUIRES(size > 0 && power_of_two(alignment),
              "aligned_buffer requires a size and an alignment that is a power of two");
  aligned_buffer made;
  if (size > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) return made;
  made.data_ =
      static_cast<std::byte*>(::operator new(size, std::align_val_t{alignment}, std::nothrow));
  if (made.data_ == nullptr) return made;
  made.size_ = size;
  made.alignment_ = alignment;
  return made;
}

aligned_buffer aligned_buffer::try_make_zeroed(std::size_t size, std::size_t alignment) noexcept {
  aligned_buffer made = try_make(size, alignment);
  if (made) std::memset(made.data_, 0, size);
  return made;
}

aligned_buffer::~aligned_buffer() {
  if (data_ != nullptr) ::operator delete(data_, std::align_val_t{alignment_});
}

bytes_builder aligned_buffer::into_builder(std::size_t written) && {
  ZC_REQUIRES(data_ != nullptr && written <= size_,
              "aligned_buffer::into_builder requires memory, and written <= size()");
  const std::span<std::byte> room = view();
  const std::size_t size = size_;
  auto* holder = new aligned_owner(std::move(*this), size);
  bytes_builder b = bytes_builder::over(*holder, room);
  b.commit(written);
  return b;
}

}  // namespace zc
