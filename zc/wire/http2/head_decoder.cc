#include "zc/wire/http2/head_decoder.h"

#include <algorithm>
#include <new>

#include <nghttp2/nghttp2.h>

#include "zc/wire/http2/allocator.h"

namespace zc::http2 {
namespace {

std::string_view text_of(const std::uint8_t* data, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(data), size};
}

// An HPACK number at the front of `rest`, which moves behind it. False: cut off, or absurd.
bool skip_number(std::string_view& rest, unsigned prefix_bits, std::size_t& n) noexcept {
  if (rest.empty()) return false;
  const unsigned most = (1u << prefix_bits) - 1;
  n = static_cast<unsigned char>(rest.front()) & most;
  rest.remove_prefix(1);
  if (n < most) return true;
  for (unsigned shift = 0; shift <= 28; shift += 7) {
    if (rest.empty()) return false;
    const auto b = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    n += std::size_t{b & 127u} << shift;
    if (b < 128) return true;
  }
  return false;
}

bool skip_text(std::string_view& rest) noexcept {
  std::size_t n = 0;
  if (!skip_number(rest, 7, n) || n > rest.size()) return false;
  rest.remove_prefix(n);
  return true;
}

}  // namespace

bool only_short_indexes(std::string_view block) noexcept {
  return std::ranges::all_of(block, [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b > 0x80 && b < 0xff;
  });
}

bool may_change_table(std::string_view block) noexcept {
  while (!block.empty()) {
    const auto first = static_cast<unsigned char>(block.front());
    std::size_t n = 0;
    if (first >= 0x80) {
      if (!skip_number(block, 7, n)) return true;
      continue;
    }
    if (first >= 0x20) return true;  // with indexing, or a new size
    if (!skip_number(block, 4, n)) return true;
    if (n == 0 && !skip_text(block)) return true;
    if (!skip_text(block)) return true;
  }
  return false;
}

head_decoder::head_decoder() {
  static nghttp2_mem memory{
      nullptr,
      [](std::size_t n, void*) { return allocate(n); },
      [](void* block, void*) { release(block); },
      [](std::size_t count, std::size_t each, void*) { return allocate_zeroed(count, each); },
      [](void* block, std::size_t n, void*) { return resize(block, n); },
  };
  if (nghttp2_hd_inflate_new2(&handle_, &memory) != 0) throw std::bad_alloc();
}

head_decoder::~head_decoder() {
  nghttp2_hd_inflate_del(handle_);
}

result<void> head_decoder::decode(std::span<const std::byte> block, field_sink& to) {
  const std::string_view text(reinterpret_cast<const char*>(block.data()), block.size());
  if (const known_block* const known = find(text)) {
    remembered_ += 1;
    if (!replay(*known, to)) return fail(errc::too_large, "header list far too large");
    return {};
  }
  known_block* keep = nullptr;
  if (text.size() <= block_bytes_max && !text.empty() && only_short_indexes(text)) {
    keep = &known_[next_];
    keep->as_sent.clear();  // until it has been decoded
    keep->fields.clear();
    keep->text.clear();
  } else if (may_change_table(text)) {
    forget_all();
  }
  const result<void> done = inflate(block, to, keep);
  if (done && keep != nullptr && keep->text.size() <= text_bytes_max) {
    keep->as_sent = text;
    next_ = (next_ + 1) % blocks_max;
  }
  return done;
}

const head_decoder::known_block* head_decoder::find(std::string_view block) const noexcept {
  if (block.empty()) return nullptr;
  for (const known_block& k : known_) {
    if (k.as_sent == block) return &k;
  }
  return nullptr;
}

bool head_decoder::replay(const known_block& known, field_sink& to) {
  const char* at = known.text.data();
  for (const known_field& f : known.fields) {
    const std::string_view name(at, f.name_size);
    const std::string_view value(at + f.name_size, f.value_size);
    at = value.data() + value.size();
    if (!to.on_decoded(f.known, name, value)) return false;
  }
  return true;
}

result<void> head_decoder::inflate(std::span<const std::byte> block, field_sink& to,
                                   known_block* keep) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(handle_, &nv, &flags, at, left, 1);
    if (used < 0) return fail(errc::malformed, "header block breaks HPACK", block.size() - left);
    at += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      const std::string_view name = text_of(nv.name, nv.namelen);
      const std::string_view value = text_of(nv.value, nv.valuelen);
      const token known = token_of(name);
      if (keep != nullptr && keep->text.size() <= text_bytes_max) {
        keep->fields.push_back({known, static_cast<std::uint16_t>(name.size()),
                                static_cast<std::uint16_t>(value.size())});
        keep->text += name;
        keep->text += value;
      }
      if (!to.on_decoded(known, name, value)) {
        return fail(errc::too_large, "header list far too large", block.size() - left);
      }
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
  }
  nghttp2_hd_inflate_end_headers(handle_);
  return {};
}

void head_decoder::forget_all() noexcept {
  for (known_block& k : known_) k.as_sent.clear();
}

}  // namespace zc::http2
