#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

enum class RunOutcome { running, succeeded, failed, interrupted };
std::string_view to_string(RunOutcome outcome);

/// One run of anything that changes or proves something: backup, verify-backup, delete, recover, receive-wal.
struct RunRecord {
  std::string id;         // kind, start in UTC and the process: "backup-20261120T020000Z-4711"
  std::string kind;       // the command
  std::string subject;    // the backup id, the destination …; may be empty
  io::TimePoint started;
  std::optional<io::TimePoint> ended;
  RunOutcome outcome = RunOutcome::running;
  std::string error;      // the message, when it failed
  std::string details;    // JSON object with the run's figures, may be empty
};

/// runs.jsonl: an append-only journal, a JSON object a line, one when a run begins and one when it ends; each line
/// written by one write and fsynced. A line that was cut by a crash is passed over. A run without an end whose
/// process is gone counts as interrupted. Thread-safe; several processes may append.
class RunJournal {
 public:
  explicit RunJournal(store::ServerLayout layout) : layout_(std::move(layout)) {}
  RunRecord begin(std::string kind, std::string subject);
  void end(RunRecord& run, RunOutcome outcome, std::string error, std::string details);
  /// All runs, oldest first.
  std::vector<RunRecord> read() const;

 private:
  void append(const RunRecord& run);
  store::ServerLayout layout_;
};

}  // namespace pgkeep::catalog
