#include "server/report/mail_report.h"

#include <algorithm>
#include <functional>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "server/report/html_mail.h"
#include "server/report/html_report.h"
#include "server/report/quoted_printable.h"
#include "server/report/text_report.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

// No line of quoted-printable has "=_" in it, so that no text ends a part.
constexpr std::string_view kMixed = "=_pgkeep_report_mixed";
constexpr std::string_view kAlternative = "=_pgkeep_report_alternative";

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

std::string printable(std::string text) {
  std::ranges::replace_if(text, std::not_fn(is_printable), '?');
  return text;
}

std::string part(std::string_view boundary, std::string_view type, const std::string& more,
                 std::string_view content) {
  return fmt::format(
      "--{}\nContent-Type: {}; charset=utf-8\n{}Content-Transfer-Encoding: quoted-printable\n\n{}\n",
      boundary, type, more, quoted_printable(content));
}

/// Without what kind of content follows.
std::string header(const std::string& subject, io::TimePoint now, const MailAddresses& addresses) {
  std::string text;
  if (!addresses.from.empty()) text += fmt::format("From: {}\n", addresses.from);
  text += fmt::format("To: {}\n", addresses.to);
  // A long one goes on in the next line, after a space.
  text += wrapped("Subject: ", 1, "pgkeep: " + printable(subject), kReportWidth);
  text +=
      fmt::format("Date: {:%a, %d %b %Y %H:%M:%S} +0000\n", std::chrono::floor<std::chrono::seconds>(now));
  return text + "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n";
}

}  // namespace

std::string why_no_addresses(const std::string& text) {
  if (text.find('@') == text.npos) return "an address has an @ in it";
  if (!std::ranges::all_of(text, is_printable)) return "an address has printable ASCII characters only";
  constexpr std::size_t kLongest = 900;  // of a line of a mail, 998
  return text.size() > kLongest ? fmt::format("at most {} characters of addresses are taken", kLongest) : "";
}

std::string mail_report(const FleetReport& report, const MailAddresses& addresses) {
  auto message = header(verdict(report), report.now, addresses);
  message += fmt::format("Content-Type: multipart/mixed; boundary=\"{}\"\n\n", kMixed);
  message +=
      fmt::format("--{}\nContent-Type: multipart/alternative; boundary=\"{}\"\n\n", kMixed, kAlternative);
  message += part(kAlternative, "text/plain", "", text_report(report));
  message += part(kAlternative, "text/html", "", html_mail(report));
  message += fmt::format("--{}--\n", kAlternative);
  const auto name = fmt::format("pgkeep-{:%Y-%m-%d}.html", std::chrono::floor<std::chrono::days>(report.now));
  message +=
      part(kMixed, "text/html", fmt::format("Content-Disposition: attachment; filename=\"{}\"\n", name),
           html_report(report));
  return message + fmt::format("--{}--\n", kMixed);
}

std::string plain_mail(const std::string& subject, const std::string& text, io::TimePoint now,
                       const MailAddresses& addresses) {
  return fmt::format(
      "{}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n{}\n",
      header(subject, now, addresses), quoted_printable(text));
}

}  // namespace pgkeep::server
