#include "server/health/notification_record.h"

#include <array>
#include <string_view>

#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kName = ".notifications.json";  // no server has a name that begins with a dot
constexpr std::uint64_t kMaxBytes = 64u << 20;
constexpr std::string_view kWayOut = "remove it: what is wrong is told once more";
constexpr std::array kSeverities{Severity::advice, Severity::warning, Severity::failed};

Severity severity_of(const std::string& name) {
  for (const auto severity : kSeverities)
    if (name_of(severity) == name) return severity;
  return Severity::warning;  // of a later version: told once more
}

}  // namespace

NotificationRecord read_notification_record(const store::Repository& repository) {
  const auto read =
      io::read_sealed_json(repository.root() / kName, kMaxBytes, kWayOut, [](const nlohmann::json& json) {
        NotificationRecord record;
        for (const auto& [name, receiver] : json.at("receivers").items()) {
          auto& mine = record[name];
          for (const auto& [server, findings] : receiver.at("told").items())
            for (const auto& [key, severity] : findings.items())
              mine.told[server][key] = severity_of(severity.get<std::string>());
          if (!receiver.at("tried").is_null()) mine.tried = receiver.at("tried").get<io::TimePoint>();
          mine.failures = receiver.at("failures").get<unsigned>();
          mine.error = receiver.at("error").get<std::string>();
        }
        return record;
      });
  return read.value_or(NotificationRecord());
}

void write_notification_record(const store::Repository& repository, const NotificationRecord& record) {
  auto receivers = nlohmann::ordered_json::object();
  for (const auto& [name, receiver] : record) {
    auto told = nlohmann::ordered_json::object();
    for (const auto& [server, findings] : receiver.told)
      for (const auto& [key, severity] : findings) told[server][key] = name_of(severity);
    receivers[name] = {{"told", std::move(told)},
                       {"tried", nullptr},
                       {"failures", receiver.failures},
                       {"error", receiver.error}};
    if (receiver.tried) receivers[name]["tried"] = *receiver.tried;
  }
  io::write_sealed_json(repository.root() / kName, {{"format", 1}, {"receivers", std::move(receivers)}});
}

}  // namespace pgkeep::server
