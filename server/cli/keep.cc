#include "server/cli/keep.h"

#include <fmt/format.h>

#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

namespace {

constexpr std::chrono::milliseconds kLongest = std::chrono::years(100);

}  // namespace

io::TimePoint parse_until(const std::string& text) {
  if (const auto time = io::parse_rfc3339(text)) return *time;
  if (const auto day = io::parse_rfc3339(text + "T00:00:00Z")) return *day;
  const auto duration = io::parse_duration(text);
  if (duration && *duration <= kLongest) return io::now() + *duration;
  throw UsageError(fmt::format(
      "--until: a date (2027-01-31), a time (2027-01-31T12:00:00Z) or a duration (90d, a hundred years at most) is expected, not '{}'",
      text));
}

Exit run_keep(const KeepArguments& arguments, const Invocation& invocation) {
  const auto now = io::now();
  if (arguments.until && *arguments.until <= now)
    throw UsageError(fmt::format("--until: {} is over", io::format_time(*arguments.until)));
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto kept =
      change_marks(server, fleet.layout(server), "keep", arguments.backup, invocation.out,
                   [&](catalog::RetentionMarks& marks) {
                     marks.expired.reset();
                     marks.keep = {now, arguments.until, arguments.reason, arguments.standalone};
                   });
  invocation.out.report(fmt::format(
      "backup {} of {} stays {}{}", kept.id.to_string(), server.name,
      arguments.until ? "until " + io::format_time(*arguments.until)
                      : fmt::format("until `pgkeep release {} {}`", server.name, kept.id.to_string()),
      arguments.standalone ? ", with the WAL that makes it consistent" : ""));
  return Exit::ok;
}

}  // namespace pgkeep::server
