#include "server/notify/send_mail.h"

#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "server/config/secret_file.h"
#include "server/notify/curl_call.h"
#include "server/notify/local_sendmail.h"

namespace pgkeep::server {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// `"J" <j@example.org>` or the address alone.
std::string address_in(std::string_view one) {
  const auto open = one.rfind('<');
  if (open == one.npos) return std::string(trimmed(one));
  return std::string(trimmed(one.substr(open + 1, one.find('>', open) - open - 1)));
}

SmtpMessage smtp_message(const MailConfig& mail, const std::string& message) {
  SmtpMessage smtp;
  smtp.url = mail.smtp;
  smtp.user = mail.user;
  if (!mail.password_file.empty()) smtp.password = read_secret_line(mail.password_file, "mail.password_file");
  smtp.from = address_in(sender_of(mail));
  smtp.to = addresses_in(mail.to);
  smtp.text = with_crlf(message);
  return smtp;
}

}  // namespace

std::vector<std::string> addresses_in(std::string_view field) {
  std::vector<std::string> addresses;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= field.size(); ++at) {
    if (at < field.size() && field[at] == '"') quoted = !quoted;
    if (at < field.size() && (field[at] != ',' || quoted)) continue;
    if (auto address = address_in(field.substr(begin, at - begin)); !address.empty())
      addresses.push_back(std::move(address));
    begin = at + 1;
  }
  return addresses;
}

std::string with_crlf(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32);
  for (const char character : text) {
    if (character == '\n') lines += '\r';
    lines += character;
  }
  return lines;
}

std::string sender_of(const MailConfig& mail) {
  if (!mail.from.empty()) return mail.from;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "pgkeep@localhost";
  return fmt::format("pgkeep@{}", host.data());
}

void send_mail(const MailConfig& mail, const std::string& message, const std::stop_token& stop) {
  if (mail.to.empty())
    throw UsageError("nobody is named to send a mail to; set `mail.to` in the configuration");
  if (mail.smtp.empty()) return send_by_sendmail(message, stop);
  try {
    send_by_smtp(smtp_message(mail, message), stop);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("the mail was not taken: {}; see `mail` in the configuration", error.what()));
  }
}

}  // namespace pgkeep::server
