// What is stored rots, and is found, named, healed and never recovered.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/chance.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

class Verification : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static ClusterOptions small() {
    return {.initdb = {"--wal-segsize=1"}, .settings = {{"min_wal_size", "2MB"}, {"max_wal_size", "4MB"}}};
  }
  static void flip(const fs::path& path, std::uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(file.get() ^ 4);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  static fs::path newest_full_pack(const BackupHost& host) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(host.repository() / "main/packs"))
      if (entry.path().extension() == ".full") newest = std::max(newest, entry.path());
    return newest;
  }
  /// "data" of what `verify main` says, of the one server.
  static json verified(const BackupHost& host, int exit_code, const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments{"--json", "verify", "main"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto outcome = host.pgkeep(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    return json::parse(outcome.out).at("data").at(0);
  }
  /// The lines of what check says about that; empty when it says nothing.
  static std::string checked(const BackupHost& host, const std::string& key) {
    const auto outcome = host.pgkeep({"check", "main"});
    std::istringstream lines(outcome.out);
    std::string found;
    bool is_part = false;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("    ")) is_part = line.find(key) != line.npos;
      if (is_part) found += line + "\n";
    }
    return found;
  }
};
PGKEEP_FOR_EACH_VERSION(Verification);

TEST_P(Verification, FindsRotNamesWhatItConcernsAndSeesItHeal) {
  const auto source = PostgresCluster::create(GetParam(), small());
  BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  add_rows(source, 1, 20000);
  const auto first = host.backup();
  wait_until_flushed(source);
  EXPECT_TRUE(verified(host, 0).at("good"));
  const auto pack = newest_full_pack(host);
  const auto middle = fs::file_size(pack) / 2;
  flip(pack, middle);
  const auto report = verified(host, 0, {"--budget", "1", "--older-than", "30d"});
  EXPECT_EQ(report.at("damage").size(), 0u) << "nothing was due";
  const auto found = verified(host, 1);
  ASSERT_EQ(found.at("damage").size(), 1u) << found.dump(2);
  EXPECT_THAT(found.at("damage")[0].at("backups"), Contains(first));
  EXPECT_GE(found.at("damage")[0].at("file_count"), 1);
  EXPECT_THAT(found.at("damage")[0].at("files").dump(), HasSubstr("(table public.rows, database postgres)"));
  EXPECT_THAT(checked(host, "damage of what is stored"), HasSubstr("take a backup"));
  EXPECT_NE(host.pgkeep({"recover", "main", first, host.scratch("damaged")}).exit_code, 0);
  EXPECT_FALSE(fs::exists(host.scratch("damaged") / "global/pg_control"));

  const auto second = host.backup();
  wait_until_flushed(source);
  EXPECT_EQ(host.pgkeep({"verify-backup", "main", second}).exit_code, 0);
  EXPECT_THAT(checked(host, "damage of what is stored"), HasSubstr("the newest backup is not concerned"));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "healed")), "20000");
  EXPECT_NE(host.json({"show-backup", "main", first}).at("retention").at("damaged"), json());

  flip(pack, middle);  // brought back from another copy
  EXPECT_THAT(verified(host, 0).at("sound_again"), testing::SizeIs(1));
  EXPECT_EQ(checked(host, "damage of what is stored"), "");
  EXPECT_EQ(host.json({"show-backup", "main", first}).at("retention").at("damaged"), json());
  EXPECT_EQ(host.pgkeep({"verify-backup", "main", first}).exit_code, 0);
  end_in_order(receiver);
}

/// Recovers all of it to one directory, which is compared with that of a recovery from sound files.
/// PGKEEP_KILLS makes more of them.
TEST_P(Verification, FindsRotAtWhateverPlaceAndRecoversNoneOfIt) {
  const auto source = PostgresCluster::create(GetParam(), small());
  BackupHost host(source);
  auto receiver = host.receive_wal(source);
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    add_rows(source, i * 2000 + 1, i * 2000 + 2000);
    ids.push_back(host.backup());
  }
  wait_until_flushed(source);
  end_in_order(receiver);
  const auto recover = [&](const std::string& id) {
    fs::remove_all(host.scratch("again"));
    return host.pgkeep({"recover", "main", id, host.scratch("again"), "--target-immediate"}).exit_code == 0;
  };
  for (const auto& id : ids) {
    ASSERT_TRUE(recover(id));
    fs::rename(host.scratch("again"), host.scratch(id));
  }
  std::vector<fs::path> files;
  for (const auto* folder : {"packs", "backups", "wal"})
    for (const auto& entry : fs::recursive_directory_iterator(host.repository() / "main" / folder))
      if (entry.is_regular_file() && entry.path().extension() != ".partial") files.push_back(entry.path());
  std::ranges::sort(files);
  Chance chance;
  for (int i = 0; i < rounds_of_chance() / 2; ++i) {
    const auto& file =
        files.at(static_cast<std::size_t>(chance.number(0, static_cast<int>(files.size()) - 1)));
    fs::copy_file(file, host.scratch("original"), fs::copy_options::overwrite_existing);
    const auto at = chance.number(0, static_cast<int>(fs::file_size(file)) - 1);
    const int kind = chance.number(0, 3);
    if (kind == 0) fs::remove(file);
    if (kind == 1) fs::resize_file(file, static_cast<std::uintmax_t>(at));
    if (kind > 1) flip(file, static_cast<std::uint64_t>(at));
    SCOPED_TRACE(file.native() +
                 (kind == 0   ? " is missing"
                  : kind == 1 ? " is cut at "
                              : " is flipped at ") +
                 std::to_string(at));
    const auto said = host.pgkeep({"verify", "main"});
    // Nobody misses WAL from before the first backup.
    if (kind != 0 || file.extension() != ".zst") {
      EXPECT_EQ(said.exit_code, 1) << said.text();
    }
    for (const auto& id : ids) {
      if (!recover(id)) continue;
      const auto difference = run({.argv = {"diff", "-r", host.scratch(id), host.scratch("again")}});
      EXPECT_EQ(difference.exit_code, 0) << id << ": " << difference.text();
    }
    fs::copy_file(host.scratch("original"), file, fs::copy_options::overwrite_existing);
    fs::remove(host.repository() / "main/suspects.json");
  }
  EXPECT_EQ(host.pgkeep({"verify", "main"}).exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
