#include "streaming/backup/backup_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using ::testing::ElementsAre;
using ::testing::Lt;
using ::testing::SizeIs;

class BackupNoticesTest : public testing::Test, private io::ProgressObserver {
 protected:
  void server_warns(std::string_view message) { notices_.take("WARNING", message); }
  std::uint64_t damaged_pages() const { return notices_.damaged_pages(); }

  std::vector<std::string> shown_;
  BackupNotices notices_{*this};

 private:
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view /*message*/) override {}
  void warning(std::string_view message) override { shown_.emplace_back(message); }
};

constexpr const char* kPage =
    "checksum verification failed in file \"./base/5/16384\", block 1: calculated 9C01 but expected 58";
constexpr const char* kFile = "file \"./base/5/16384\" has a total of 2 checksum verification failures";

TEST_F(BackupNoticesTest, TakeTheNumberOfDamagedPagesFromTheTotal) {
  for (const auto* warning : {kPage, kPage, kFile, "2 total checksum verification failures"})
    server_warns(warning);
  EXPECT_EQ(damaged_pages(), 2u);
}

TEST_F(BackupNoticesTest, TakeTheTotalInEveryLanguage) {
  server_warns(kFile);
  server_warns("insgesamt 12 Prüfsummenfehler");
  EXPECT_EQ(damaged_pages(), 12u);
}

TEST_F(BackupNoticesTest, KnowThatOnePageIsDamagedWhenThereIsNoTotal) {
  server_warns(kPage);
  EXPECT_EQ(damaged_pages(), 1u);
}

TEST_F(BackupNoticesTest, TakeNoOtherNumberForTheTotal) {
  EXPECT_EQ(damaged_pages(), 1u);
  server_warns("out of numbers");
  EXPECT_EQ(damaged_pages(), 1u);
  server_warns("99999999999999999999999 failures");
  EXPECT_EQ(damaged_pages(), 1u);
}

TEST_F(BackupNoticesTest, NameTheDamagedFilesInEveryLanguage) {
  server_warns(kPage);
  server_warns("could not find the time zone of base/camp");
  server_warns("Prüfsummenprüfung fehlgeschlagen in Datei »./global/1262«, Block 0");
  server_warns("échec dans le fichier « ./base/5/16390.1 », bloc 3");
  server_warns(kFile);
  EXPECT_THAT(notices_.named_files({}), ElementsAre("base/5/16384", "global/1262", "base/5/16390.1"));
}

TEST_F(BackupNoticesTest, NameTheFilesOfATablespaceAsTheBackupHasThem) {
  const std::vector<Tablespace> tablespaces{{.oid = 16400, .location = "/srv/fast one", .size_bytes = {}},
                                            {.oid = 0, .location = "", .size_bytes = {}}};
  server_warns("checksum verification failed in file \"/srv/fast one/PG_18_202506291/5/16390\", block 3");
  server_warns("checksum verification failed in file \"/srv/slow/PG_18_202506291/5/16391\", block 3");
  server_warns("checksum verification failed in file \"pg_tblspc/16401/PG_18_202506291/5/16392\", block 3");
  EXPECT_THAT(notices_.named_files(tablespaces), ElementsAre("pg_tblspc/16400/PG_18_202506291/5/16390",
                                                             "pg_tblspc/16401/PG_18_202506291/5/16392"));
}

TEST_F(BackupNoticesTest, AreShownAndKept) {
  server_warns("be warned");
  EXPECT_THAT(shown_, ElementsAre("PostgreSQL: WARNING: be warned"));
  EXPECT_THAT(notices_.kept(), ElementsAre("WARNING: be warned"));
}

TEST_F(BackupNoticesTest, DoNotFloodTheLogNorTheRecord) {
  for (int i = 0; i < 5000; ++i) server_warns(kPage);
  server_warns("5000 total checksum verification failures");
  EXPECT_THAT(shown_, SizeIs(Lt(1010)));
  EXPECT_THAT(notices_.kept(), SizeIs(Lt(1010)));
  EXPECT_EQ(damaged_pages(), 5000u);
}

}  // namespace
}  // namespace pgkeep::streaming
