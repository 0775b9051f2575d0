#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

enum class RunOutcome { running, succeeded, failed, interrupted };
std::string_view to_string(RunOutcome outcome);
std::optional<RunOutcome> parse_run_outcome(std::string_view text);

/// Something that a run said while it went on.
struct RunMessage {
  io::TimePoint at;
  bool warning = false;  // else a note
  std::string text;
  bool operator==(const RunMessage&) const = default;
};

/// One run of anything that changes or proves something: backup, verify-backup, delete, recover, receive-wal.
struct RunRecord {
  std::string id;       // kind, start in UTC and the process: "backup-20261120T020000Z-4711"
  std::string kind;     // the command
  std::string subject;  // the backup id, the destination …; may be empty
  io::TimePoint started;
  std::optional<io::TimePoint> ended;
  RunOutcome outcome = RunOutcome::running;
  std::string error;    // the message, when it failed
  std::string details;  // JSON object with the run's figures, may be empty
  std::string
      process;  // who runs it, so that nobody else is taken for it: "PID START BOOT" (see current_outcome)
  std::vector<RunMessage> messages = {};  // oldest first, once it has ended; not all of one that said much
  bool operator==(const RunRecord&) const = default;
};

/// What has become of the run by now: `interrupted` when its record says that it is running, but its process
/// is gone. A process is the same one only if its number, its start (clock ticks since boot) and the boot
/// are: numbers are given again.
RunOutcome current_outcome(const RunRecord& run);

/// runs.jsonl: an append-only journal, a sealed JSON object (io/sealed_json.h) a line, one when a run begins
/// and one when it ends; each line written by one write and fsynced. A line that was cut by a crash or
/// damaged is passed over. A run without an end whose process is gone counts as interrupted. Thread-safe;
/// several processes may append. Writing throws Busy when another holds the journal for 2 s: no work is to
/// wait for its being noted.
///
///     {"id":…,"kind":…,"subject":…,"started":RFC 3339,"ended":RFC 3339 or null,"outcome":…,"error":…,
///      "details":object or null,"process":…,"messages":[{"at":…,"warning":…,"text":…}, …]}
class RunJournal {
 public:
  explicit RunJournal(store::ServerLayout layout) : layout_(std::move(layout)) {}
  /// `started` is another time than now for a run whose beginning could not be written when it was.
  RunRecord begin(std::string kind, std::string subject, io::TimePoint started = io::now());
  /// `run` tells its messages. `details` is a JSON object or empty (throws std::invalid_argument for anything
  /// else). `run` becomes what the journal now holds.
  void end(RunRecord& run, RunOutcome outcome, std::string error, std::string details);
  /// All runs, oldest first, with their current outcome.
  std::vector<RunRecord> read() const;

  /// The whole lines from a byte position on, as they stand: for the index, which has read up to there
  /// before.
  struct Lines {
    std::vector<RunRecord> records;  // a run may come twice, first its beginning and later its end
    std::uint64_t end = 0;           // position after the last whole line
  };
  /// Throws Corruption when the journal is shorter than `from`, or `from` is not the beginning of a line.
  Lines read_lines(std::uint64_t from) const;

 private:
  store::ServerLayout layout_;
};

}  // namespace pgkeep::catalog
