#include "server/cli/report.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "catalog/io/shown_text.h"
#include "server/fleet/fleet.h"
#include "server/health/control.h"
#include "server/report/gather_report.h"
#include "server/report/html_report.h"
#include "server/report/json_report.h"
#include "server/report/mail_report.h"
#include "server/report/text_report.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kSince = "--since";

std::chrono::milliseconds parse_since(const std::string& text) {
  constexpr std::chrono::days kLongest{3660};
  const auto since = io::parse_duration(text);
  if (!since || *since <= since->zero() || *since > kLongest)
    throw UsageError(fmt::format("{}: '{}' is no time up to {} days; write it as 24h, 7d or 2w", kSince, text,
                                 kLongest.count()));
  return *since;
}

std::string parse_addresses(const std::string& text) {
  if (const auto why = why_no_addresses(text); !why.empty())
    throw UsageError(fmt::format("--to, --from: {} is no address: {}", io::in_quotes(text), why));
  return text;
}

/// Nothing as well where the repository cannot be opened, which each server's findings say: `why` then.
std::optional<store::Repository> repository_of(const Config& config, std::string& why) {
  try {
    return open_repository_if_there(config);
  } catch (const Refused&) {
    throw;
  } catch (const Error& error) {
    why = error.what();
    return std::nullopt;
  }
}

AskedDaemon ask(const std::optional<store::Repository>& repository, const std::string& why_no_repository) {
  if (!repository) return {.report = {}, .why_unknown = why_no_repository};
  try {
    return {.report = ask_daemon(*repository), .why_unknown = {}};
  } catch (const Error& error) {
    return {.report = {}, .why_unknown = fmt::format("it does not answer: {}", error.what())};
  }
}

std::string written(const FleetReport& report, const ReportArguments& arguments) {
  using Format = ReportArguments::Format;
  switch (arguments.format) {
    case Format::html:
      return html_report(report);
    case Format::json:
      return json_report(report).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    case Format::mail:
      return mail_report(report, {arguments.to, arguments.from});
    case Format::text:
      break;
  }
  return text_report(report);
}

/// Before anything is looked at.
void require_meaning(const ReportArguments& arguments) {
  const bool mail = arguments.format == ReportArguments::Format::mail;
  if (mail && arguments.to.empty()) throw UsageError("--format mail needs --to: whom the mail is for");
  if (!mail && !(arguments.to + arguments.from).empty())
    throw UsageError("--to and --from are for --format mail");
}

/// Before anything is looked at. The operator's path may hold links; what is no file stays what it is.
std::filesystem::path place_of(const std::filesystem::path& output) {
  std::error_code none;
  const auto status = std::filesystem::status(output, none);
  if (!std::filesystem::exists(status)) return io::real_place(output);
  if (!std::filesystem::is_regular_file(status))
    throw UsageError(fmt::format("--output: {} is no regular file; without --output the report is printed",
                                 output.native()));
  return io::real_path(output);
}

/// As a shell's `>` would make it, but whole: who serves the folder reads the last report or this one.
void write_to(const std::filesystem::path& file, const std::string& text) {
  const auto mask = ::umask(0);
  ::umask(mask);
  constexpr ::mode_t kReadable = 0644;
  io::write_file_durably(file, io::as_bytes(text), kReadable & ~mask);
}

}  // namespace

void ReportArguments::declare(Syntax& syntax) {
  AnyServers::declare(syntax);
  syntax.option(kSince, "TIME", "tell what happened in that time until now; default 24h", since, parse_since);
  syntax.choice(
      "--format", "FORMAT", "`text` (the default), `html`, `json`, or `mail`: a message for `sendmail -t`",
      format,
      {{"text", Format::text}, {"html", Format::html}, {"json", Format::json}, {"mail", Format::mail}});
  syntax.option("--to", "ADDRESSES", "whom the mail is for", to, parse_addresses);
  syntax.option("--from", "ADDRESS", "whom the mail is from; else `sendmail` says so", from, parse_addresses);
  syntax.option("--output", "FILE", "write it to that file, in the place of what is there", output);
}

Exit run_report(const ReportArguments& arguments, const Invocation& invocation) {
  require_meaning(arguments);
  auto& out = invocation.out;
  const auto place = arguments.output ? place_of(*arguments.output) : std::filesystem::path();
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, false);
  std::string why_no_repository;
  const auto repository = repository_of(config, why_no_repository);
  const auto daemon = ask(repository, why_no_repository);
  if (!daemon.why_unknown.empty()) out.warning(daemon.why_unknown);
  const auto now = io::now();
  const ReportTimes times{now, now - arguments.since};
  const auto report =
      gather_report(config, servers, repository, daemon, times, warnings_to(out), invocation.stop);
  auto text = written(report, arguments);
  if (arguments.output) {
    write_to(place, text);
    out.report(fmt::format("{}; the report is in {}", verdict(report), arguments.output->native()));
  } else {
    text.pop_back();  // its last newline, which fact() writes
    out.fact(text);
  }
  if (out.json()) out.data(json_report(report));
  return Exit::ok;
}

}  // namespace pgkeep::server
