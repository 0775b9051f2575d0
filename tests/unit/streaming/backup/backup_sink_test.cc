#include "streaming/backup/backup_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/store/repository.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Unobserved final : public io::ProgressObserver {
  void progress(const io::Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view) override {}
};

class BackupSinkTest : public testing::Test {
 protected:
  /// What a server sends of one directory: the data directory, or that of a tablespace.
  void receive(std::uint32_t tablespace, const std::string& entry) {
    const store::BackupId id = *store::BackupId::parse("20261120T020000Z");
    store::BackupWriter writer(repository_, repository_.server("main"), id, nullptr, {});
    BackupSink sink(writer, observer_, 0, {});
    sink.archive_begins({.oid = tablespace, .location = "/srv/fast", .size_bytes = {}});
    sink.archive_data(io::as_bytes(entry + std::string(1024, '\0')));
    sink.archive_ends();
  }

  test::TempDirectory folder_;
  store::Repository repository_ = [this] {
    auto repository = store::Repository::open_or_create(folder_ / "repository");
    repository.server("main").make();
    return repository;
  }();
  Unobserved observer_;
};

TEST_F(BackupSinkTest, TakesWhatPostgresHasInATablespace) {
  EXPECT_NO_THROW(receive(16385, test::tar_directory("./")));
  EXPECT_NO_THROW(receive(16385, test::tar_directory("PG_18_202506291")));
  EXPECT_NO_THROW(receive(16385, test::tar_file("PG_18_202506291/5/16386", "row")));
  EXPECT_NO_THROW(receive(0, test::tar_directory("pg_tblspc/16390")));
  EXPECT_NO_THROW(receive(0, test::tar_file("pg_tblspc/16390/PG_18_202506291/5/16386", "row")));
  EXPECT_NO_THROW(receive(0, test::tar_file("pg_tblspc/README", "ours")));
}

TEST_F(BackupSinkTest, RefusesFilesBesideThatInATablespace) {
  const auto refused = ThrowsMessage<ProtocolError>(HasSubstr("nothing outside of the directory PG_"));
  EXPECT_THAT([&] { receive(16385, test::tar_file("cron.d/job", "x")); }, refused);
  EXPECT_THAT([&] { receive(16385, test::tar_file("PG_VERSION", "x")); }, refused);
  EXPECT_THAT([&] { receive(16385, test::tar_directory("other")); }, refused);
  EXPECT_THAT([&] { receive(0, test::tar_file("pg_tblspc/16385/cron.d/job", "x")); }, refused);
  EXPECT_THAT([&] { receive(0, test::tar_file("pg_tblspc/16385", "x")); }, refused);
}

TEST_F(BackupSinkTest, EndsWhenALookAtTheDiskWhileItCopiesSaysSo) {
  store::BackupWriter writer(repository_, repository_.server("main"),
                             *store::BackupId::parse("20261120T020000Z"), nullptr, {});
  BackupSink sink(writer, observer_, 0, {});
  int looks = 0;
  sink.while_copying([&] {
    if (++looks == 2) throw Refused("less is free than the reserve");
  });
  sink.archive_begins({.oid = 0, .location = "", .size_bytes = {}});
  const auto file = test::tar_file("base/1/2", std::string(20 << 20, 'x'));
  const auto copy = [&] {
    for (std::size_t at = 0; at < file.size(); at += 1 << 20)
      sink.archive_data(io::as_bytes(std::string_view(file).substr(at, 1 << 20)));
  };
  EXPECT_THROW(copy(), Refused);
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace pgkeep::streaming
