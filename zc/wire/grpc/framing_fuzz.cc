// Any stream, cut as its first byte says: it must agree with the same stream fed whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "zc/wire/grpc/framing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t step = 1 + data[0] % 64;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr std::size_t limit = 1'000;

  zc::grpc::message_assembler whole(limit);
  const bool whole_ok = whole.feed(zc::bytes::copy_of(stream)).has_value();
  zc::grpc::message_assembler cut(limit);
  bool cut_ok = true;
  for (std::size_t at = 0; at < stream.size() && cut_ok; at += step) {
    cut_ok = cut.feed(zc::bytes::copy_of(stream.substr(at, step))).has_value();
  }
  if (whole_ok != cut_ok) std::abort();
  if (!whole_ok) return 0;
  if (whole.complete() != cut.complete() || whole.compressed() != cut.compressed()) std::abort();
  if (whole.complete() && !(whole.take() == cut.take())) std::abort();
  return 0;
}
