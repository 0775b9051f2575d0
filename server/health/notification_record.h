#pragma once

#include <map>
#include <optional>
#include <string>

#include "catalog/store/repository.h"
#include "server/health/finding.h"

namespace pgkeep::server {

/// What somebody was told last: severities, by server and key. What concerns the repository stands under an
/// empty name.
using ToldFindings = std::map<std::string, std::map<std::string, Severity>>;

/// What one receiver was told, and what became of the tries since.
struct NotifiedReceiver {
  ToldFindings told;
  std::optional<io::TimePoint> tried;  // the last that failed
  unsigned failures = 0;               // since it took the last one
  std::string error;                   // of the newest of these
  bool operator==(const NotifiedReceiver&) const = default;
};

/// By "mail" and "webhook". `.notifications.json` of the repository, a sealed JSON object (io/sealed_json.h),
/// replaced as a whole and durable. Empty when there is none. Throws StorageError, Corruption.
using NotificationRecord = std::map<std::string, NotifiedReceiver>;
NotificationRecord read_notification_record(const store::Repository& repository);
void write_notification_record(const store::Repository& repository, const NotificationRecord& record);

}  // namespace pgkeep::server
