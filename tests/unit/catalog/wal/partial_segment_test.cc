#include "catalog/wal/partial_segment.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class PartialSegmentTest : public testing::Test {
 protected:
  PartialSegmentTest() { layout_.make(); }

  PartialSegment open() { return PartialSegment::open(layout_, segment_, size_); }
  io::ByteView wal(std::size_t from, std::size_t to) const {
    return io::ByteView(wal_).subspan(from, to - from);
  }
  std::filesystem::path path() const { return layout_.partial(segment_, size_); }
  io::ByteVector on_disk() const { return io::read_whole_file(path(), size_.bytes()); }
  void put(io::ByteView content) const { io::write_file_durably(path(), content); }
  /// What is on the disk once `length` bytes were received.
  io::ByteVector received(std::size_t length) const {
    io::ByteVector content(size_.bytes());
    std::copy_n(wal_.begin(), length, content.begin());
    return content;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  postgres::WalSegment segment_{postgres::TimelineId(1), 7};
  io::ByteVector wal_ = test::sample_wal(segment_);
};

TEST_F(PartialSegmentTest, IsFullOfZeroesFromTheStart) {
  const auto partial = open();
  EXPECT_EQ(on_disk(), received(0));
  EXPECT_EQ(partial.written(), segment_.begin(size_));
  EXPECT_EQ(partial.flushed(), segment_.begin(size_));
}

TEST_F(PartialSegmentTest, PutsBytesWhereTheirPositionIs) {
  auto partial = open();
  partial.write(wal(0, 100), std::nullopt);
  partial.write(wal(100, 8200), std::nullopt);
  EXPECT_EQ(on_disk(), received(8200));
  EXPECT_EQ(partial.written(), segment_.begin(size_) + 8200);
}

TEST_F(PartialSegmentTest, CountsAsFlushedOnlyAfterFlush) {
  auto partial = open();
  partial.write(wal(0, 100), std::nullopt);
  EXPECT_EQ(partial.flushed(), segment_.begin(size_));
  partial.flush();
  EXPECT_EQ(partial.flushed(), partial.written());
}

TEST_F(PartialSegmentTest, IsCompleteWithItsLastByte) {
  auto partial = open();
  partial.write(wal(0, wal_.size() - 1), std::nullopt);
  EXPECT_FALSE(partial.complete());
  partial.write(wal(wal_.size() - 1, wal_.size()), std::nullopt);
  EXPECT_TRUE(partial.complete());
}

TEST_F(PartialSegmentTest, RemembersTheTimesOfItsFirstAndLastBytes) {
  auto partial = open();
  partial.write(wal(0, 1), io::TimePoint(10s));
  partial.write(wal(1, 2), io::TimePoint(20s));
  partial.write(wal(2, 3), io::TimePoint(30s));
  EXPECT_EQ(partial.first_time(), io::TimePoint(10s));
  EXPECT_EQ(partial.last_time(), io::TimePoint(30s));
}

TEST_F(PartialSegmentTest, KeepsWhatIsThereWhileItIsReceivedAgain) {
  put(received(50'000));
  auto partial = open();
  EXPECT_EQ(partial.written(), segment_.begin(size_));
  partial.write(wal(0, 10'000), std::nullopt);
  EXPECT_EQ(on_disk(), received(50'000));
  partial.write(wal(10'000, 60'000), std::nullopt);
  EXPECT_EQ(on_disk(), received(60'000));
}

TEST_F(PartialSegmentTest, FillsBlocksThatAPowerCutLost) {
  auto there = received(50'000);
  std::fill_n(there.begin() + 4096, 4096, std::byte{0});
  put(there);
  auto partial = open();
  partial.write(wal(0, 50'000), std::nullopt);
  EXPECT_EQ(on_disk(), received(50'000));
}

TEST_F(PartialSegmentTest, RefusesAnotherHistoryNamingTheLsnAndChangesNothing) {
  auto there = received(50'000);
  there[40'000] ^= std::byte{0xFF};
  put(there);
  auto partial = open();
  partial.write(wal(0, 30'000), std::nullopt);
  const auto conflict = (segment_.begin(size_) + 40'000).to_string();
  EXPECT_THAT([&] { partial.write(wal(30'000, 60'000), std::nullopt); },
              ThrowsMessage<Corruption>(AllOf(HasSubstr(conflict), HasSubstr(path().native()))));
  EXPECT_EQ(on_disk(), there);
}

TEST_F(PartialSegmentTest, RefusesZeroesWhereSomethingWasReceived) {
  put(received(50'000));
  auto partial = open();
  EXPECT_THROW(partial.write(io::ByteVector(100), std::nullopt), Corruption);
}

TEST_F(PartialSegmentTest, FillsAnEmptyFileThatACrashLeft) {
  put({});
  open();
  EXPECT_EQ(on_disk(), received(0));
}

TEST_F(PartialSegmentTest, RefusesAFileOfAnotherSize) {
  put(io::ByteVector(4096));
  EXPECT_THAT([&] { open(); },
              ThrowsMessage<Corruption>(AllOf(HasSubstr("4096"), HasSubstr("`pgkeep new-line main`"))));
}

}  // namespace
}  // namespace pgkeep::catalog
