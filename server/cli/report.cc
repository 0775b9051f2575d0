#include "server/cli/report.h"

#include <fmt/format.h>

#include "catalog/io/shown_text.h"
#include "server/cli/published_file.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/notify/send_report.h"
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
  if (arguments.mail && (arguments.output || arguments.format != ReportArguments::Format::text))
    throw UsageError(
        "--mail sends text, HTML and the page in one message; --format and --output are for those who print it");
  if (!mail && !(arguments.to + arguments.from).empty())
    throw UsageError("--to and --from are for --format mail");
}

}  // namespace

void ReportArguments::declare(Syntax& syntax) {
  AnyServers::declare(syntax);
  syntax.option(kSince, "TIME", "tell what happened in that time until now; default 24h", since, parse_since);
  syntax.choice(
      "--format", "text|html|json|mail",
      "what it is; text unless told; a mail is a message for `sendmail -t`", format,
      {{"text", Format::text}, {"html", Format::html}, {"json", Format::json}, {"mail", Format::mail}});
  syntax.option("--to", "ADDRESSES", "whom the mail is for", to, parse_addresses);
  syntax.option("--from", "ADDRESS", "whom the mail is from; else `sendmail` says so", from, parse_addresses);
  syntax.flag("--mail", "send it to `mail.to` of the configuration, instead of printing it", mail);
  syntax.option("--output", "FILE", "write it to that file, in the place of what is there", output);
  HookArguments::declare(syntax);
}

Exit run_report(const ReportArguments& arguments, const Invocation& invocation) {
  require_meaning(arguments);
  auto& out = invocation.out;
  const auto place = arguments.output ? place_to_publish(*arguments.output) : std::filesystem::path();
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, false);
  FleetReport report;
  const auto make = [&] {
    report = report_now(config, servers, arguments.since, warnings_to(out), invocation.stop);
    return report;
  };
  if (arguments.mail) {
    OutputTalk talk(out);
    mail_report_to(config, make, arguments.with_hooks(), talk, invocation.stop);
    out.report(fmt::format("{}; the report was sent to {}", verdict(report), config.mail.to));
    out.data(json_report(report));
    return Exit::ok;
  }
  make();
  auto text = written(report, arguments);
  if (arguments.output) {
    publish(place, text);
    out.report(fmt::format("{}; the report is in {}", verdict(report), arguments.output->native()));
  } else {
    text.pop_back();  // its last newline, which fact() writes
    out.fact(text);
  }
  if (out.json()) out.data(json_report(report));
  return Exit::ok;
}

}  // namespace pgkeep::server
