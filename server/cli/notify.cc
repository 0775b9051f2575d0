#include "server/cli/notify.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/fleet/fleet.h"
#include "server/health/notification_record.h"
#include "server/notify/send_notifications.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

std::vector<std::string> choose(const Config& config, const std::vector<std::string>& wanted) {
  const auto known = receivers_of(config.notify);
  for (const auto& name : wanted)
    if (std::ranges::find(known, name) == known.end())
      throw NotFound(fmt::format(
          "`notify` of {} names no {}; {}", config.file.native(), name,
          known.empty() ? "it names nobody" : fmt::format("there is {}", fmt::join(known, ", "))));
  return wanted.empty() ? known : wanted;
}

NotificationRecord record_of(const Config& config) {
  const auto repository = open_repository_if_there(config);
  return repository ? read_notification_record(*repository) : NotificationRecord();
}

void list(const std::vector<std::string>& receivers, const NotificationRecord& record, Output& out) {
  TablePrinter table({{"RECEIVER"}, {"KNOWS OF"}, {"LAST FAILURE"}});
  auto data = Json::array();
  for (const auto& name : receivers) {
    const auto found = record.find(name);
    const auto& known = found == record.end() ? NotifiedReceiver() : found->second;
    std::size_t told = 0;
    for (const auto& [server, findings] : known.told) told += findings.size();
    table.add({name, counted(told, "problem"),
               known.tried
                   ? Toned(fmt::format("{}: {}", io::format_time(*known.tried), known.error), Tone::bad)
                   : ""});
    data.push_back({{"receiver", name},
                    {"told", told},
                    {"failures", known.failures},
                    {"tried", known.tried ? Json(*known.tried) : Json()},
                    {"error", text_or_null(known.error)}});
  }
  if (receivers.empty())
    out.fact("nobody is told of findings; docs/configuration.md tells of `notify`");
  else
    table.print(out);
  out.data(std::move(data));
}

}  // namespace

void NotifyArguments::declare(Syntax& syntax) {
  syntax.any_number("RECEIVER", "`mail` or `webhook`; without any, all that are named", receivers);
  syntax.flag("--test", "send a message that says it is a test", test);
}

Exit run_notify(const NotifyArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto config = load_config(invocation.config_file);
  const auto receivers = choose(config, arguments.receivers);
  if (!arguments.test) {
    list(receivers, record_of(config), out);
    return Exit::ok;
  }
  if (receivers.empty())
    throw UsageError("nobody is named to be told; set `notify.mail` or `notify.webhook_file`");
  std::vector<std::string> failed;
  for (const auto& name : receivers) {
    try {
      send_test_notification(config, name, invocation.stop);
      out.report(fmt::format("{}: the test was taken", name));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      failed.push_back(name);
      out.failure(fmt::format("{}: {}", name, error.what()));
    }
  }
  out.data({{"sent_to", receivers}, {"failed", failed}});
  if (failed.empty()) return Exit::ok;
  const auto exit = failed.size() == receivers.size() ? Exit::failed : Exit::partly;
  out.error(fmt::format("not taken by {}", fmt::join(failed, ", ")), exit);
  return exit;
}

}  // namespace pgkeep::server
