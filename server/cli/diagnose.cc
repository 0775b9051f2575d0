#include "server/cli/diagnose.h"

#include <fstream>
#include <functional>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/utsname.h>

#include "catalog/records/event_journal.h"
#include "catalog/records/newest_runs.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/json.h"
#include "server/cli/published_file.h"
#include "server/cli/shown_settings.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/run_facts.h"
#include "server/health/checked_servers.h"
#include "server/health/control_protocol.h"
#include "server/health/finding_json.h"
#include "server/health/server_status.h"
#include "server/notify/curl_call.h"
#include "server/terminal/version.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kRuns = 50;
constexpr std::size_t kEvents = 200;
constexpr std::size_t kAtOnce = 64;
constexpr std::chrono::seconds kServersMayTake{30};

/// What `tell` makes, or {"cannot_be_told": why}.
Json if_told(const std::function<Json()>& tell) {
  try {
    return tell();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    return {{"cannot_be_told", error.what()}};
  }
}

/// PRETTY_NAME of os-release(5).
std::string name_of_system() {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kKey)) continue;
    std::erase(line, '"');
    return line.substr(kKey.size());
  }
  return {};
}

Json host_json() {
  ::utsname host{};
  ::uname(&host);
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  return {{"system", text_or_null(name_of_system())},
          {"kernel", fmt::format("{} {} {}", host.sysname, host.release, host.machine)},
          {"processors", std::thread::hardware_concurrency()},
          {"memory_bytes", pages * ::sysconf(_SC_PAGESIZE)},
          {"user_id", ::geteuid()}};
}

/// Of what may be a secret, that it is set, and of an address the host.
Json config_json(const Config& config) {
  const auto& mail = config.mail;
  const auto& notify = config.notify;
  const auto& http = config.http;
  return {
      {"file", config.file.native()},
      {"include", config.includes},
      {"repository", config.repository.native()},
      {"limits",
       {{"backups", config.limits.backups},
        {"per_host", config.limits.per_host},
        {"verify", config.limits.verifications}}},
      {"http",
       {{"listen", http.listen ? Json(http.listen->text()) : Json()},
        {"token_file", text_or_null(http.token_file)},
        {"certificate", text_or_null(http.certificate)}}},
      {"mail",
       {{"to", text_or_null(mail.to)},
        {"from", text_or_null(mail.from)},
        {"smtp", text_or_null(mail.smtp)},
        {"user", text_or_null(mail.user)},
        {"password_file", text_or_null(mail.password_file)},
        {"heartbeat", text_or_null(mail.heartbeat.empty() ? "" : without_path(mail.heartbeat))}}},
      {"notify",
       {{"mail", text_or_null(notify.mail)},
        {"webhook_file", text_or_null(notify.webhook_file)},
        {"interval_seconds", std::chrono::duration<double>(notify.interval).count()}}},
      {"schedule", {{"report", config.schedule.report.text()}, {"timezone", config.schedule.zone.name()}}}};
}

Json runs_json(const store::ServerLayout& layout) {
  return json_list(catalog::newest_runs(layout, kRuns), [](const catalog::RunRecord& run) {
    auto json = run_json(run);
    json["messages"] = json_list(run.messages, [](const catalog::RunMessage& message) {
      return Json{{"at", message.at}, {"warning", message.warning}, {"text", message.text}};
    });
    return json;
  });
}

Json events_json(const store::ServerLayout& layout) {
  auto events = catalog::EventJournal(layout).read();
  if (events.size() > kEvents) events.erase(events.begin(), events.end() - kEvents);
  return json_list(events, [](const catalog::Event& event) {
    return Json{{"at", event.at}, {"kind", to_string(event.kind)}, {"cause", event.cause}};
  });
}

Json stored_json(const ServerConfig& server, const store::Repository& repository,
                 const std::optional<DaemonReport>& daemon) {
  const auto layout = repository.server(server.name);
  if (!is_known(layout)) return nullptr;
  Json json;
  json["status"] = if_told([&] {
    const Warn told_by_check = [](const std::string& /*warning*/) {};
    return status_json(read_stored_status(server, repository, daemon, told_by_check), io::now());
  });
  json["backups"] = if_told([&] {
    const auto listing = store::list_backup_records(layout);
    auto backups = json_list(listing.backups, backup_json);
    for (const auto& unread : listing.unread) backups.push_back({{"cannot_be_told", describe(unread)}});
    return backups;
  });
  json["runs"] = if_told([&] { return runs_json(layout); });
  json["events"] = if_told([&] { return events_json(layout); });
  return json;
}

}  // namespace

void DiagnoseArguments::declare(Syntax& syntax) {
  AnyServers::declare(syntax);
  syntax.option("--output", "FILE", "write it to that file, in the place of what is there", output);
}

Exit run_diagnose(const DiagnoseArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto place = arguments.output ? place_to_publish(*arguments.output) : std::filesystem::path();
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, false);
  std::optional<store::Repository> repository;
  std::optional<DaemonReport> daemon;
  Json data{{"version", kVersion}, {"written_at", io::now()}, {"host", host_json()}};
  data["configuration"] = config_json(config);
  data["daemon"] = if_told([&] {
    repository = open_repository_if_there(config);
    if (repository) daemon = find_daemon(repository, out);
    return daemon ? Json(to_json(*daemon)) : Json();
  });
  const auto checked =
      check_servers(config, servers, daemon, {.servers = kAtOnce}, kServersMayTake, invocation.stop);
  data["servers"] = Json::array();
  for (std::size_t i = 0; i < servers.size(); ++i) {
    Json json{{"name", servers[i]->name},
              {"settings", settings_json(*servers[i])},
              {"check", check_json(servers[i]->name, checked[i].findings)}};
    json["stored"] = repository ? stored_json(*servers[i], *repository, daemon) : Json();
    data["servers"].push_back(std::move(json));
  }
  auto text = json_text(data);
  if (arguments.output) {
    publish(place, text + "\n");
    out.report(fmt::format("what is known is in {}; look through it before you send it to strangers",
                           arguments.output->native()));
  } else {
    out.fact(text);
  }
  if (out.json()) out.data(std::move(data));
  return Exit::ok;
}

}  // namespace pgkeep::server
