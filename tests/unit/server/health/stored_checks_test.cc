#include "server/health/stored_checks.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;

class StoredChecksTest : public test::PushedWalFixture {
 protected:
  Check check(const std::string& name) const {
    auto server = default_server_config();
    server.name = "main";
    std::vector<Check> checks;
    check_stored(server, layout_, std::nullopt, checks);
    const auto found = std::ranges::find(checks, name, &Check::name);
    if (found == checks.end()) throw std::runtime_error(name + " was not looked at");
    return *found;
  }
};

TEST_F(StoredChecksTest, PushedWalMayWaitForTheStreamForAWhile) {
  archived(five_);
  push(five_.next());
  EXPECT_EQ(check("wal_conflicts").result, Check::Result::ok);
}

TEST_F(StoredChecksTest, AdvisesWhereTheStreamDoesNotBringWhatWasPushed) {
  archived(five_);
  push(five_.next());
  std::filesystem::last_write_time(waiting_.list().at(0).copy.path,
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  const auto found = check("wal_conflicts");
  EXPECT_EQ(found.result, Check::Result::advice);
  EXPECT_THAT(found.finding, HasSubstr("1 segment that the stream has not brought"));
  EXPECT_THAT(found.hint, HasSubstr("`pgkeep adopt-wal main`"));
}

TEST_F(StoredChecksTest, FailsWherePushedWalDiffersFromWhatIsStored) {
  archived(five_);
  EXPECT_THROW(push(five_, 1), Refused);
  EXPECT_EQ(check("wal_conflicts").result, Check::Result::failed);
}

TEST_F(StoredChecksTest, DoNotAdviseToDeleteABackupThatMayNotBeOpened) {
  archived(five_);
  const auto folder = layout_.backups() / "20261120T020000Z";
  io::make_directories(folder);
  io::write_file_durably(folder / "backup.json", {});
  const test::Denied record(directory_.path(), folder / "backup.json");
  const auto found = check("backups");
  EXPECT_EQ(found.result, Check::Result::failed);
  EXPECT_THAT(found.finding, HasSubstr("backup 20261120T020000Z is there, but its record cannot be read"));
  EXPECT_THAT(found.hint, testing::Not(HasSubstr("pgkeep delete")));
}

TEST_F(StoredChecksTest, GoOnAfterOneThatCannotBeMade) {
  archived(five_);
  io::write_file_durably(layout_.event_journal(), {});
  const test::Denied journal(directory_.path(), layout_.event_journal());
  EXPECT_THAT(check("branches").finding, HasSubstr("Permission denied"));
  EXPECT_EQ(check("wal_conflicts").result, Check::Result::ok);
}

}  // namespace
}  // namespace pgkeep::server
