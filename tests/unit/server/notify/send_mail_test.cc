#include "server/notify/send_mail.h"

#include <fstream>
#include <stop_token>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "server/notify/curl_call.h"
#include "tests/unit/server/notify/mail_receiver.h"

namespace pgkeep::server {
namespace {

using test::MailReceiver;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

MailConfig mail_to(const std::string& smtp) {
  return {.to = "\"Doe, J.\" <j@example.org>, ops@example.org",
          .from = "pgkeep <pgkeep@backup.example.org>",
          .smtp = smtp,
          .user = "",
          .password_file = "",
          .heartbeat = ""};
}

std::string why_not_sent(const MailConfig& mail) {
  try {
    send_mail(mail, "Subject: x\n\ntext\n", {});
  } catch (const Error& error) {
    return error.what();
  }
  return "it was sent";
}

TEST(AddressesTest, AreTakenOutOfTheirField) {
  EXPECT_THAT(addresses_in("a@b"), ElementsAre("a@b"));
  EXPECT_THAT(addresses_in(" a@b , c@d,"), ElementsAre("a@b", "c@d"));
  EXPECT_THAT(addresses_in("\"Doe, J.\" <j@example.org>, ops@example.org"),
              ElementsAre("j@example.org", "ops@example.org"));
}

TEST(SendMailTest, GivesTheMessageToTheServerAsItIs) {
  const MailReceiver server("smtp");
  send_mail(mail_to("smtp://127.0.0.1:" + server.port()), "Subject: all is well\n\none\n.\ntwo\n", {});
  EXPECT_EQ(server.came("mail"), "Subject: all is well\r\n\r\none\r\n.\r\ntwo\r\n");
  EXPECT_EQ(server.came("envelope"), "pgkeep@backup.example.org\nj@example.org\nops@example.org\n");
}

TEST(SendMailTest, SaysWhatTheServerSaid) {
  const MailReceiver server("smtp", "refuse");
  EXPECT_THAT(why_not_sent(mail_to("smtp://127.0.0.1:" + server.port())),
              AllOf(HasSubstr("smtp://127.0.0.1:" + server.port()), HasSubstr("554"), HasSubstr("`mail`")));
}

TEST(SendMailTest, SaysThatNobodyIsThere) {
  const test::PortLease port;
  EXPECT_THAT(why_not_sent(mail_to("smtp://127.0.0.1:" + std::to_string(port.number()))),
              HasSubstr("connect"));
}

TEST(SendMailTest, TellsAnotherHostNothingWithoutTls) {
  const MailReceiver server("smtp");
  // An address that means this host, and does not look like it.
  EXPECT_THAT(why_not_sent(mail_to("smtp://0.0.0.0:" + server.port())), HasSubstr("STARTTLS"));
  EXPECT_THAT(server.came("mail"), IsEmpty());
}

TEST(SendMailTest, EndsWhenAStopIsAskedForThoughTheServerHangs) {
  const MailReceiver server("smtp", "hang");
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  EXPECT_THROW(send_mail(mail_to("smtp://127.0.0.1:" + server.port()), "Subject: x\n\n", stop.get_token()),
               Interrupted);
}

TEST(SendMailTest, TakesNoPasswordThatOthersMayRead) {
  const test::TempDirectory folder;
  const auto file = folder / "password";
  std::ofstream(file) << "hidden\n";
  ::chmod(file.c_str(), 0644);
  auto mail = mail_to("smtp://127.0.0.1:1");
  mail.user = "pgkeep";
  mail.password_file = file;
  EXPECT_THAT(why_not_sent(mail), AllOf(HasSubstr("chmod 600"), Not(HasSubstr("hidden"))));
}

TEST(CallUrlTest, AsksOnceAndIsContentWithSuccess) {
  const MailReceiver server("http");
  call_url("http://127.0.0.1:" + server.port() + "/ping/c0ffee", {});
  EXPECT_EQ(server.came("paths"), "/ping/c0ffee\n");
}

TEST(CallUrlTest, NeverNamesWhatFollowsTheHost) {
  const MailReceiver server("http", "refuse");
  try {
    call_url("http://user:hidden@127.0.0.1:" + server.port() + "/ping/c0ffee", {});
    FAIL() << "it was refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("answered 503"), HasSubstr("http://127.0.0.1"),
                                    Not(HasSubstr("c0ffee")), Not(HasSubstr("hidden"))));
  }
}

}  // namespace
}  // namespace pgkeep::server
