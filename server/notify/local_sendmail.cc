#include "server/notify/local_sendmail.h"

#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/program.h"
#include "catalog/io/shown_text.h"

namespace pgkeep::server {

void send_by_sendmail(const std::string& message, const std::stop_token& stop,
                      const std::filesystem::path& program) {
  if (::access(program.c_str(), X_OK) != 0)
    throw Error(fmt::format(
        "there is no {} on this host; install a mail server (postfix, msmtp-mta, …), or name one as "
        "`mail.smtp` in the configuration",
        program.native()));
  // -t: to those that the message names; -i: a line with a dot alone does not end it.
  const io::Program sendmail{.file = program,
                             .arguments = {"-t", "-i"},
                             .input = message,
                             .time_limit = std::chrono::minutes(1),
                             .kept_bytes = 2000};
  const auto end = io::run_program(sendmail, stop);
  if (end.succeeded()) return;
  auto said = io::without_controls(end.said);
  while (said.ends_with('\n')) said.pop_back();
  throw Error(fmt::format("{} {}; the mail {} queued{}{}", program.native(), end.describe(sendmail),
                          end.in_time ? "was not" : "may not have been", said.empty() ? "" : ": ", said));
}

}  // namespace pgkeep::server
