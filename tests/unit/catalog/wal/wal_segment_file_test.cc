#include "catalog/wal/wal_segment_file.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::size_t kHeaderBytes = 116;  // of one without items

class WalSegmentFileTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return directory_ / (segment_.name(size_) + ".zst"); }

  SegmentFileHeader write(const io::ByteVector& content) {
    io::write_file_durably(directory_ / "plain", content);
    const SegmentFileHeader header{.segment = segment_,
                                   .size = size_,
                                   .system = test::kSampleSystem,
                                   .first_time = io::TimePoint(5us),
                                   .last_time = std::nullopt,
                                   .commits = {.known = true, .earliest = io::TimePoint(-3us), .latest = {}}};
    return write_segment_file(path(), header, io::File::open_to_read(directory_ / "plain"), 1);
  }
  io::ByteVector stored() const { return io::read_whole_file(path(), 4 * size_.bytes()); }
  void store(io::ByteView content) const {
    auto file = io::File::open_or_create(path());  // without the syncs, which would take seconds here
    std::filesystem::resize_file(path(), 0);
    file.write_at(content, 0);
  }

  static io::ByteVector read_all(SegmentFileReader& reader) {
    io::ByteVector content;
    io::ByteVector buffer(100'000);
    while (const auto n = reader.read(buffer)) {
      content.insert(content.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return content;
  }
  /// Makes the CRC of a header without items fit.
  static void seal(io::ByteVector& file) {
    const auto crc_at = kHeaderBytes - sizeof(std::uint32_t);
    io::store_le(file.data() + crc_at, io::crc32c(io::ByteView(file).first(crc_at)));
  }
  void expect_refused(const char* what) const {
    EXPECT_THROW(
        {
          SegmentFileReader reader(path());
          read_all(reader);
        },
        Corruption)
        << what;
  }

  test::TempDirectory directory_;
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  postgres::WalSegment segment_{postgres::TimelineId(3), 0x1234};
  io::ByteVector content_ = test::sample_wal(segment_);
};

TEST_F(WalSegmentFileTest, GivesBackWhatWasWritten) {
  const auto written = write(content_);
  SegmentFileReader reader(path());
  EXPECT_EQ(reader.header().segment, segment_);
  EXPECT_EQ(reader.header().size, size_);
  EXPECT_EQ(reader.header().system, test::kSampleSystem);
  EXPECT_EQ(reader.header().crc32c, io::crc32c(content_));
  EXPECT_EQ(written.crc32c, io::crc32c(content_));
  EXPECT_EQ(reader.header().first_time, io::TimePoint(5us));
  EXPECT_EQ(reader.header().last_time, std::nullopt);
  EXPECT_EQ(reader.header().commits, written.commits);
  EXPECT_EQ(reader.header().commits, (CommitTimes{.known = true, .earliest = io::TimePoint(-3us)}));
  EXPECT_EQ(reader.stored_bytes(), stored().size());
  EXPECT_EQ(read_all(reader), content_);
}

TEST_F(WalSegmentFileTest, IsAPlainZstdFile) {
  write(content_);
  const auto bytes = stored();
  io::MemorySource source(bytes);  // header included: a skippable frame
  io::DecompressingSource plain(source);
  io::ByteVector first(16);
  ASSERT_EQ(plain.read(first), first.size());
  EXPECT_TRUE(std::equal(first.begin(), first.end(), content_.begin()));
}

TEST_F(WalSegmentFileTest, RefusesToStoreAnotherLengthThanTheSegments) {
  auto shorter = content_;
  shorter.pop_back();
  EXPECT_THROW(write(shorter), Error);
  auto longer = content_;
  longer.push_back(std::byte{1});
  EXPECT_THROW(write(longer), Error);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(WalSegmentFileTest, KeepsWhatTheRecordsSaidAndWhatTheNextSegmentHasToContinue) {
  io::write_file_durably(directory_ / "plain", content_);
  SegmentFileHeader header{.segment = segment_, .size = size_, .system = test::kSampleSystem};
  header.notes.parameters = {{postgres::Lsn(8), 1, 2, 3, 4, 5, postgres::WalLevel::minimal}};
  header.notes.tablespaces = {{postgres::Lsn(16), 16385, "/srv/\xE9\n"},
                              {postgres::Lsn(24), 16385, std::nullopt}};
  header.carry = postgres::WalCarry{.at = segment_.end(size_), .last_record = postgres::Lsn(32)};
  header.carry->record = postgres::Lsn(48);
  header.carry->length = 100;
  header.carry->taken = 9;
  header.carry->crc = 77;
  header.carry->head.resize(9, std::byte{0xFF});
  write_segment_file(path(), header, io::File::open_to_read(directory_ / "plain"), 1);
  SegmentFileReader reader(path());
  EXPECT_EQ(reader.header().notes, header.notes);
  EXPECT_EQ(reader.header().carry, header.carry);
  EXPECT_EQ(read_all(reader), content_);
}

TEST_F(WalSegmentFileTest, SaysThatThereWereMoreNotesThanItKeeps) {
  io::write_file_durably(directory_ / "plain", content_);
  SegmentFileHeader header{.segment = segment_, .size = size_, .system = test::kSampleSystem};
  header.notes.tablespaces.resize(kMostItemBytes / 1000, {postgres::Lsn(16), 1, std::string(1000, 'x')});
  header.carry = postgres::WalCarry{.at = segment_.end(size_), .last_record = postgres::Lsn(32)};
  write_segment_file(path(), header, io::File::open_to_read(directory_ / "plain"), 1);
  const SegmentFileReader reader(path());
  EXPECT_FALSE(reader.header().notes.complete);
  EXPECT_EQ(reader.header().carry, header.carry);
}

TEST_F(WalSegmentFileTest, RefusesAnyFlippedHeaderBit) {
  write(content_);
  const auto sound = stored();
  for (std::size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    auto damaged = sound;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    store(damaged);
    EXPECT_THROW(SegmentFileReader{path()}, Corruption) << "bit " << bit;
  }
}

TEST_F(WalSegmentFileTest, RefusesAFormatItDoesNotKnow) {
  write(content_);
  auto other = stored();
  io::store_le<std::uint16_t>(other.data() + 16, 1);
  seal(other);
  store(other);
  EXPECT_THAT([&] { SegmentFileReader{path()}; }, ThrowsMessage<Corruption>(HasSubstr("format 1")));
}

TEST_F(WalSegmentFileTest, RefusesFlippedBitsInTheFrame) {
  write(content_);
  const auto sound = stored();
  for (std::size_t at = kHeaderBytes; at < sound.size(); at += 1 + sound.size() / 64) {
    auto damaged = sound;
    damaged[at] ^= std::byte{0x10};
    store(damaged);
    expect_refused("one bit");
  }
}

TEST_F(WalSegmentFileTest, RefusesAFileCutAnywhere) {
  write(content_);
  const auto sound = stored();
  for (std::size_t length = 0; length < sound.size(); length += length <= kHeaderBytes ? 1 : 997) {
    store(io::ByteView(sound).first(length));
    expect_refused("cut");
  }
}

TEST_F(WalSegmentFileTest, RefusesAnotherSegmentUnderItsName) {
  write(content_);
  const auto bytes = stored();
  const auto elsewhere = directory_ / (segment_.next().name(size_) + ".zst");
  io::write_file_durably(elsewhere, bytes);
  EXPECT_THAT([&] { SegmentFileReader{elsewhere}; },
              ThrowsMessage<Corruption>(HasSubstr(segment_.name(size_))));
}

TEST_F(WalSegmentFileTest, TellsOfDamageWithTheReadOfTheLastByte) {
  write(content_);
  auto damaged = stored();
  io::store_le<std::uint32_t>(damaged.data() + 28, 0);  // CRC of the segment
  seal(damaged);
  store(damaged);
  SegmentFileReader reader(path());
  io::ByteVector buffer(size_.bytes());
  std::size_t done = 0;
  EXPECT_THROW(
      {
        while (done < buffer.size()) done += reader.read(io::ByteSpan(buffer).subspan(done));
      },
      Corruption);
}

}  // namespace
}  // namespace pgkeep::catalog
