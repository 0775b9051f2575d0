#include "server/notify/send_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/health/report_record.h"
#include "tests/support/unobserved.h"
#include "tests/unit/server/notify/mail_receiver.h"
#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using test::kMorning;
using test::MailReceiver;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using What = ReportTurn::What;

/// kMorning is the time of the report.
class SendReportTest : public testing::Test {
 protected:
  SendReportTest() {
    std::string problem;
    config_.schedule.report = JobTiming::parse("06:30", problem).value();
    config_.mail.to = "dba@example.org";
  }
  void send_to(const MailReceiver& server) { config_.mail.smtp = "smtp://127.0.0.1:" + server.port(); }
  ReportTurn look(io::TimePoint now) {
    const auto make = [&] {
      ++made_;
      while_made_ = read_report_record(repository_);
      return test::sample_report({test::sound_server("main")});
    };
    return send_due_report(config_, repository_, now, make, observer_, {});
  }

  test::TempDirectory folder_;
  store::Repository repository_ = store::Repository::open_or_create(folder_ / "repository");
  Config config_;
  int made_ = 0;
  test::Unobserved observer_;
  std::optional<ReportRecord> while_made_;  // as it was on disk then
};

TEST_F(SendReportTest, SendsItOnceEachMorning) {
  const MailReceiver server("smtp");
  send_to(server);
  EXPECT_EQ(look(kMorning - 2h).what, What::nothing) << "from now on it is called for";
  EXPECT_EQ(look(kMorning - 1min).what, What::nothing);
  EXPECT_EQ(look(kMorning + 1min).what, What::sent);
  EXPECT_EQ(look(kMorning + 2min).what, What::nothing);
  EXPECT_EQ(look(kMorning + 24h).what, What::sent);
  EXPECT_EQ(made_, 2) << "nobody is asked in between";
  EXPECT_THAT(server.came("mail"),
              AllOf(HasSubstr("Subject: pgkeep: main can be recovered"), HasSubstr("multipart/alternative"),
                    HasSubstr("To: dba@example.org")));
}

TEST_F(SendReportTest, SendsAMissedOneAtOnceAndOnlyOnce) {
  const MailReceiver server("smtp");
  send_to(server);
  look(kMorning - 1h);
  EXPECT_EQ(look(kMorning + 75h).what, What::sent);
  EXPECT_EQ(look(kMorning + 75h + 1min).what, What::nothing);
}

TEST_F(SendReportTest, TriesAgainUntilItIsTaken) {
  {
    const MailReceiver server("smtp", "refuse");
    send_to(server);
    look(kMorning - 1h);
    const auto turn = look(kMorning);
    EXPECT_EQ(turn.what, What::failed);
    EXPECT_THAT(turn.text, AllOf(HasSubstr("554"), HasSubstr("tried again at")));
    EXPECT_EQ(look(kMorning + 30s).what, What::nothing) << "a minute is waited";
  }
  const MailReceiver server("smtp");
  send_to(server);
  EXPECT_EQ(look(kMorning + 2min).what, What::sent);
  EXPECT_EQ(read_report_record(repository_)->failures, 0U);
}

TEST_F(SendReportTest, NotesTheTryBeforeItSends) {
  const MailReceiver server("smtp");
  send_to(server);
  look(kMorning - 1h);
  look(kMorning);
  EXPECT_EQ(while_made_->tried, kMorning)
      << "who is killed now waits a minute, and does not send at every look";
  EXPECT_EQ(while_made_->failures, 1U);
  EXPECT_EQ(read_report_record(repository_)->failures, 0U);
}

TEST_F(SendReportTest, GoesOnAfterAClockThatWasAhead) {
  const MailReceiver server("smtp");
  send_to(server);
  look(kMorning + 9000h - 1h);
  EXPECT_EQ(look(kMorning + 9000h).what, What::sent);
  EXPECT_EQ(look(kMorning - 1h).what, What::nothing) << "it was set back: from now on";
  EXPECT_EQ(look(kMorning + 1min).what, What::sent);
}

TEST_F(SendReportTest, CallsTheHeartbeatOnceItWasSentAndNotBefore) {
  const MailReceiver refusing("smtp", "refuse");
  const MailReceiver taking("smtp");
  const MailReceiver heard("http");
  config_.mail.heartbeat = "http://127.0.0.1:" + heard.port() + "/ping/c0ffee";
  send_to(refusing);
  look(kMorning - 1h);
  look(kMorning);
  EXPECT_THAT(heard.came("paths"), IsEmpty());
  send_to(taking);
  EXPECT_THAT(look(kMorning + 2min).text, Not(HasSubstr("c0ffee")));
  EXPECT_EQ(heard.came("paths"), "/ping/c0ffee\n");
}

TEST_F(SendReportTest, HasSentItThoughNobodyHearsTheHeartbeat) {
  const MailReceiver server("smtp");
  const MailReceiver deaf("http", "refuse");
  send_to(server);
  config_.mail.heartbeat = "http://127.0.0.1:" + deaf.port() + "/x";
  look(kMorning - 1h);
  const auto turn = look(kMorning);
  EXPECT_EQ(turn.what, What::sent);
  EXPECT_THAT(turn.text, HasSubstr("the heartbeat was not heard: http://127.0.0.1"));
  EXPECT_EQ(look(kMorning + 1min).what, What::nothing);
}

}  // namespace
}  // namespace pgkeep::server
