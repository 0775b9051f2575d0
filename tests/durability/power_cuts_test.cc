// The test of the tests: what a power cut can take, and that it is noticed when something relies on it.
#include "tests/support/power_cuts.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/io/sqlite.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

constexpr const char* kWritten = "written";

/// Writes a file in ways that are right and wrong.
class PowerCutsTest : public testing::Test {
 protected:
  PowerCutsTest() { io::write_file_durably(file(), io::as_bytes(std::string_view("old"))); }

  fs::path root() const { return directory_.path(); }
  fs::path file() const { return directory_ / "file"; }
  static void write(const fs::path& path, std::string_view text) {
    auto out = io::File::create(path);
    out.append(io::as_bytes(text));
  }
  static void sync(const fs::path& path) { io::File::open_to_change(path).sync(); }

  /// All that the file can be after a power cut: its content, or "-" when it is not there.
  std::set<std::string> outcomes(const std::function<void()>& run) {
    std::set<std::string> found;
    PowerCuts cuts(root());
    cuts.record(run);
    cuts.check([&](const Aftermath& left) {
      const auto content = io::read_file_if_exists(left.root() / "file", 100);
      found.insert(content ? std::string(io::as_text(*content)) : "-");
    });
    return found;
  }
  /// Whether "new" is found to be missing, once it was promised to be there.
  static void check_promise(PowerCuts& cuts) {
    cuts.check([](const Aftermath& left) {
      const auto content = io::read_file_if_exists(left.root() / "file", 100);
      if (left.promised(kWritten) && (!content || io::as_text(*content) != "new"))
        throw std::runtime_error("it is not there");
    });
  }

  TempDirectory directory_;
};

TEST_F(PowerCutsTest, ADurableFileIsTheOldOneOrTheNew) {
  EXPECT_THAT(outcomes([&] { io::write_file_durably(file(), io::as_bytes(std::string_view("new"))); }),
              UnorderedElementsAre("old", "new"));
}

TEST_F(PowerCutsTest, ARenameMayComeBeforeTheBytes) {
  const auto found = outcomes([&] {
    write(root() / "tmp", "new");
    fs::rename(root() / "tmp", file());
  });
  for (const auto* outcome : {"old", "new", ""}) EXPECT_TRUE(found.contains(outcome)) << outcome;
}

TEST_F(PowerCutsTest, AnFsyncOfAFileKeepsNoName) {
  fs::remove(file());
  EXPECT_THAT(outcomes([&] {
                write(file(), "new");
                sync(file());
                sync(file());
              }),
              testing::IsSupersetOf({"-", "new"}));
}

TEST_F(PowerCutsTest, AnFsyncOfAFolderKeepsItsNames) {
  PowerCuts cuts(root());
  cuts.record([&] {
    fs::create_directory(root() / "folder");
    write(root() / "folder" / "inner", "new");
    fs::remove(file());
    io::sync_directory(root());
    DiskRecorder::note(kWritten);
  });
  cuts.check([](const Aftermath& left) {
    if (!left.promised(kWritten)) return;
    EXPECT_TRUE(fs::is_directory(left.root() / "folder"));
    EXPECT_FALSE(fs::exists(left.root() / "file"));
  });
}

TEST_F(PowerCutsTest, WritesInPlaceAreKeptByPieces) {
  const std::string before(1024, 'a');
  const std::string after(1024, 'b');
  fs::remove(file());
  io::write_file_durably(file(), io::as_bytes(before));
  std::set<std::string> found;
  PowerCuts cuts(root());
  cuts.record([&] { io::File::open_to_change(file()).write_at(io::as_bytes(after), 0); });
  cuts.check([&](const Aftermath& left) {
    found.insert(std::string(io::as_text(io::read_whole_file(left.root() / "file", 2000))));
  });
  EXPECT_TRUE(found.contains(before) && found.contains(after));
  for (const auto& content : found) EXPECT_EQ(content.size(), 1024U);
}

TEST_F(PowerCutsTest, FindsAnFsyncOfTheFileThatIsMissing) {
  PowerCuts cuts(root());
  cuts.record([&] {
    write(root() / "tmp", "new");
    io::rename_durably(root() / "tmp", file());
    DiskRecorder::note(kWritten);
  });
  EXPECT_NONFATAL_FAILURE(check_promise(cuts), "PROMISED: written");
}

TEST_F(PowerCutsTest, FindsAnFsyncOfTheFolderThatIsMissing) {
  PowerCuts cuts(root());
  cuts.record([&] {
    write(root() / "tmp", "new");
    sync(root() / "tmp");
    io::rename_file(root() / "tmp", file());
    DiskRecorder::note(kWritten);
  });
  EXPECT_NONFATAL_FAILURE(check_promise(cuts), "PROMISED: written");
}

/// Who comes after a kill sees the new file, and relies on it.
class AfterAKillTest : public PowerCutsTest {
 protected:
  void check(const std::function<void(const fs::path& root)>& rely) const {
    PowerCuts cuts(root());
    cuts.record([&] { io::write_file_durably(file(), io::as_bytes(std::string_view("new"))); });
    const auto is_new = [](const fs::path& root) {
      return io::as_text(io::read_whole_file(root / "file", 100)) == "new";
    };
    cuts.check_after_kills(
        [&](const Aftermath& killed) {
          if (!is_new(killed.root())) return;
          rely(killed.root());
          DiskRecorder::note(kWritten);
        },
        [&](const Aftermath& left) {
          if (left.promised(kWritten) && !is_new(left.root())) throw std::runtime_error("it is not there");
        });
  }
};

TEST_F(AfterAKillTest, WhatIsSeenIsDurableOnceItsFolderIsSynced) {
  check([](const fs::path& root) { io::sync_directory(root); });
}

TEST_F(AfterAKillTest, FindsWhoTakesWhatIsSeenForDurable) {
  EXPECT_NONFATAL_FAILURE(check([](const fs::path& /*root*/) {}), "KILLED");
}

TEST_F(PowerCutsTest, SeesWhatLibrariesDo) {
  PowerCuts cuts(root());
  cuts.record([&] {
    io::Database database(root() / "database", io::Database::Mode::create);
    database.execute("PRAGMA journal_mode = WAL");
    database.execute("CREATE TABLE numbers(number)");
    database.execute("INSERT INTO numbers VALUES(1), (2)");
    fs::copy_file(file(), root() / "copy");
    fs::resize_file(root() / "copy", 1);
    fs::create_symlink("copy", root() / "link");
    fs::create_directories(root() / "a" / "b");
    fs::rename(root() / "copy", root() / "a" / "b" / "copy");
    fs::remove_all(root() / "a");
  });
  EXPECT_GT(cuts.steps().size(), 20U);
  cuts.check([](const Aftermath& left) {
    if (fs::exists(left.root() / "database"))
      io::Database(left.root() / "database", io::Database::Mode::read_write).execute("SELECT 1");
  });
}

TEST_F(PowerCutsTest, NoticesWhatItDidNotSee) {
  PowerCuts cuts(root());
  const auto go_round = [&] { std::ofstream(root() / "other") << "text"; };
  EXPECT_NONFATAL_FAILURE(cuts.record(go_round),
                          "what was recorded is not what was done: other is not in both");
}

}  // namespace
}  // namespace pgkeep::test
