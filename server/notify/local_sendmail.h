#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

namespace pgkeep::server {

/// Where every mail server of a Unix host has it.
inline const std::filesystem::path kSendmail = "/usr/sbin/sendmail";

/// Gives a whole message, with its receivers in it, to the local sendmail, which has queued it when this
/// returns. Throws Error when there is none, when it refuses, or when it takes longer than a minute;
/// Interrupted.
void send_by_sendmail(const std::string& message, const std::stop_token& stop,
                      const std::filesystem::path& program = kSendmail);

}  // namespace pgkeep::server
