#include "server/http/request_gate.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ParseTargetTest, DecodesTheStepsOfAPath) {
  EXPECT_THAT(parse_target("/")->path, IsEmpty());
  EXPECT_THAT(parse_target("/servers/or%64ers?x=%41")->path, ElementsAre("servers", "orders"));
  EXPECT_EQ(parse_target("/servers/or%64ers?x=%41")->query, "x=%41");
  EXPECT_THAT(parse_target("/a//b/")->path, ElementsAre("a", "", "b", ""));
  EXPECT_THAT(parse_target("/a%2Fb")->path, ElementsAre("a/b"));
}

TEST(ParseTargetTest, RefusesWhatNoBrowserSends) {
  for (const auto* target : {"", "*", "servers", "http://elsewhere/", "/%", "/%4", "/%zz", "/%00",
                             "/a%0d%0ab", "/..", "/a/../b", "/%2e%2E/x", "/.", "/#x", "/a?b\x01"})
    EXPECT_EQ(parse_target(target), std::nullopt) << target;
}

TEST(CarriesTokenTest, TakesItAsBearerAndAsThePasswordOfBasic) {
  const std::string token = "sixteen-or-more-signs";
  EXPECT_TRUE(carries_token("Bearer sixteen-or-more-signs", token));
  EXPECT_TRUE(carries_token("bearer  sixteen-or-more-signs ", token));
  EXPECT_TRUE(carries_token("Basic YW55OnNpeHRlZW4tb3ItbW9yZS1zaWducw==", token));  // any:
  EXPECT_TRUE(carries_token("Basic OnNpeHRlZW4tb3ItbW9yZS1zaWducw==", token));      // no user
}

TEST(CarriesTokenTest, TakesNothingElse) {
  const std::string token = "sixteen-or-more-signs";
  for (const auto* value : {"", "Bearer", "Bearer ", "sixteen-or-more-signs", "Bearer sixteen-or-more-sign",
                            "Bearer sixteen-or-more-signs!", "Basic sixteen-or-more-signs", "Basic ====",
                            "Basic =", "Basic c2l4dGVlbi1vci1tb3JlLXNpZ25z", "Digest sixteen-or-more-signs"})
    EXPECT_FALSE(carries_token(value, token)) << value;
  EXPECT_FALSE(carries_token("Bearer ", ""));
  EXPECT_FALSE(carries_token("Basic Og==", ""));
}

TEST(NamesAnAddressTest, KnowsTheNamesOfOthersFromAddresses) {
  for (const auto* host :
       {"127.0.0.1", "127.0.0.1:8432", "localhost", "LocalHost:1", "[::1]", "[fd00::1]:8432"})
    EXPECT_TRUE(names_an_address(host)) << host;
  for (const auto* host :
       {"", ":8432", "evil.example", "evil.example:8432", "127.0.0.1.evil.example", "localhost.evil", "[::1",
        "[::1]x", "[evil]", "127.0.0.1:port", "127.0.0.1:123456", "1"})
    EXPECT_FALSE(names_an_address(host)) << host;
}

class RequestGateTest : public ::testing::Test {
 protected:
  HttpAnswer ask(const RequestHead& head) const { return gate_.answer(head); }
  static RequestHead get(std::string_view target) {
    return {.method = "GET", .target = target, .host = "127.0.0.1:8432", .authorization = {}};
  }

  std::string said_;
  RequestGate gate_{.token = {},
                    .open_path = "healthz",
                    .handler = [](const HttpRequest& request) -> HttpAnswer {
                      if (request.path.empty()) throw std::runtime_error("the shelf is empty");
                      return text_answer(200, request.path.front());
                    },
                    .failed = [this](std::string_view why) { said_ = why; }};
};

TEST_F(RequestGateTest, PassesOnWhatMayBeRead) {
  EXPECT_EQ(*ask(get("/servers")).body, "servers\n");
}

TEST_F(RequestGateTest, ChangesNothingForAnybody) {
  for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    auto head = get("/servers");
    head.method = method;
    EXPECT_EQ(ask(head).status, 405u) << method;
  }
  auto with_body = get("/servers");
  with_body.has_body = true;
  EXPECT_EQ(ask(with_body).status, 400u);
}

TEST_F(RequestGateTest, AsksForTheTokenButForTheOpenPath) {
  gate_.token = "sixteen-or-more-signs";
  auto head = get("/servers");
  EXPECT_EQ(ask(head).status, 401u);
  EXPECT_EQ(ask(head).headers.at(0).first, "WWW-Authenticate");
  head.authorization = "Bearer sixteen-or-more-signs";
  EXPECT_EQ(ask(head).status, 200u);
  head.host = "backups.example";
  EXPECT_EQ(ask(head).status, 200u);
  EXPECT_EQ(ask(get("/healthz")).status, 200u);
  EXPECT_EQ(ask(get("/healthz/")).status, 401u);
}

TEST_F(RequestGateTest, AnswersToNoNameOfOthersWithoutAToken) {
  auto head = get("/servers");
  head.host = "evil.example";
  EXPECT_EQ(ask(head).status, 421u);
}

TEST_F(RequestGateTest, KeepsWhyAHandlerFailedForTheLog) {
  const auto answer = ask(get("/"));
  EXPECT_EQ(answer.status, 500u);
  EXPECT_THAT(*answer.body, Not(HasSubstr("shelf")));
  EXPECT_EQ(said_, "the shelf is empty");
}

}  // namespace
}  // namespace pgkeep::server
