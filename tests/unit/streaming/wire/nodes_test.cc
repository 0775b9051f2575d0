#include "streaming/wire/nodes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "streaming/wire/conninfo.h"
#include "tests/support/fake_server.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

// ------------------------------------------------------------------------------------- picking one

NodeView primary(std::uint32_t timeline, std::uint64_t lsn, std::string objection = {}) {
  return {false, {TimelineId(timeline), Lsn(lsn)}, std::move(objection)};
}
NodeView standby(std::uint32_t timeline, std::uint64_t lsn, std::string objection = {}) {
  return {true, {TimelineId(timeline), Lsn(lsn)}, std::move(objection)};
}

struct PickRow {
  const char* claim;
  std::vector<NodeView> nodes;
  std::optional<std::size_t> picked;
};

class PickNodeTest : public testing::TestWithParam<PickRow> {};

TEST_P(PickNodeTest, TakesTheOneThatWalIsToComeFrom) {
  EXPECT_EQ(pick_node(GetParam().nodes), GetParam().picked) << GetParam().claim;
}

INSTANTIATE_TEST_SUITE_P(
    Table, PickNodeTest,
    testing::Values(PickRow{"none answers", {}, {}},
                    PickRow{"a primary before a standby that is further", {standby(1, 9), primary(1, 5)}, 1},
                    PickRow{
                        "of two primaries the one on the higher timeline", {primary(1, 9), primary(2, 5)}, 1},
                    PickRow{"without a primary the standby that is furthest",
                            {standby(1, 5), standby(1, 9), standby(1, 7)},
                            1},
                    PickRow{"a standby on a higher timeline is further", {standby(1, 9), standby(2, 5)}, 1},
                    PickRow{"the first of equals", {standby(1, 5), standby(1, 5)}, 0},
                    PickRow{"a standby before a primary of another branch",
                            {primary(2, 9, "another branch"), standby(1, 5)},
                            1},
                    PickRow{"none that is objected to", {primary(1, 9, "another cluster")}, {}}));

// ----------------------------------------------------------------------------------------- hosts

TEST(SplitHostsTest, LeavesOneHostWithItsOtherWords) {
  EXPECT_THAT(split_hosts("host=a user=u target_session_attrs=read-write"),
              ElementsAre("target_session_attrs=any user=u host=a"));
}

TEST(SplitHostsTest, GivesEachHostItsPort) {
  EXPECT_THAT(split_hosts("host=a,b port=1,2 user=u"),
              ElementsAre("target_session_attrs=any user=u host=a port=1",
                          "target_session_attrs=any user=u host=b port=2"));
}

TEST(SplitHostsTest, LetsOnePortServeAll) {
  EXPECT_THAT(split_hosts("host=a,b port=7"), ElementsAre("target_session_attrs=any host=a port=7",
                                                          "target_session_attrs=any host=b port=7"));
}

TEST(SplitHostsTest, TakesAUri) {
  EXPECT_THAT(split_hosts("postgresql://u:se%20cret@a:1,b:2/db?target_session_attrs=primary"),
              ElementsAre(testing::AllOf(HasSubstr("password='se cret'"), HasSubstr("host=a port=1")),
                          testing::AllOf(HasSubstr("password='se cret'"), HasSubstr("host=b port=2"))));
}

TEST(SplitHostsTest, TakesAddressesWithTheirNames) {
  EXPECT_THAT(split_hosts("host=a,b hostaddr=10.0.0.1,10.0.0.2"),
              ElementsAre(HasSubstr("host=a hostaddr=10.0.0.1"), HasSubstr("host=b hostaddr=10.0.0.2")));
}

TEST(SplitHostsTest, LeavesAnEmptyHostToTheDefault) {
  EXPECT_THAT(split_hosts("host=,b user=u"),
              ElementsAre("target_session_attrs=any user=u", "target_session_attrs=any user=u host=b"));
}

TEST(SplitHostsTest, LeavesListsAtOddsToLibpq) {
  EXPECT_THAT(split_hosts("host=a,b port=1,2,3"), ElementsAre("host=a,b port=1,2,3"));
}

// --------------------------------------------------------------------------------------- choosing

