#include "catalog/postgres/relation_file.h"

#include <gtest/gtest.h>

namespace pgkeep::postgres {
namespace {

TEST(RelationFile, IsToldByThePath) {
  EXPECT_EQ(parse_relation_file("base/5/16384"), (RelationFile{0, 5, 16384}));
  EXPECT_EQ(parse_relation_file("base/5/16384.12"), (RelationFile{0, 5, 16384}));
  EXPECT_EQ(parse_relation_file("base/5/16384_fsm"), (RelationFile{0, 5, 16384}));
  EXPECT_EQ(parse_relation_file("base/5/16384_vm.1"), (RelationFile{0, 5, 16384}));
  EXPECT_EQ(parse_relation_file("base/5/16384_init"), (RelationFile{0, 5, 16384}));
  EXPECT_EQ(parse_relation_file("global/1262"), (RelationFile{kSharedTablespace, 0, 1262}));
  EXPECT_EQ(parse_relation_file("pg_tblspc/16400/PG_18_202506291/5/16384"), (RelationFile{16400, 5, 16384}));
}

TEST(RelationFile, IsNoneOfTheOthers) {
  for (const auto* path : {"base/5/pg_filenode.map", "global/pg_control", "base/5/PG_VERSION", "base/5",
                           "base/5/", "base/x/16384", "base/5/0", "base/5/16384.", "base/5/16384_x",
                           "base/5/99999999999", "pg_wal/000000010000000000000001", "pg_tblspc/16400/5/16384",
                           "pg_xact/0000", "backup_label", "", "base/5/t3_16384"}) {
    EXPECT_FALSE(parse_relation_file(path)) << path;
  }
}

}  // namespace
}  // namespace pgkeep::postgres
