#include "server/report/mail_report.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/report/quoted_printable.h"
#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::problem;
using test::sample_report;
using test::sound_server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const MailAddresses kAddresses{.to = "dba@example.org", .from = "pgkeep@example.org"};

std::string header_of(const std::string& message) {
  return message.substr(0, message.find("\n\n"));
}

TEST(MailReportTest, CarriesTheVerdictInItsSubject) {
  EXPECT_THAT(header_of(mail_report(sample_report({sound_server("a"), sound_server("b")}), kAddresses)),
              AllOf(StartsWith("From: pgkeep@example.org\nTo: dba@example.org\n"),
                    HasSubstr("\nSubject: pgkeep: all 2 servers can be recovered; nothing needs you\n"),
                    HasSubstr("\nDate: Mon, 30 Nov 2026 06:30:00 +0000\n")));
}

TEST(MailReportTest, LeavesTheSenderToWhoeverSendsIt) {
  EXPECT_THAT(mail_report(sample_report({sound_server("a")}), {.to = "dba@example.org", .from = {}}),
              StartsWith("To: dba@example.org\n"));
}

TEST(MailReportTest, HasTextAndHtmlAndThePage) {
  const auto message = mail_report(sample_report({sound_server("a")}), kAddresses);
  EXPECT_THAT(message,
              AllOf(HasSubstr("multipart/alternative"), HasSubstr("Content-Type: text/plain; charset=utf-8"),
                    HasSubstr("filename=\"pgkeep-2026-11-30.html\"")));
  const auto page = message.find("attachment");
  EXPECT_EQ(message.substr(0, page).find("<svg"), message.npos) << "mail programs drop drawings";
  EXPECT_NE(message.find("<svg", page), message.npos);
}

TEST(MailReportTest, LetsNoMessageEndAPartOrBeginAHeader) {
  auto server = sound_server("a\nBcc: evil@example.org");
  server.problems = {problem(Severity::failed, "x\n--=_pgkeep_report_mixed--\n.\nFrom here on")};
  const auto message = mail_report(sample_report({server}), kAddresses);
  EXPECT_THAT(header_of(message), Not(HasSubstr("\nBcc")));
  EXPECT_EQ(message.find("--=_pgkeep_report_mixed--"), message.rfind("--=_pgkeep_report_mixed--"));
}

TEST(MailReportTest, HasNoLongLineAndNoByteAboveSeven) {
  auto server = sound_server("orders");
  server.problems = {problem(Severity::failed, std::string(3000, 'x') + " \xc3\xa4")};
  std::istringstream in(mail_report(sample_report({server}), kAddresses));
  for (std::string line; std::getline(in, line);) {
    EXPECT_LE(line.size(), 78u) << line;
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        << line;
  }
}

TEST(MailAddressesTest, MustNotBeginAnotherHeader) {
  EXPECT_THAT(why_no_addresses("dba@example.org, \"Ops\" <ops@example.org>"), IsEmpty());
  for (const auto* text : {"", "dba", "dba@example.org\nBcc: x@example.org", "a@b\r", "\xc3\xa4@example.org"})
    EXPECT_THAT(why_no_addresses(text), Not(IsEmpty())) << text;
}

TEST(QuotedPrintableTest, EscapesWhatAMailWouldChange) {
  EXPECT_EQ(quoted_printable("a = b\n\xc3\xa4 \n.\nFrom me\n"), "a =3D b\n=C3=A4=20\n=2E\n=46rom me\n");
}

TEST(QuotedPrintableTest, BreaksLongLinesSoThatTheyCanBeJoined) {
  const auto text = quoted_printable(std::string(100, 'x'));
  EXPECT_EQ(text, std::string(75, 'x') + "=\n" + std::string(25, 'x'));
  EXPECT_EQ(quoted_printable(std::string(76, 'x')), std::string(76, 'x'));
}

}  // namespace
}  // namespace pgkeep::server
