#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/backup_reader.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// One thing that is wrong with a stored backup.
struct Finding {
  std::string path;     // of the file in the backup; empty when it is not about one
  std::string message;  // what, where, why
};

struct VerificationReport {
  store::BackupId backup;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of the files read back
  std::uint64_t wal_segments = 0;
  std::vector<Finding> findings;
  /// False: the version came after this program, and of WAL and pg_control it was only seen that they are
  /// what was stored.
  bool formats_known = true;
  bool good() const noexcept { return findings.empty(); }
};

/// How much of a backup is read.
enum class Depth : std::uint8_t {
  everything,
  /// Not the content of files and WAL, nor the chain of records: that packs and segments are what was stored,
  /// and the chain whole, is told otherwise. Of files it is seen that what they consist of is there, as long
  /// as it must be, and of WAL that it is there.
  lists,
};

/// "3 findings, the first: …". There is one at least.
std::string describe(const std::vector<Finding>& findings);

/// Reads back everything a backup is made of and lists all that is wrong, sorted by path: the record
/// (and whether the next backup was taken after it), the lists of files and packs against their digests,
/// PostgreSQL's manifest (its checksum; every file listed is there, of its size and checksum, and no other),
/// every object (frame CRC, page digests), the label, pg_control's CRC and system, and the WAL that the
/// backup needs to become consistent (every segment there, decodes, passes WalSegmentChecker). Uses `jobs`
/// threads; memory does not grow with the backup but for a bit a file. Damaged objects are marked as
/// suspects, so that the next backup stores those pieces again. The observer is called from the calling
/// thread. Throws only for what stops the verification itself: NotFound, Interrupted, Busy (packs are being
/// removed).
VerificationReport verify_backup(const store::Repository& repository, const store::ServerLayout& layout,
                                 const store::BackupId& id, unsigned jobs, io::ProgressObserver& observer,
                                 std::stop_token stop, Depth depth = Depth::everything);

}  // namespace pgkeep::catalog
