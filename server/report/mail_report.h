#pragma once

#include <string>

#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// Who a mail is for, as a header field has it: "dba@example.org, ops@example.org".
struct MailAddresses {
  std::string to;
  std::string from;  // empty: the program that sends it says so
};

/// Why a text is nothing that may stand in a header field of addresses; empty when it is one. It must not
/// begin another field.
std::string why_no_addresses(const std::string& text);

/// The report as a whole message (RFC 5322, MIME), for `sendmail -t`: lines end as this system's do. The
/// subject carries the verdict. In it are the report as text and the same as HTML of the kind that mail
/// programs show, without drawings; attached, the page with all of them. Seven bits, no line longer than 78
/// characters but for addresses. `addresses` as why_no_addresses() has them. Pure.
std::string mail_report(const FleetReport& report, const MailAddresses& addresses);

/// A message of text alone, the subject after "pgkeep: ". As above.
std::string plain_mail(const std::string& subject, const std::string& text, io::TimePoint now,
                       const MailAddresses& addresses);

}  // namespace pgkeep::server
