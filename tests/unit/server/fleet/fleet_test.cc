#include "server/fleet/fleet.h"

#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/paper.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr uid_t kSomebody = 65534;

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    store::Repository::open_or_create(repository_);
    std::ofstream(config_) << "repository: " << repository_.native()
                           << "\nservers:\n  main:\n    conninfo: host=nowhere\n    active: false\n";
  }
  test::TempDirectory directory_;
  std::filesystem::path repository_ = directory_ / "repository";
  std::filesystem::path config_ = directory_ / "pgkeep.yaml";
};

TEST_F(FleetTest, KeepsRootOutOfTheRepositoryOfAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a folder away";
  ASSERT_EQ(::chown(repository_.c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT([&] { Fleet(config_, Fleet::Access::open); },
              ThrowsMessage<Refused>(HasSubstr("the repository belongs to")));
  EXPECT_THROW(open_repository_if_there(load_config(config_)), Refused);
  EXPECT_NO_THROW(Fleet(config_, Fleet::Access::recover));
}

TEST_F(FleetTest, OpensForNoServerInService) {
  EXPECT_NO_THROW(Fleet(config_, Fleet::Access::create));
}

/// Servers `a` and `b` in service, `c` out of it.
class ServerChoiceTest : public testing::Test {
 protected:
  ServerChoiceTest() {
    for (const auto* name : {"a", "b", "c"}) {
      auto& server = config_.servers.emplace_back();
      server.name = name;
      server.active = server.name != "c";
    }
  }
  std::string chosen(const std::vector<std::string>& names, bool active_only) const {
    std::string text;
    for (const auto* server : choose_servers(config_, names, active_only)) text += server->name;
    return text;
  }
  /// Works on all of them, of which `failing` fail.
  Exit work(const std::string& failing) {
    return for_each_server(choose_servers(config_, {}, false), out_, [&](const ServerConfig& server) {
      worked_on_ += server.name;
      if (failing.find(server.name) != failing.npos) throw Error("no");
      return Exit::ok;
    });
  }
  Config config_;
  test::Paper talk_;
  Output out_{Output::Format::text, Output::Talk::normal, talk_.file(), talk_.file()};
  std::string worked_on_;
};

TEST_F(ServerChoiceTest, TakesThoseThatAreNamedInTheirOrderAndOnce) {
  EXPECT_EQ(chosen({"b", "a", "b"}, true), "ba");
  EXPECT_EQ(chosen({"c"}, false), "c");
  EXPECT_THROW(chosen({"c"}, true), UsageError);
  EXPECT_THROW(chosen({"a", "d"}, false), NotFound);
}

TEST_F(ServerChoiceTest, TakesAllThatAreInServiceWhereTheLiveServerIsNeeded) {
  for (const auto& all : {std::vector<std::string>{}, {"all"}}) {
    EXPECT_EQ(chosen(all, true), "ab");
    EXPECT_EQ(chosen(all, false), "abc");
  }
  EXPECT_THROW(chosen({"all", "a"}, false), UsageError);
}

TEST_F(ServerChoiceTest, FindsNoServerInAnEmptyFleet) {
  config_.servers.erase(config_.servers.begin(), config_.servers.begin() + 2);
  EXPECT_THAT([&] { chosen({}, true); }, ThrowsMessage<NotFound>(HasSubstr("there is no active server")));
  EXPECT_EQ(chosen({}, false), "c");
}

TEST_F(ServerChoiceTest, GoesOnWithTheOthersWhenOneFails) {
  EXPECT_EQ(work("a"), Exit::partly);
  EXPECT_EQ(worked_on_, "abc");
  EXPECT_THAT(talk_.text(), AllOf(HasSubstr("error: a: no\n"), HasSubstr("1 of 3 servers failed: a")));
}

TEST_F(ServerChoiceTest, EndsAsFailedOnlyWhenAllFail) {
  EXPECT_EQ(work(""), Exit::ok);
  EXPECT_EQ(work("ab"), Exit::partly);
  EXPECT_EQ(work("abc"), Exit::failed);
}

TEST_F(ServerChoiceTest, OneServerAloneFailsWithItsOwnError) {
  config_.servers.resize(1);
  EXPECT_THAT([&] { work("a"); }, ThrowsMessage<Error>(HasSubstr("no")));
}

TEST_F(ServerChoiceTest, AStopEndsTheWorkOnAll) {
  EXPECT_THROW(for_each_server(choose_servers(config_, {}, false), out_,
                               [&](const ServerConfig& server) -> Exit {
                                 worked_on_ += server.name;
                                 throw Interrupted("stopped");
                               }),
               Interrupted);
  EXPECT_EQ(worked_on_, "a");
}

}  // namespace
}  // namespace pgkeep::server
