#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// What a repository holds, in few words. Segments have 1 MiB, so LSN 0/500000 is where segment 5 begins;
/// times are minutes of one hour.
class Repository {
 public:
  /// A backup from the middle of segment `first` to the middle of segment `last`, ended at 02:`minute`.
  Repository& backup(std::uint64_t first, std::uint64_t last, int minute, std::uint32_t timeline = 1);
  /// Complete segments, first and last included.
  Repository& wal(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1);
  /// The segment still being received, up to that LSN.
  Repository& partial(std::uint64_t number, std::string_view end, std::uint32_t timeline = 1);
  /// When the last byte of a segment was sent: at 02:`minute`.
  Repository& sent(std::uint64_t number, int minute, std::uint32_t timeline = 1);
  /// That its last commit was at 02:`minute`; without one, that it has none.
  Repository& commits(std::uint64_t number, std::optional<int> minute, std::uint32_t timeline = 1);
  Repository& history(std::uint32_t timeline, std::string_view content);
  Repository& damaged_history(std::uint32_t timeline, const std::string& why);
  RecoveryFacts facts;

 private:
  Repository& hold();

  catalog::WalInventory names_;
  std::map<postgres::WalSegment, catalog::ReceivedWal> ends_;
};

io::TimePoint at_minute(int minute);
/// The id of the backup that ended then.
store::BackupId id_of(int minute);
/// Recovery of that repository to the end of WAL.
RecoveryRequest request();
RecoveryRequest request(const RecoveryTarget& target);
postgres::Lsn lsn(std::string_view text);
/// "1:5 1:6 2:6p": timeline and number of each WAL file to be laid down, 'p' for a partial one.
std::string wal_of(const RecoveryPlan& plan);

}  // namespace pgkeep::recover
