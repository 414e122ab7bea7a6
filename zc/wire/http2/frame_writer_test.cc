// What must hold of `frame_writer`: what is put comes out in order, side by side in one piece, and
// payload between it is shared.

#include "zc/wire/http2/frame_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "zc/wire/http2/frames_for_tests.h"

namespace zc::http2 {
namespace {

using for_tests::as_text;

TEST(FrameWriterTest, PiecesStandInTheOrderInWhichTheyWerePut) {
  const bytes body = bytes::from_string(std::string(100, 'b'));
  bytes_chain out;
  frame_writer w;
  w.begin(out);
  w.put("one");
  w.put("two");
  w.share(body);
  w.put("three");
  EXPECT_EQ(w.unflushed(), 5u);
  w.end();
  EXPECT_EQ(as_text(out), "onetwo" + std::string(100, 'b') + "three");
  EXPECT_EQ(out.pieces(), 3u);
  EXPECT_TRUE(out.view()[1].shares_owner_with(body));
}

TEST(FrameWriterTest, WhatIsUnsentIsNotWrittenOver) {
  frame_writer w;
  bytes_chain first;
  std::string all;
  for (int i = 0; i < 5'000; ++i) {
    w.begin(first);
    const std::string text = std::to_string(i) + ' ';
    all += text;
    w.put(text);
    w.end();
  }
  EXPECT_EQ(as_text(first), all);
}

TEST(FrameWriterTest, APieceLargerThanTheBlockIsWrittenToo) {
  frame_writer w;
  bytes_chain out;
  w.begin(out);
  w.put("x");
  w.put(std::string(100'000, 'y'));
  w.put("z");
  w.end();
  EXPECT_EQ(as_text(out), 'x' + std::string(100'000, 'y') + 'z');
}

}  // namespace
}  // namespace zc::http2
