#include "server/notify/send_notifications.h"

#include <fstream>
#include <optional>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "server/health/notification_record.h"
#include "tests/support/temp_directory.h"
#include "tests/support/webhook_receiver.h"
#include "tests/unit/server/notify/mail_receiver.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using test::MailReceiver;
using test::WebhookReceiver;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SendNotificationsTest : public testing::Test {
 protected:
  void secret(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name) << content << "\n";
    ::chmod((folder_ / name).c_str(), 0600);
  }
  void send_to(const WebhookReceiver& receiver) {
    secret("url", "http://127.0.0.1:" + receiver.port() + "/services/T0/B0/topsecret");
    config_.notify.webhook_file = folder_ / "url";
  }
  static FleetFindings ill() {
    FleetFindings fleet;
    fleet.servers["main"] = {
        true,
        {{"receiver",
          {.key = "receiver", .severity = Severity::failed, .what = "nobody", .server = "main"}}}};
    return fleet;
  }
  static FleetFindings well() {
    FleetFindings fleet;
    fleet.servers["main"].answered = true;
    return fleet;
  }
  NotificationTurn look(const FleetFindings& now) {
    return send_notifications(config_, repository_, now, time_, {});
  }

  test::TempDirectory folder_;
  store::Repository repository_ = store::Repository::open_or_create(folder_ / "repository");
  Config config_;
  io::TimePoint time_ = io::now();
};

TEST_F(SendNotificationsTest, AWebhookIsToldOnceWhatChanged) {
  const WebhookReceiver receiver;
  send_to(receiver);
  EXPECT_THAT(look(well()).sent, IsEmpty());
  EXPECT_THAT(look(ill()).sent, ElementsAre("webhook: main: WAL receiver: nobody"));
  EXPECT_THAT(look(ill()).sent, IsEmpty());
  EXPECT_THAT(look(well()).sent, ElementsAre("webhook: main: WAL receiver is well again"));
  const auto requests = receiver.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0], AllOf(HasSubstr("POST /services/T0/B0/topsecret HTTP/1.1"),
                                 HasSubstr("Content-Type: application/json"), HasSubstr("\"appeared\"")));
  EXPECT_THAT(requests[1], HasSubstr("\"gone\""));
}

TEST_F(SendNotificationsTest, OneThatWasAwayIsToldLaterAndKeepsNoOtherWaiting) {
  const MailReceiver mail("smtp");
  config_.mail.smtp = "smtp://127.0.0.1:" + mail.port();
  config_.notify.mail = "oncall@example.org";
  std::optional<WebhookReceiver> webhook(std::in_place);
  send_to(*webhook);
  webhook->answer("503 Busy");
  const auto turn = look(ill());
  EXPECT_THAT(turn.sent, ElementsAre(HasSubstr("mail: ")));
  ASSERT_THAT(turn.failed, ElementsAre(HasSubstr("it answered 503")));
  EXPECT_THAT(turn.failed.front(), Not(HasSubstr("topsecret")));
  EXPECT_THAT(read_notification_record(repository_).at("webhook").error, Not(HasSubstr("topsecret")));
  EXPECT_THAT(mail.came("mail"), AllOf(HasSubstr("Subject: pgkeep: main: WAL receiver: nobody"),
                                       HasSubstr("To: oncall@example.org"), HasSubstr("FAILED")));

  webhook->answer("200 OK");
  EXPECT_THAT(look(ill()).sent, IsEmpty()) << "after a pause";
  time_ += 1min;
  EXPECT_THAT(look(ill()).sent, ElementsAre(HasSubstr("webhook: ")));
  EXPECT_EQ(read_notification_record(repository_).at("webhook").failures, 0u);
}

TEST_F(SendNotificationsTest, OneThatWasAwayWhileAFindingCameAndWentHasMissedNothing) {
  const WebhookReceiver receiver;
  send_to(receiver);
  receiver.answer("503 Busy");
  EXPECT_THAT(look(ill()).failed, SizeIs(1));
  EXPECT_EQ(read_notification_record(repository_).at("webhook").failures, 1u);
  look(well());
  EXPECT_EQ(read_notification_record(repository_).at("webhook").failures, 0u)
      << "check warns until there is nothing left to tell";
}

