#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/health/checked_servers.h"
#include "server/health/notification_record.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What is wrong in the fleet at one moment, by server and key. What concerns the repository, and so all
/// servers, stands under an empty name once.
struct FleetFindings {
  struct Server {
    bool answered = false;  // else what only it could tell is not known
    std::map<std::string, Finding> findings;
    std::set<std::string> doubtful = {};  // keys not in `findings` that may be wrong or not
  };
  std::map<std::string, Server> servers;
};

/// Warnings and what is worse.
FleetFindings problems_of(const std::vector<CheckedServer>& checked);

/// Of these, those of this severity and worse, and those that somebody was told of when they were: one that
/// is a warning now is better, and not gone. Pure.
FleetFindings findings_to_tell(FleetFindings now, const ToldFindings& told, NotifyFrom from);

/// Leaves out what lasts no longer than one look. One thread.
class SteadyFindings {
 public:
  /// What the last two looks agree on; where they do not, it stays as it was, and is in doubt when that is
  /// not known. A server counts as one that answered when it did at both. Nothing after the first.
  std::optional<FleetFindings> take(FleetFindings look);

 private:
  std::optional<FleetFindings> last_;
  FleetFindings steady_;
};

/// What is other than somebody was told.
struct FindingChange {
  enum class Kind { appeared, worse, better, gone };
  Kind kind = Kind::appeared;
  Finding finding;  // of one that is gone, key and server
  Severity before = Severity::ok;
};
/// "appeared", "worse", "better", "gone".
std::string_view to_string(FindingChange::Kind kind);

/// What is to be told, by server, the worst first. Of a server that did not answer nothing is gone; one that
/// is not in the configuration any more is forgotten without a word. Pure.
std::vector<FindingChange> changes_to_tell(const ToldFindings& told, const FleetFindings& now);
/// What is told then.
ToldFindings told_after(const ToldFindings& told, const FleetFindings& now);

/// "main: WAL receiver: nobody receives", "3 new problems (main, wiki), 1 gone": for a subject.
std::string summary_of(const std::vector<FindingChange>& changes);
/// What a person reads: lines of at most 78 characters but for what was found.
std::string text_of(const std::vector<FindingChange>& changes);
/// For programs: {"pgkeep":…,"host":…,"sent_at":…,"summary":…,"changes":[…]}. docs/manual.md lists the keys.
Json json_of(const std::vector<FindingChange>& changes, const std::string& host, io::TimePoint now);
/// {"text":…} for Slack and those that read the same; of very many changes the first, and how many more.
Json slack_of(const std::vector<FindingChange>& changes, const std::string& host);

}  // namespace pgkeep::server
