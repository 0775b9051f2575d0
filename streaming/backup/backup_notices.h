#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/progress.h"
#include "streaming/wire/base_backup.h"

namespace pgkeep::streaming {

/// What PostgreSQL warned of during a base backup: shown as it comes, and kept for the record. A server may
/// send any number of warnings, so only the first 1000 are shown and kept. Borrows the observer. One thread.
class BackupNotices {
 public:
  explicit BackupNotices(io::ProgressObserver& observer) : observer_(&observer) {}

  void take(std::string_view severity, std::string_view message);
  const std::vector<std::string>& kept() const noexcept { return kept_; }

  /// How many damaged pages the server found, once it has reported that there are some (SQLSTATE XX001).
  ///
  /// That error has no number. Before it, a warning gives the total, but only when it is more than one. Its
  /// words may be translated; but it is the last warning, and the only one with nothing but one number, since
  /// the others name a file.
  std::uint64_t damaged_pages() const;

  /// The files of relations that the warnings name, each once, with the path that they have in a backup:
  /// "base/5/16384", "pg_tblspc/16400/PG_18_202506291/5/16385". PostgreSQL names those of a tablespace by
  /// where it lies.
  std::vector<std::string> named_files(const std::vector<Tablespace>& tablespaces) const;

 private:
  io::ProgressObserver* observer_;
  std::vector<std::string> kept_;
  std::string last_;
};

}  // namespace pgkeep::streaming