TEST_F(SendNotificationsTest, TellsOfOneThatIsAwayToTheOthersAlone) {
  const MailReceiver mail("smtp");
  config_.mail.smtp = "smtp://127.0.0.1:" + mail.port();
  config_.notify.mail = "oncall@example.org";
  const WebhookReceiver webhook;
  send_to(webhook);
  webhook.answer("503 Busy");
  look(ill());
  auto now = ill();
  now.servers[""] = {
      true,
      {{"notifications", {.key = "notifications", .severity = Severity::warning, .what = "not taken"}}}};
  EXPECT_THAT(look(now).sent, ElementsAre("mail: the repository: notifications: not taken"));
  webhook.answer("200 OK");
  time_ += 1min;
  EXPECT_THAT(look(now).sent, ElementsAre("webhook: main: WAL receiver: nobody"));
  EXPECT_THAT(look(now).sent, ElementsAre("mail: the repository: notifications is well again"))
      << "at once, though the look is older than what was sent";
  now.servers[""].findings.clear();
  EXPECT_THAT(look(now).sent, IsEmpty());
}

TEST_F(SendNotificationsTest, SaysAFailureOnce) {
  const WebhookReceiver receiver;
  send_to(receiver);
  receiver.answer("500 Error");
  EXPECT_THAT(look(ill()).failed, SizeIs(1));
  time_ += 1h;
  EXPECT_THAT(look(ill()).failed, IsEmpty());
  EXPECT_EQ(read_notification_record(repository_).at("webhook").failures, 2u);
}

TEST_F(SendNotificationsTest, SendsATokenAndFollowsNobodyElsewhere) {
  const WebhookReceiver receiver;
  send_to(receiver);
  secret("token", "open sesame");
  config_.notify.token_file = folder_ / "token";
  receiver.answer("302 Found\r\nLocation: http://127.0.0.1:1/");
  EXPECT_THAT(look(ill()).failed, ElementsAre(HasSubstr("it answered 302")));
  EXPECT_THAT(receiver.requests().at(0), HasSubstr("Authorization: Bearer open sesame\r\n"));
}

TEST_F(SendNotificationsTest, SpeaksSlack) {
  const WebhookReceiver receiver;
  send_to(receiver);
  config_.notify.webhook_format = WebhookFormat::slack;
  send_test_notification(config_, "webhook", {});
  EXPECT_THAT(receiver.requests().at(0), AllOf(HasSubstr("\"text\""), HasSubstr("this is a test")));
}

TEST_F(SendNotificationsTest, AnAddressThatOthersMayReadIsNotUsed) {
  const WebhookReceiver receiver;
  send_to(receiver);
  ::chmod(config_.notify.webhook_file.c_str(), 0644);
  EXPECT_THAT(look(ill()).failed, ElementsAre(HasSubstr("chmod 600")));
  EXPECT_THAT(receiver.requests(), IsEmpty());
}

TEST_F(SendNotificationsTest, WhatIsNoAddressIsCalledNowhereAndShownToNobody) {
  for (const std::string text :
       {"topsecret", "127.0.0.1/topsecret", "https:/host/topsecret", "ftp://host/topsecret"}) {
    secret("url", text);
    config_.notify.webhook_file = folder_ / "url";
    try {
      send_test_notification(config_, "webhook", {});
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("/url: an address that begins with https://"),
                                      Not(HasSubstr("topsecret"))));
    }
  }
}

TEST_F(SendNotificationsTest, WhoIsNamedNoMoreIsForgotten) {
  const WebhookReceiver receiver;
  send_to(receiver);
  look(ill());
  const auto file = std::exchange(config_.notify.webhook_file, "");
  look(ill());
  EXPECT_THAT(read_notification_record(repository_), IsEmpty());
  config_.notify.webhook_file = file;
  EXPECT_THAT(look(ill()).sent, SizeIs(1)) << "who is named again is told everything";
}

}  // namespace
}  // namespace pgkeep::server
