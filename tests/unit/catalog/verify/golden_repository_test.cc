#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/compaction.h"
#include "catalog/store/sweep.h"
#include "catalog/wal/held_wal.h"
#include "tests/support/verification_fixture.h"

// tests/golden/format-2 is a repository as a program wrote it that knew format 2 first. Every later program
// reads it. PGKEEP_WRITE_GOLDEN=FOLDER writes such a one, for the next format.

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(PGKEEP_SOURCE_DIR) / "tests" / "golden" / "format-2";

class GoldenRepositoryTest : public VerificationTest {
 protected:
  /// Of the backups that the repository holds, by their order; a first one was deleted.
  static Content content(unsigned number) {
    auto content = sound_content();
    content["base/5/1"] = noise(40'000, 1);
    content["base/5/1"][number * 9000] ^= std::byte{1};
    content["base/5/2"] = noise(3000, 100 + number);
    content["base/5/\xFF name"] = noise(100, number);
    content["pg_tblspc/16400/PG_18_202506291/5/" + std::to_string(number)] = noise(1000, number);
    return content;
  }

  void write() {
    const auto first = take_backup(content(0));
    for (const unsigned number : {1, 2}) take_backup(content(number));
    store::delete_backup(layout_, store::BackupClaim(layout_, first.id), "no rule keeps it");
    store::compact(repository_, layout_, store::plan_compaction(repository_, layout_, 1),
                   std::uint64_t{1} << 30, progress_, {});
  }

  static Content read_back(const store::Repository& repository, const store::ServerLayout& layout,
                           const store::BackupId& id) {
    store::BackupReader backup(repository, layout, id);
    store::ObjectReader objects(backup.packs());
    io::ByteVector buffer;
    Content content;
    backup.files().for_each([&](store::FileEntry&& entry) {
      if (entry.kind != store::EntryKind::file) return;
      io::MemorySink sink;
      store::read_file(entry, objects, buffer, sink);
      content[entry.path] = sink.bytes();
    });
    return content;
  }
};

TEST_F(GoldenRepositoryTest, OfFormat2IsReadWhole) {
  if (const char* folder = std::getenv("PGKEEP_WRITE_GOLDEN")) {
    write();
    fs::copy(directory_ / "repository", folder, fs::copy_options::recursive);
  }
  const test::TempDirectory copy;
  fs::copy(kGolden, copy / "repository", fs::copy_options::recursive);
  const auto repository = store::Repository::open(copy / "repository");
  const auto layout = repository.server("main");
  layout.make();  // what is empty is in no checkout
  const auto listing = store::list_backup_records(layout);
  EXPECT_THAT(listing.unread, testing::IsEmpty());
  ASSERT_THAT(listing.backups, testing::SizeIs(2));
  EXPECT_TRUE(store::examine_chain(layout).is_sound());
  EXPECT_THAT(store::read_deletions(layout), testing::SizeIs(1));
  for (unsigned number = 1; number <= 2; ++number) {
    const auto& record = listing.backups[number - 1];
    EXPECT_EQ(record.sequence, number + 1);
    const auto report = verify_backup(repository, layout, record.id, 2, progress_, {});
    EXPECT_TRUE(report.good()) << text(report);
    EXPECT_EQ(report.wal_segments, 2u);
    EXPECT_EQ(read_back(repository, layout, record.id), content(number));
  }
  const auto held = HeldWal::read(WalArchive(layout, *read_identity(layout)));
  const auto stretches = held.along(postgres::TimelineHistory(kOne)).stretches();
  ASSERT_THAT(stretches, testing::SizeIs(1));
  store::sweep_unfinished(layout);
  EXPECT_EQ(read_back(repository, layout, listing.backups[1].id), content(2));
}

}  // namespace
}  // namespace pgkeep::catalog
