#include "catalog/io/sqlite.h"

#include <cerrno>
#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

using testing::HasSubstr;

class SqliteTest : public testing::Test {
 protected:
  Database create() {
    Database database(path_, Database::Mode::create);
    database.execute(
        "CREATE TABLE IF NOT EXISTS backup(id INTEGER PRIMARY KEY, name TEXT UNIQUE, digest BLOB)");
    return database;
  }
  static std::int64_t rows(Database& database) {
    auto count = database.prepare("SELECT count(*) FROM backup");
    EXPECT_TRUE(count.step());
    return count.integer(0);
  }
  template <typename Call>
  static int cause_of(Call&& call) {
    try {
      call();
    } catch (const StorageError& error) {
      return error.cause();
    }
    return 0;
  }

  test::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "catalog.db";
};

TEST_F(SqliteTest, CreateMakesAFileForItsOwnerOnly) {
  const auto before = ::umask(0);
  create();
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(SqliteTest, CreateKeepsWhatIsThere) {
  create().execute("INSERT INTO backup(name) VALUES ('a')");
  auto again = create();
  EXPECT_EQ(rows(again), 1);
}

TEST_F(SqliteTest, OtherModesMakeNoFile) {
  for (const auto mode : {Database::Mode::read_only, Database::Mode::read_write}) {
    EXPECT_EQ(cause_of([&] { Database(path_, mode); }), ENOENT);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(SqliteTest, ReadOnlyReadsAndDoesNotWrite) {
  create().execute("INSERT INTO backup(name) VALUES ('a')");
  Database database(path_, Database::Mode::read_only);
  EXPECT_EQ(rows(database), 1);
  EXPECT_EQ(cause_of([&] { database.execute("DELETE FROM backup"); }), EACCES);
}

TEST_F(SqliteTest, GivesBackWhatWasBound) {
  auto database = create();
  database.execute("CREATE TABLE t(a, b, c, d, e, f)");
  const std::string text("a\0ü", 4);
  auto insert = database.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(1, std::numeric_limits<std::int64_t>::min()).bind(2, text).bind_blob(3, as_bytes("\x00\xff"));
  insert.bind_null(4).bind(5, std::optional<std::string>("there")).bind(6, std::optional<std::int64_t>());
  insert.run();
  auto select = database.prepare("SELECT * FROM t");
  ASSERT_TRUE(select.step());
  EXPECT_EQ(select.integer(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(select.text(1), text);
  EXPECT_EQ(as_text(select.blob(2)), as_text(as_bytes("\x00\xff")));
  EXPECT_TRUE(select.is_null(3));
  EXPECT_EQ(select.optional_text(4), "there");
  EXPECT_EQ(select.optional_integer(5), std::nullopt);
  EXPECT_EQ(select.optional_text(5), std::nullopt);
  EXPECT_FALSE(select.step());
}

TEST_F(SqliteTest, TellsEmptyFromNull) {
  auto database = create();
  auto insert = database.prepare("INSERT INTO backup(name, digest) VALUES (?, ?)");
  insert.bind(1, std::string_view()).bind_blob(2, {}).run();
  auto select = database.prepare("SELECT name, digest FROM backup");
  ASSERT_TRUE(select.step());
  EXPECT_FALSE(select.is_null(0));
  EXPECT_FALSE(select.is_null(1));
  EXPECT_EQ(select.text(0), "");
  EXPECT_TRUE(select.blob(1).empty());
}

TEST_F(SqliteTest, RefusesAColumnOfAnotherType) {
  auto database = create();
  auto select = database.prepare("SELECT 'seven' AS name, 7, x'07', NULL");
  ASSERT_TRUE(select.step());
  EXPECT_THROW(select.integer(0), Corruption);
  EXPECT_THROW(select.text(1), Corruption);
  EXPECT_THROW(select.integer(2), Corruption);
  EXPECT_THROW(select.blob(0), Corruption);
  EXPECT_THROW(select.integer(3), Corruption);
  EXPECT_THROW(select.text(3), Corruption);
  EXPECT_THROW(select.optional_integer(0), Corruption);
  try {
    select.integer(0);
  } catch (const Corruption& error) {
    EXPECT_THAT(error.what(), HasSubstr(path_.string() + ": \"name\" is not an integer"));
  }
}

TEST_F(SqliteTest, RunLeavesAStatementReadyForTheNextRow) {
  auto database = create();
  auto insert = database.prepare("INSERT INTO backup(name) VALUES (?)");
  for (const char* name : {"a", "b", "c"}) insert.bind(1, name).run();
  EXPECT_EQ(rows(database), 3);
}

TEST_F(SqliteTest, AFailedStatementSaysWhatItWasAndCanBeUsedAgain) {
  auto database = create();
  auto insert = database.prepare("INSERT INTO backup(name) VALUES (?)");
  insert.bind(1, "a").run();
  try {
    insert.bind(1, "a").run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(path_.string()));
    EXPECT_THAT(error.what(), HasSubstr("INSERT INTO backup"));
    EXPECT_THAT(error.what(), HasSubstr("UNIQUE constraint failed"));
  }
  insert.bind(1, "b").run();
  EXPECT_EQ(rows(database), 2);
}

TEST_F(SqliteTest, EnforcesForeignKeys) {
  auto database = create();
  database.execute("CREATE TABLE part(backup INTEGER REFERENCES backup(id))");
  EXPECT_THROW(database.execute("INSERT INTO part VALUES (99)"), Error);
}

TEST_F(SqliteTest, PreparesExactlyOneStatement) {
  auto database = create();
  EXPECT_THROW(database.prepare("SELECT 1; SELECT 2"), std::logic_error);
  EXPECT_THROW(database.prepare(""), std::logic_error);
  EXPECT_TRUE(database.prepare("SELECT 1;\n").step());
}

TEST_F(SqliteTest, RefusesParametersThatAreNotThere) {
  auto database = create();
  EXPECT_THROW(database.prepare("SELECT ?").bind(2, 1), Error);
  EXPECT_THROW(database.execute("SELECT nonsense"), Error);
}

TEST_F(SqliteTest, ATransactionIsKeptOnlyWhenCommitted) {
  auto database = create();
  {
    Transaction transaction(database);
    database.execute("INSERT INTO backup(name) VALUES ('lost')");
  }
  EXPECT_EQ(rows(database), 0);
  {
    Transaction transaction(database);
    database.execute("INSERT INTO backup(name) VALUES ('kept')");
    transaction.commit();
  }
  EXPECT_EQ(rows(database), 1);
}

TEST_F(SqliteTest, IsBusyWhileAnotherWrites) {
  auto one = create();
  auto two = create();
  two.execute("PRAGMA busy_timeout = 0");
  std::optional<Transaction> writing(one);
  EXPECT_THROW(Transaction{two}, Busy);
  writing.reset();
  EXPECT_NO_THROW(Transaction{two});
}

TEST_F(SqliteTest, WithAWriteAheadLogReadersDoNotWaitForTheWriter) {
  auto writer = create();
  writer.use_write_ahead_log();
  Database reader(path_, Database::Mode::read_only);
  reader.execute("PRAGMA busy_timeout = 0");
  Transaction writing(writer);
  writer.execute("INSERT INTO backup(name) VALUES ('a')");
  EXPECT_EQ(rows(reader), 0);
  writing.commit();
  EXPECT_EQ(rows(reader), 1);
}

TEST_F(SqliteTest, TheWriteAheadLogStaysAndIsForItsOwnerOnly) {
  const auto before = ::umask(0);
  {
    auto database = create();
    database.use_write_ahead_log();
    database.execute("INSERT INTO backup(name) VALUES ('a')");
  }
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((path_.string() + "-wal").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(SqliteTest, AFullDatabaseIsOutOfSpaceAndCanGoOnAfter) {
  auto database = create();
  database.execute("PRAGMA max_page_count = 10");
  {
    Transaction transaction(database);
    EXPECT_EQ(cause_of([&] { database.execute("INSERT INTO backup(digest) VALUES (zeroblob(1000000))"); }),
              ENOSPC);
  }  // SQLite may have rolled back by itself; a second rollback does no harm
  database.execute("INSERT INTO backup(name) VALUES ('small')");
  EXPECT_EQ(rows(database), 1);
}

TEST_F(SqliteTest, AFileThatIsNoDatabaseIsCorrupt) {
  write_file_durably(path_, ByteVector(8192, std::byte{'x'}));
  EXPECT_THROW(
      {
        Database database(path_, Database::Mode::read_only);
        database.execute("SELECT * FROM sqlite_schema");
      },
      Corruption);
}

TEST_F(SqliteTest, ADamagedPageIsCorrupt) {
  create().execute("INSERT INTO backup(name) VALUES ('a')");
  File::open_or_create(path_).write_at(ByteVector(4096, std::byte{0xff}), 4096);  // the table's first page
  Database database(path_, Database::Mode::read_only);
  EXPECT_THROW(database.prepare("SELECT * FROM backup").step(), Corruption);
}

TEST_F(SqliteTest, SaysWhichDirectoryIsMissing) {
  EXPECT_EQ(cause_of([&] { Database(directory_ / "none" / "db", Database::Mode::create); }), ENOENT);
}

}  // namespace
}  // namespace pgkeep::io
