#include "zc/mem/cow.h"

#include "zc/mem/pool.h"

namespace zc {

bool cow_bytes::try_own(pool& from) {
  if (own_ || try_take_over()) return true;
  bytes_builder fresh = from.take(std::max<std::size_t>(shared_.size(), 1));
  if (!fresh) return false;
  fresh.append_copy(shared_.view());
  *this = cow_bytes(std::move(fresh));
  return true;
}

}  // namespace zc
