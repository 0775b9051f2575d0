#include "catalog/store/backup_id.h"

#include <gtest/gtest.h>

namespace pgkeep::store {
namespace {

TEST(BackupIdTest, IsTheStartInUtc) {
  EXPECT_EQ(BackupId(*io::parse_rfc3339("2026-11-20T02:00:59.9+01:00")).to_string(), "20261120T010059Z");
}

TEST(BackupIdTest, ParsesOnlyItsOwnForm) {
  EXPECT_EQ(BackupId::parse("20261120T020000Z")->to_string(), "20261120T020000Z");
  for (const auto* text : {"", "latest", "20261120T020000", "20261320T020000Z", "20261120T250000Z",
                           "../1120T020000Z", "20261120t020000Z", "20261120T020000ZZ"}) {
    EXPECT_FALSE(BackupId::parse(text)) << text;
  }
}

TEST(BackupIdTest, TheNextOneIsASecondLater) {
  EXPECT_EQ(BackupId::parse("20261231T235959Z")->next().to_string(), "20270101T000000Z");
}

}  // namespace
}  // namespace pgkeep::store