/// A server that only says who it is.
class Host {
 public:
  Host(std::uint32_t timeline, bool standby)
      : server_([=](FakeSession& session) {
          session.read_startup();
          session.welcome();
          for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
            if (query == "IDENTIFY_SYSTEM") {
              session.answer({"systemid", "timeline", "xlogpos", "dbname"},
                             {{"77", std::to_string(timeline), "0/5000000", std::nullopt}});
            } else {
              EXPECT_EQ(query, "SHOW in_hot_standby");
              session.answer({"in_hot_standby"}, {{standby ? "on" : "off"}});
            }
          }
        }) {}
  int port() const { return server_.port(); }

 private:
  FakeServer server_;
};

class ChooseNodeTest : public testing::Test {
 protected:
  Node choose(
      const std::string& ports, const Objection& object = [](Node&) { return std::string(); }) {
    const auto hosts = std::ranges::count(ports, ',') == 0 ? "127.0.0.1" : "127.0.0.1,127.0.0.1";
    return choose_node(
        {fmt::format("host={} port={} user=u sslmode=disable gssencmode=disable", hosts, ports)}, object,
        [this](const Node& rival, const Node* chosen, const std::string&) {
          rivals_.push_back(fmt::format("{} beside {}", rival.system.timeline.to_string(),
                                        chosen != nullptr ? chosen->system.timeline.to_string() : "none"));
        },
        {});
  }
  static std::string ports(const Host& a, const Host& b) { return fmt::format("{},{}", a.port(), b.port()); }

  std::vector<std::string> rivals_;
};

TEST_F(ChooseNodeTest, TakesTheOnlyHostWhateverItIs) {
  const Host only(1, true);
  const auto node = choose(std::to_string(only.port()), [](Node&) { return std::string("never asked"); });
  EXPECT_TRUE(node.standby);
  EXPECT_EQ(node.system.timeline, TimelineId(1));
}

TEST_F(ChooseNodeTest, FindsThePrimary) {
  const Host first(1, true);
  const Host second(1, false);
  EXPECT_FALSE(choose(ports(first, second)).standby);
  EXPECT_THAT(rivals_, IsEmpty());
}

TEST_F(ChooseNodeTest, TellsOfAnOldPrimaryBesideTheNewOne) {
  const Host old_one(1, false);
  const Host new_one(2, false);
  EXPECT_EQ(choose(ports(old_one, new_one)).system.timeline, TimelineId(2));
  EXPECT_THAT(rivals_, ElementsAre("1 beside 2"));
}

TEST_F(ChooseNodeTest, PassesOverAHostThatDoesNotAnswer) {
  const Host alive(1, false);
  const auto node = choose(fmt::format("1,{}", alive.port()));
  EXPECT_EQ(node.system.timeline, TimelineId(1));
}

TEST_F(ChooseNodeTest, PassesOverAHostThatGoesAwayWhileItIsAsked) {
  const Host broken(2, false);
  const Host sound(1, false);
  const auto object = [](Node& node) -> std::string {
    if (node.system.timeline == TimelineId(2)) throw ServerError("57P01", "it shuts down");
    return {};
  };
  EXPECT_EQ(choose(ports(broken, sound), object).system.timeline, TimelineId(1));
  EXPECT_THAT(rivals_, IsEmpty()) << "nothing is known of it";
  const auto objects_to_the_other = [&](Node& node) { return object(node) + "another branch"; };
  EXPECT_THAT([&] { choose(ports(broken, sound), objects_to_the_other); },
              ThrowsMessage<ConnectionLost>("another branch; it shuts down"));
}

TEST_F(ChooseNodeTest, SaysOfEveryHostWhyItDoesNotAnswer) {
  EXPECT_THAT([&] { choose("1,2"); }, ThrowsMessage<ConnectionLost>(testing::AllOf(
                                          HasSubstr("127.0.0.1:1"), HasSubstr("127.0.0.1:2"))));
}

TEST_F(ChooseNodeTest, TakesNoHostThatIsObjectedTo) {
  const Host old_one(1, false);
  const Host older(1, true);
  EXPECT_THAT([&] { choose(ports(old_one, older), [](Node&) { return std::string("another branch"); }); },
              ThrowsMessage<Refused>("another branch; another branch"));
  EXPECT_THAT(rivals_, ElementsAre("1 beside none"));
}

TEST_F(ChooseNodeTest, WaitsForAHostThatMayBeTheRightOne) {
  const Host old_one(1, false);
  EXPECT_THROW(
      choose(fmt::format("1,{}", old_one.port()), [](Node&) { return std::string("another branch"); }),
      ConnectionLost);
}

}  // namespace
}  // namespace pgkeep::streaming
