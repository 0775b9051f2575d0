#include "catalog/postgres/wal_segment.h"

#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::postgres {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

struct NameRow {
  std::uint64_t segment_bytes;
  std::uint32_t timeline;
  std::uint64_t number;
  const char* name;
  std::uint64_t begin;
};

// protocol.md's arithmetic at the smallest, the usual and the largest size, on both sides of a log's end.
constexpr NameRow kNames[] = {
    {kMiB, 1, 0, "000000010000000000000000", 0},
    {kMiB, 1, 4095, "000000010000000000000FFF", 0xFFF0'0000},
    {kMiB, 1, 4096, "000000010000000100000000", 0x1'0000'0000},
    {16 * kMiB, 1, 1, "000000010000000000000001", 0x100'0000},
    {16 * kMiB, 26, 255, "0000001A00000000000000FF", 0xFF00'0000},
    {16 * kMiB, 26, 256, "0000001A0000000100000000", 0x1'0000'0000},
    {16 * kMiB, 0xFFFFFFFF, 0xAB'CDEF, "FFFFFFFF0000ABCD000000EF", 0xABCD'EF00'0000},
    {kGiB, 2, 3, "000000020000000000000003", 0xC000'0000},
    {kGiB, 2, 4, "000000020000000100000000", 0x1'0000'0000},
    {kGiB, 2, 0x3'FFFF'FFFE, "00000002FFFFFFFF00000002", 0xFFFF'FFFF'8000'0000},
};

TEST(WalSegmentSizeTest, TakesPowersOfTwoFrom1MiBTo1GiB) {
  for (std::uint64_t bytes = kMiB; bytes <= kGiB; bytes *= 2) EXPECT_EQ(WalSegmentSize(bytes).bytes(), bytes);
  EXPECT_EQ(WalSegmentSize().bytes(), 16 * kMiB);
}

TEST(WalSegmentSizeTest, RefusesOtherSizes) {
  for (const auto bytes : {std::uint64_t{0}, kMiB / 2, kMiB + 1, 3 * kMiB, 2 * kGiB, kMiB << 32}) {
    EXPECT_THROW(WalSegmentSize{bytes}, Error) << bytes;
  }
}

TEST(WalSegmentSizeTest, CountsSegmentsInALog) {
  EXPECT_EQ(WalSegmentSize(kMiB).per_log(), 4096u);
  EXPECT_EQ(WalSegmentSize().per_log(), 256u);
  EXPECT_EQ(WalSegmentSize(kGiB).per_log(), 4u);
}

TEST(WalSegmentTest, NamesAndParsesAtEverySize) {
  for (const auto& row : kNames) {
    const WalSegmentSize size(row.segment_bytes);
    const WalSegment segment{TimelineId(row.timeline), row.number};
    EXPECT_EQ(segment.name(size), row.name);
    EXPECT_EQ(WalSegment::parse(row.name, size), segment) << row.name;
    EXPECT_EQ(segment.begin(size), Lsn(row.begin)) << row.name;
    EXPECT_EQ(segment.end(size), Lsn(row.begin + row.segment_bytes)) << row.name;
  }
}

TEST(WalSegmentTest, HoldsTheByteAtAPositionAndEndsBeforeIt) {
  struct Row {
    std::uint64_t lsn;
    std::uint64_t holding;
    std::uint64_t ending;
  };
  const WalSegmentSize size;
  for (const auto& row : {Row{0, 0, 0}, Row{1, 0, 0}, Row{0xFF'FFFF, 0, 0}, Row{0x100'0000, 1, 0},
                          Row{0x100'0001, 1, 1}, Row{0x1'0000'0000, 256, 255}}) {
    const WalPosition position{TimelineId(3), Lsn(row.lsn)};
    EXPECT_EQ(WalSegment::holding(position, size), (WalSegment{TimelineId(3), row.holding})) << row.lsn;
    EXPECT_EQ(WalSegment::ending(position, size), (WalSegment{TimelineId(3), row.ending})) << row.lsn;
  }
}

TEST(WalSegmentTest, RefusesTheLastOfAllWhoseEndIsNoLsn) {
  EXPECT_FALSE(WalSegment::parse("00000001FFFFFFFF00000FFF", WalSegmentSize(kMiB)));
  EXPECT_FALSE(WalSegment::parse("00000001FFFFFFFF000000FF", WalSegmentSize()));
  EXPECT_FALSE(WalSegment::parse("00000001FFFFFFFF00000003", WalSegmentSize(kGiB)));
  EXPECT_TRUE(WalSegment::parse("00000001FFFFFFFF000000FE", WalSegmentSize()));
}

TEST(WalSegmentTest, RefusesASegmentPastTheEndOfTheLog) {
  EXPECT_FALSE(WalSegment::parse("000000010000000000001000", WalSegmentSize(kMiB)));
  EXPECT_FALSE(WalSegment::parse("000000010000000000000100", WalSegmentSize()));
  EXPECT_FALSE(WalSegment::parse("000000010000000000000004", WalSegmentSize(kGiB)));
  EXPECT_FALSE(WalSegment::parse("0000000100000000FFFFFFFF", WalSegmentSize(kMiB)));
}

TEST(WalSegmentTest, RefusesLowerCase) {
  EXPECT_FALSE(WalSegment::parse("00000001000000000000000a", WalSegmentSize()));
  EXPECT_TRUE(WalSegment::parse("00000001000000000000000A", WalSegmentSize()));
}

TEST(WalSegmentTest, RefusesTimelineZero) {
  EXPECT_FALSE(WalSegment::parse("000000000000000000000001", WalSegmentSize()));
}

TEST(WalSegmentTest, RefusesWhatIsNot24Digits) {
  for (const auto* name :
       {"", "00000001000000000000000", "0000000100000000000000010", "00000001000000000000000G",
        "000000010000000000000001.partial", "+00000010000000000000001"}) {
    EXPECT_FALSE(WalSegment::parse(name, WalSegmentSize())) << name;
  }
}

TEST(WalSegmentTest, NextCrossesTheLog) {
  const WalSegmentSize size;
  EXPECT_EQ(WalSegment::parse("0000000100000000000000FF", size)->next().name(size),
            "000000010000000100000000");
}

TEST(WalFileKindTest, KnowsTheFourKinds) {
  EXPECT_EQ(wal_file_kind("0000000A00000001000000FE"), WalFileKind::segment);
  EXPECT_EQ(wal_file_kind("0000000A00000001000000FE.partial"), WalFileKind::partial);
  EXPECT_EQ(wal_file_kind("0000000A.history"), WalFileKind::history);
  EXPECT_EQ(wal_file_kind("0000000A00000001000000FE.00000028.backup"), WalFileKind::backup_history);
}

TEST(WalFileKindTest, KnowsNothingElse) {
  for (const auto* name :
       {"", "archive_status", "0000000a00000001000000FE", "0000000A00000001000000F",
        "0000000A00000001000000FEE", "0000000A00000001000000FE.tmp", "0000000A00000001000000FE.partial.tmp",
        "0000000A.histor", "A.history", "0000000A.history.tmp", "0000000a.history",
        "0000000A00000001000000FE.backup", "0000000A00000001000000FE.0000028.backup",
        "0000000A00000001000000FE.0000002g.backup", "0000000A00000001000000FE-00000028.backup",
        "../0000000A00000001000000FE"}) {
    EXPECT_FALSE(wal_file_kind(name)) << name;
  }
}

TEST(ParseHistoryNameTest, GivesTheTimeline) {
  EXPECT_EQ(parse_history_name("0000000A.history"), TimelineId(10));
  EXPECT_EQ(parse_history_name("FFFFFFFF.history"), TimelineId(0xFFFFFFFF));
  for (const auto* name :
       {"00000000.history", "0000000A", "0000000a.history", "0000000A.history ", ".history"}) {
    EXPECT_FALSE(parse_history_name(name)) << name;
  }
}

}  // namespace
}  // namespace pgkeep::postgres
