// What must hold of the file exporter: every acknowledged batch is one record of the file that can
// be read back, and a failed or refused write is told as retryable.
#include "gate/pipeline/exporters/file_exporter.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/io/file_writer.h"
#include "zc/wire/view/record_view.h"

namespace sluice {
namespace {

using otlp::signal;

struct FileExporterTest : ::testing::Test {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("file_exporter_test_" + std::to_string(::getpid()) + "_" +
                                ::testing::UnitTest::GetInstance()->current_test_info()->name());
  kit::workplace at;
  file_exporter_settings how;
  std::unique_ptr<zc::io::file_writer> writer;
  std::unique_ptr<file_exporter> node;

  ~FileExporterTest() override {
    node.reset();
    writer.reset();
    std::filesystem::remove(path);
  }
  void open(zc::io::file_writer::options o = {}) {
    o.path = path.string();
    auto made = zc::io::file_writer::open(o);
    ASSERT_TRUE(made);
    writer = std::move(*made);
    node = std::make_unique<file_exporter>(at.context, "file", how, *writer);
  }
  void wait_for(const kit::slot& s) {
    for (int i = 0; i < 5'000 && s.times == 0; ++i) {
      at.run_for(milliseconds(1));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::vector<std::string> records() const {
    std::ifstream in(path, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    const std::string bytes = all.str();
    std::vector<std::string> found;
    zc::record_reader each(std::as_bytes(std::span(bytes)), zc::length_prefix::u32be, 64_MiB);
    while (each.next()) found.emplace_back(each.text());
    EXPECT_TRUE(each.ok()) << each.failure().reason << " at byte " << each.failure().offset;
    return found;
  }
};

TEST_F(FileExporterTest, WritesLengthAndBodyAndAcknowledgesWhenWritten) {
  open();
  kit::slot a, b;
  const payload_ptr p = kit::plain_payload(signal::traces, 3, "one");
  node->consume({p, a.ask(), {}});
  EXPECT_EQ(a.times, 0);
  node->consume({kit::plain_payload(signal::logs, 300, "two"), b.ask(), {}});
  wait_for(b);
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(b.ok());
  writer->close();
  const auto found = records();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], kit::request_of(signal::traces, 3, "one"));
  EXPECT_EQ(found[1], kit::request_of(signal::logs, 300, "two"));
  EXPECT_EQ(at.counts.exporter("file").of[signal::traces].sent.read(), 3U);
}

TEST_F(FileExporterTest, CompressesEachRecordByItself) {
  how.zstd = true;
  open();
  kit::slot a;
  node->consume({kit::plain_payload(signal::logs, 100, "z"), a.ask(), {}});
  wait_for(a);
  ASSERT_TRUE(a.ok());
  writer->close();
  const auto found = records();
  ASSERT_EQ(found.size(), 1U);
  const auto plain =
      at.with.inflate(kit::chain_of(found[0]), zc::coding::zstd, 1 << 20, at.on.memory());
  ASSERT_TRUE(plain);
  EXPECT_EQ(kit::text_of(*plain), kit::request_of(signal::logs, 100, "z"));
}

TEST_F(FileExporterTest, AClosedWriterRefusesRetryably) {
  open();
  writer->close();
  kit::slot a;
  node->consume({kit::plain_payload(signal::logs, 2), a.ask(), {}});
  EXPECT_TRUE(a.retryable());
  EXPECT_EQ(at.counts.exporter("file").of[signal::logs].enqueue_failed.read(), 2U);
}

TEST_F(FileExporterTest, DrainsWhenEverythingIsWritten) {
  open();
  kit::slot a, late;
  node->consume({kit::plain_payload(signal::logs, 2), a.ask(), {}});
  node->drain({});
  EXPECT_FALSE(node->drained());
  node->consume({kit::plain_payload(signal::logs, 2), late.ask(), {}});
  EXPECT_TRUE(late.retryable());
  wait_for(a);
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(node->drained());
}

TEST_F(FileExporterTest, BatchesThatAreNotWrittenWhenItGoesAreRefused) {
  open();
  kit::slot a;
  node->consume({kit::plain_payload(signal::logs, 2), a.ask(), {}});
  node.reset();
  EXPECT_TRUE(a.retryable());
  writer->close();
  at.run_for(milliseconds(5));
  EXPECT_EQ(a.times, 1);
}

}  // namespace
}  // namespace sluice
