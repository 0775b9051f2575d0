#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// What a message over SMTP needs.
struct SmtpMessage {
  std::string url;  // smtp://host:587, smtps://host
  std::string user;
  std::string password;
  std::string from;             // an address alone
  std::vector<std::string> to;  // at least one
  std::string text;             // its lines end with CR LF
};

/// Gives it to the server, which has taken it when this returns. With smtp:// the connection has to become
/// one of TLS before anything is said, unless the server is on this host. Throws Error: what the server said,
/// or why it could not be asked; Interrupted when a stop is asked for.
void send_by_smtp(const SmtpMessage& message, const std::stop_token& stop);

/// GET, without following anybody elsewhere. Throws Error unless the answer is one of success; Interrupted.
void call_url(const std::string& url, const std::stop_token& stop);

/// POST of a JSON document, with a bearer token unless that is empty, without following anybody elsewhere;
/// what is answered is not read. Throws as above.
void post_json(const std::string& url, const std::string& token, const std::string& document,
               const std::stop_token& stop);

/// "https://hc.example": what may be said of an address; what follows may be a secret.
std::string without_path(std::string_view url);
/// Of an address: "mail.example", "::1".
std::string host_of(std::string_view url);

}  // namespace pgkeep::server
