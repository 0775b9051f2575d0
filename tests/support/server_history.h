#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "catalog/io/bytes.h"
#include "catalog/store/repository.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::test {

/// How much a server is to have.
struct HistorySize {
  std::uint64_t segments = 0;  // archived, of 1 MiB; at least one more than there are backups
  std::uint64_t backups = 0;
  std::uint64_t deleted = 0;  // backups that are gone
  std::uint64_t runs = 0;
};

/// Stores a year of a server that nobody has to wait for, by the program's own writers: WAL that continues
/// from segment to segment, each with a commit and ended by a switch; backups with a few small files,
/// compared with the one before; deletions; runs. What is made verifies. The same size, time and seed make
/// the same.
///
/// Everything is spread evenly over the year before `now`. One thread for all calls of one of the store_…
/// functions; different ones touch different files and may be called at once. Throws what the writers throw.
class ServerHistory {
 public:
  /// `repository` is borrowed, and the folders of the server are made.
  ServerHistory(const store::Repository& repository, const std::string& server, const HistorySize& size,
                io::TimePoint now);
  const store::ServerLayout& layout() const noexcept { return layout_; }

  void store_wal() const;
  void store_backups() const;
  /// Backups that are said to have been deleted after all that are there, so that the chain of records is
  /// whole.
  void store_deletions() const;
  /// Of backups and expiries in turns, one in a hundred failed; all have ended.
  void store_runs() const;

 private:
  struct WalOfSegment {
    io::ByteVector bytes;  // without the zeroes that follow
    postgres::Lsn checkpoint;
    postgres::Lsn end;   // of the commit
    postgres::Lsn last;  // the switch
  };
  /// Those of all segments lie at the same places.
  static WalOfSegment wal_of(const postgres::WalSegment& segment, io::TimePoint time, postgres::Lsn previous);
  /// When the segment, backup or run of that place was written, of `count` of its kind.
  io::TimePoint time_of(std::uint64_t place, std::uint64_t count) const;
  /// The segment in which a backup was taken, from the first on.
  std::uint64_t segment_of_backup(std::uint64_t place) const;
  store::BackupId store_backup(std::uint64_t place, const std::optional<store::BackupId>& previous) const;

  const store::Repository* repository_;
  store::ServerLayout layout_;
  std::string server_;
  HistorySize size_;
  io::TimePoint now_;
  catalog::WalArchive archive_;
};

}  // namespace pgkeep::test
