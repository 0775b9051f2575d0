#include "catalog/postgres/backup_label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// From a server of version 18.
constexpr std::string_view kIncremental =
    "START WAL LOCATION: 0/D00028 (file 00000001000000000000000D)\n"
    "CHECKPOINT LOCATION: 0/D00080\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-20 04:49:41 UTC\n"
    "LABEL: two words: label\n"
    "START TIMELINE: 1\n"
    "INCREMENTAL FROM LSN: 0/900028\n"
    "INCREMENTAL FROM TLI: 1\n";

std::string with(std::string_view from, std::string_view to) {
  std::string label(kIncremental);
  return label.replace(label.find(from), from.size(), to);
}

std::string refusal(std::string_view content) {
  return corruption_from([&] { BackupLabel::parse(content); });
}

TEST(BackupLabelTest, ParsesAnIncrementalOf18) {
  const auto label = BackupLabel::parse(kIncremental);
  EXPECT_EQ(label.start, (WalPosition{TimelineId(1), Lsn(0xD0'0028)}));
  EXPECT_EQ(label.checkpoint, Lsn(0xD0'0080));
  EXPECT_FALSE(label.from_standby);
  EXPECT_EQ(label.label, "two words: label");
  EXPECT_EQ(label.incremental_from, (WalPosition{TimelineId(1), Lsn(0x90'0028)}));
}

TEST(BackupLabelTest, ParsesAFullOf13) {
  const auto label = BackupLabel::parse(
      "START WAL LOCATION: 0/A00028 (file 00000001000000000000000A)\n"
      "CHECKPOINT LOCATION: 0/A00060\n"
      "BACKUP METHOD: streamed\n"
      "BACKUP FROM: master\n"
      "START TIME: 2026-11-20 04:48:15 UTC\n"
      "LABEL: two words: label\n"
      "START TIMELINE: 1\n");
  EXPECT_EQ(label.start.lsn, Lsn(0xA0'0028));
  EXPECT_FALSE(label.from_standby);
  EXPECT_FALSE(label.incremental_from);
}

TEST(BackupLabelTest, KnowsABackupFromAStandby) {
  EXPECT_TRUE(BackupLabel::parse(with("primary", "standby")).from_standby);
}

TEST(BackupLabelTest, TakesAnEmptyLabelAndUnknownLines) {
  const auto label = BackupLabel::parse(with("LABEL: two words: label", "LABEL: \nSOMETHING NEW: 1"));
  EXPECT_EQ(label.label, "");
}

TEST(BackupLabelTest, RefusesAMissingLineByItsName) {
  for (const auto* key : {"START WAL LOCATION", "CHECKPOINT LOCATION", "BACKUP METHOD", "BACKUP FROM",
                          "LABEL", "START TIMELINE", "INCREMENTAL FROM LSN", "INCREMENTAL FROM TLI"}) {
    std::string label(kIncremental);
    const auto line = label.starts_with(key) ? 0 : label.find(std::string("\n") + key) + 1;
    label.erase(line, label.find('\n', line) + 1 - line);
    EXPECT_THAT(refusal(label), AllOf(HasSubstr(key), HasSubstr("missing")));
  }
}

TEST(BackupLabelTest, RefusesEveryCutThatTakesALineOrAPart) {
  // The last two lines may both be absent, and the START TIME is not asked for.
  const auto full_end = kIncremental.find("INCREMENTAL");
  for (std::size_t length = 0; length < kIncremental.size(); ++length) {
    if (length == full_end) continue;
    EXPECT_THROW(BackupLabel::parse(kIncremental.substr(0, length)), Corruption) << length;
  }
}

TEST(BackupLabelTest, RefusesAStartThatIsNotInItsFile) {
  EXPECT_THAT(refusal(with("START TIMELINE: 1", "START TIMELINE: 2")),
              HasSubstr("0/D00028 on timeline 2 is not in"));
  EXPECT_THAT(refusal(with("LOCATION: 0/D00028", "LOCATION: 1/D00028")),
              HasSubstr("1/D00028 on timeline 1 is not in"));
  EXPECT_THAT(refusal(with("00D)", "00d)")), HasSubstr("no WAL file"));
  EXPECT_THAT(refusal(with(" (file 00000001000000000000000D)", "")), HasSubstr("names no WAL file"));
}

TEST(BackupLabelTest, RefusesValuesThatCannotBe) {
  EXPECT_THAT(refusal(with("0/D00080", "0/D00027")), HasSubstr("CHECKPOINT LOCATION: lies before the start"));
  EXPECT_THAT(refusal(with("0/D00080", "here")), HasSubstr("\"here\" is not an LSN"));
  EXPECT_THAT(refusal(with("streamed", "pg_start_backup")), HasSubstr("BACKUP METHOD"));
  EXPECT_THAT(refusal(with("TIMELINE: 1", "TIMELINE: 0")), HasSubstr("\"0\" is not a timeline"));
  EXPECT_THAT(refusal(with("FROM TLI: 1", "FROM TLI: x")), HasSubstr("INCREMENTAL FROM TLI"));
}

TEST(BackupLabelTest, RefusesALineTwiceWhichALabelWithANewlineCouldBringIn) {
  EXPECT_THAT(refusal(with("label\n", "label\nSTART TIMELINE: 9\n")),
              AllOf(HasSubstr("START TIMELINE"), HasSubstr("given twice")));
}

TEST(BackupLabelTest, RefusesALineWithoutKey) {
  EXPECT_THAT(refusal(with("LABEL: two words: label", "label")), HasSubstr("KEY: value"));
}

}  // namespace
}  // namespace pgkeep::postgres
