#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/io/units.h"
#include "catalog/postgres/wal_records.h"

namespace pgkeep::catalog {

class WalArchive;

/// When transactions ended, by the server's clock: of those whose record of it ends in a stretch of WAL.
/// Commits and aborts alike, since recovery to a time stops at the first of either past the target. They are
/// not in order: a record may carry an earlier time than the one before it.
///
/// A record that began in a segment that was not held when this one was read counts for neither. So `latest`
/// may be too early, and never too late: what is chosen by it has more WAL than it needs, and never less.
struct CommitTimes {
  bool known = false;  // all records were read; else the times are of the first ones only
  std::optional<io::TimePoint> earliest{};  // nothing: no transaction ended there
  std::optional<io::TimePoint> latest{};
  void add(io::TimePoint time);
  bool operator==(const CommitTimes&) const = default;
};

struct RestorePoint {
  std::string name;
  io::TimePoint time;
  postgres::Lsn lsn;  // of its record
  bool operator==(const RestorePoint&) const = default;
};

/// What of WAL decides whether a recovery across it works, and what it touches; in the order of the WAL.
struct WalNotes {
  std::vector<postgres::WalParameters> parameters;
  std::vector<postgres::TablespaceChange> tablespaces;
  bool complete = true;  // else there were too many to be kept, or some were not understood
  bool operator==(const WalNotes&) const = default;
};

/// The record that somebody looks for: the first for which one of the two holds.
struct WantedRecord {
  std::optional<postgres::Lsn> from{};  // it begins there or after it
  std::function<bool(const postgres::WalMoment&)> moment{};
};

/// What the records of a stretch of WAL say.
struct WalContents {
  CommitTimes commits;
  std::vector<RestorePoint> restore_points;
  WalNotes notes;
  std::vector<postgres::WalCheckpoint> checkpoints{};
  std::optional<postgres::Lsn> last_moment{};  // where the last record begins that is a postgres::WalMoment
  std::optional<postgres::Lsn> wanted{};       // where the record begins that was looked for
};

/// Reads the records of one segment, or of one after the other, while they go by.
class WalContentsReader {
 public:
  /// `begin` is the first byte of a page.
  WalContentsReader(postgres::Lsn begin, postgres::WalSegmentSize size, WantedRecord wanted = {});
  WalContentsReader(const postgres::WalCarry& from, postgres::WalSegmentSize size, WantedRecord wanted = {});
  /// Of a segment whose records continue those of the archived one before it, where that is known. Of a
  /// version that is not known (ServerIdentity::formats_known()) nothing is read, and nothing found wrong.
  WalContentsReader(const WalArchive& archive, const postgres::WalSegment& segment);
  WalContentsReader(const WalContentsReader&) = delete;  // its walker refers to it
  WalContentsReader& operator=(const WalContentsReader&) = delete;
  void feed(io::ByteView bytes) {
    if (formats_known_) walker_.feed(bytes);
  }
  void set_limit(postgres::Lsn limit) { walker_.set_limit(limit); }
  const postgres::WalRecordWalker& records() const noexcept { return walker_; }
  WalContents contents() const;

 private:
  postgres::WalRecordWalker::Handlers handlers();
  void note(const postgres::WalMoment& moment);

  bool formats_known_ = true;
  WantedRecord wanted_;
  WalContents found_;
  postgres::WalRecordWalker walker_;
};

/// What is in a segment, archived or still being received, up to `end`. A record that continues from the
/// segment before counts when that one is archived. Costs reading it so far (some ms for 16 MiB, and
/// unpacking it when it is archived). Nothing when it is not held. Of a version that is not known
/// (ServerIdentity::formats_known()) neither its times are known nor its notes complete.
std::optional<WalContents> read_wal_contents(const WalArchive& archive, const postgres::WalSegment& segment,
                                             postgres::Lsn end, const WantedRecord& wanted = {});

}  // namespace pgkeep::catalog
