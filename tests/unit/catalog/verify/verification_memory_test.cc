#include "catalog/verify/verification_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const auto kThen = io::parse_rfc3339("2026-11-29T12:00:00Z").value();
const auto kLater = io::parse_rfc3339("2026-11-30T12:00:00Z").value();
const auto kId = store::BackupId::parse("20261120T020000Z").value();
const store::PackName kPack{17, store::PackKind::delta, 2};

StoredDamage pack_damage(io::TimePoint since) {
  return {.kind = StoredKind::pack,
          .name = "00000017",
          .line = {},
          .what = "object 3 is not what was stored",
          .since = since,
          .objects = {{17, 3}, {2, 9}},
          .attributed = true,
          .backups = {kId},
          .files = {"base/5/1259"},
          .file_count = 40};
}

SegmentOfLine segment(std::uint64_t number, std::optional<unsigned> line = {}) {
  return {line, {postgres::TimelineId(2), number}, test::sample_segment_size()};
}

class VerificationMemoryTest : public testing::Test {
 protected:
  VerificationMemoryTest() { layout_.make(); }
  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  VerificationMemory memory_;
};

TEST_F(VerificationMemoryTest, ComesBackFromItsFile) {
  memory_.note_sound(kPack, kThen);
  for (const std::uint64_t number : {5, 6, 8}) memory_.note_sound(segment(number), kThen);
  memory_.note_sound(segment(5, 3), kLater);
  memory_.note_sound(kId, kLater);
  memory_.note_damage(pack_damage(kThen));
  memory_.note_damage(
      {.kind = StoredKind::wal, .name = "000000020000000000000007", .line = 3, .what = "", .since = kThen});
  write_verification_memory(layout_, memory_);
  const auto read = read_verification_memory(layout_);
  EXPECT_EQ(read, memory_);
  EXPECT_EQ(read.checked(kPack), kThen);
  EXPECT_EQ(read.checked(segment(6)), kThen);
  EXPECT_FALSE(read.checked(segment(7)));
  EXPECT_EQ(read.checked(segment(5, 3)), kLater);
  EXPECT_EQ(read.checked(kId), kLater);
  EXPECT_TRUE(read.is_damaged(StoredKind::wal, "000000020000000000000007", 3));
  EXPECT_FALSE(read.is_damaged(StoredKind::wal, "000000020000000000000007", {}));
}

TEST_F(VerificationMemoryTest, IsEmptyWithoutAFile) {
  EXPECT_EQ(read_verification_memory(layout_), VerificationMemory());
}

TEST_F(VerificationMemoryTest, KeepsWhenADamageWasFoundFirst) {
  memory_.note_damage(pack_damage(kThen));
  memory_.note_damage(pack_damage(kLater));
  ASSERT_EQ(memory_.damage().size(), 1);
  EXPECT_EQ(memory_.damage().front().since, kThen);
  EXPECT_TRUE(memory_.forget_damage(StoredKind::pack, "00000017", {}));
  EXPECT_FALSE(memory_.forget_damage(StoredKind::pack, "00000017", {}));
  EXPECT_THAT(memory_.damage(), IsEmpty());
}

TEST_F(VerificationMemoryTest, ForgetsBackupsThatHaveGone) {
  memory_.note_sound(kId, kThen);
  memory_.note_sound(kId.next(), kThen);
  memory_.keep_backups({kId.next()});
  EXPECT_FALSE(memory_.checked(kId));
  EXPECT_EQ(memory_.checked(kId.next()), kThen);
}

TEST_F(VerificationMemoryTest, SaysWhatToDoWithAFileThatIsDamaged) {
  io::write_file_durably(layout_.verified(), io::as_bytes("{\"format\":1}\n"));
  try {
    read_verification_memory(layout_);
    FAIL() << "was read";
  } catch (const Corruption& damage) {
    EXPECT_THAT(damage.what(), HasSubstr("remove it"));
  }
}

}  // namespace
}  // namespace pgkeep::catalog
