// zc/wire/http2/stream_row.h - streams in a row: an intrusive list in the order in which they came.
//
// Ownership  Of the streams: none. One must leave the row before it goes.
// Cost       A few instructions each; nothing is allocated.
#pragma once

namespace zc::http2 {

template <class Stream>
struct row_links {
  Stream* next = nullptr;
  Stream* previous = nullptr;
};

template <class Stream, row_links<Stream> Stream::* Links>
class stream_row {
 public:
  Stream* first() const noexcept { return first_; }
  Stream* last() const noexcept { return last_; }
  static Stream* after(const Stream& s) noexcept { return (s.*Links).next; }

  // Requires: not in a row by these links.
  void push_back(Stream& s) noexcept {
    (s.*Links).previous = last_;
    (s.*Links).next = nullptr;
    (last_ != nullptr ? (last_->*Links).next : first_) = &s;
    last_ = &s;
  }
  // Requires: in this row.
  void remove(Stream& s) noexcept {
    Stream* const next = (s.*Links).next;
    Stream* const previous = (s.*Links).previous;
    (previous != nullptr ? (previous->*Links).next : first_) = next;
    (next != nullptr ? (next->*Links).previous : last_) = previous;
    s.*Links = {};
  }

 private:
  Stream* first_ = nullptr;
  Stream* last_ = nullptr;
};

}  // namespace zc::http2
