#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/store/backup_reader.h"
#include "catalog/verify/stored_verification.h"
#include "tests/support/chance.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> as_they_are(std::vector<std::string> paths) {
  return paths;
}

/// Damages what is stored at random places. PGKEEP_KILLS makes more of them.
class RotTest : public VerificationTest {
 protected:
  struct Place {
    fs::path file;
    io::ByteVector content;  // as it was
    std::string what;
  };

  RotTest() {
    auto content = sound_content();
    for (unsigned i = 0; i < 3; ++i) {
      content["base/5/1"][i * 9000] ^= std::byte{1};
      content["base/5/" + std::to_string(10 + i)] = noise(20'000, 10 + i);
      backups_.emplace_back(take_backup(content), content);
    }
  }

  /// All that a recovery from one of the backups reads. Nobody misses WAL from before the first.
  std::vector<fs::path> files() const {
    std::vector<fs::path> files{layout_.identity()};
    for (const auto& folder : {layout_.packs(), layout_.wal(), layout_.backups()})
      for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file() && entry.path() != archived_path(4)) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
  }

  Place damage(test::Chance& chance) {
    const auto all = files();
    Place place{all.at(static_cast<std::size_t>(chance.number(0, static_cast<int>(all.size()) - 1))), {}, {}};
    place.content = io::read_whole_file(place.file, std::uint64_t{1} << 30);
    auto content = place.content;
    const auto at = static_cast<std::size_t>(chance.number(0, static_cast<int>(content.size()) - 1));
    switch (chance.number(0, 3)) {
      case 0:
        place.what = "is missing";
        fs::remove(place.file);
        break;
      case 1:
        place.what = fmt::format("is cut after {} bytes", at);
        fs::resize_file(place.file, at);
        break;
      default:
        const auto bit = chance.number(0, 7);
        place.what = fmt::format("has bit {} of byte {} flipped", bit, at);
        content[at] ^= static_cast<std::byte>(1 << bit);
        io::write_file_durably(place.file, content);
    }
    return place;
  }

  void mend(const Place& place) {
    io::write_file_durably(place.file, place.content);
    fs::remove(layout_.verified());
    fs::remove(layout_.suspects());
  }

  /// What of a backup can be read is what was stored.
  void expect_nothing_else(const store::BackupRecord& record, const Content& content) {
    try {
      store::BackupReader backup(repository_, layout_, record.id);
      store::ObjectReader objects(backup.packs());
      io::ByteVector buffer;
      for (const auto& [path, bytes] : content) {
        try {
          const auto file = backup.files().find(path);
          if (!file) throw Corruption("not listed");
          io::MemorySink sink;
          store::read_file(*file, objects, buffer, sink);
          EXPECT_EQ(sink.bytes(), bytes) << path;
        } catch (const Error&) {
        }
      }
    } catch (const Error&) {
    }
  }

  std::vector<std::pair<store::BackupRecord, Content>> backups_;
};

TEST_F(RotTest, IsFoundAtWhateverPlaceAndNeverReturned) {
  ASSERT_TRUE(verify_stored(repository_, layout_, {}, 2, as_they_are, progress_, {}).good());
  test::Chance chance;
  for (int i = 0; i < 4 * test::rounds_of_chance(); ++i) {
    const auto place = damage(chance);
    SCOPED_TRACE(fmt::format("{} {}", place.file.native(), place.what));
    EXPECT_FALSE(verify_stored(repository_, layout_, {}, 2, as_they_are, progress_, {}).good());
    for (const auto& [record, content] : backups_) expect_nothing_else(record, content);
    mend(place);
  }
  EXPECT_TRUE(verify_stored(repository_, layout_, {}, 2, as_they_are, progress_, {}).good());
}

}  // namespace
}  // namespace pgkeep::catalog
