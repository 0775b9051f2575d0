#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace pgkeep::server {

/// The addresses alone of a field that has some: of `"Doe, J." <j@example.org>, ops@example.org`,
/// j@example.org and ops@example.org.
std::vector<std::string> addresses_in(std::string_view field);

/// Each line with CR LF at its end, as it travels.
std::string with_crlf(std::string_view text);

/// Who a mail is from: as the configuration has it, else pgkeep@ this host.
std::string sender_of(const MailConfig& mail);

/// Sends a whole message whose lines end as this system's do, to all of `mail.to`: over SMTP where
/// `mail.smtp` is set, else by the local sendmail, which queues it. When it returns, the next one has taken
/// it. Throws Error with what was said and what to look at; Interrupted.
void send_mail(const MailConfig& mail, const std::string& message, const std::stop_token& stop);

}  // namespace pgkeep::server
