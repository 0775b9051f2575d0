#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/repository.h"
#include "catalog/verify/stored_units.h"
#include "catalog/verify/verification_notes.h"

namespace pgkeep::catalog {

/// What one verification of all that is stored of a server has shown.
struct StoredReport {
  std::uint64_t packs = 0;  // read back
  std::uint64_t segments = 0;
  std::uint64_t backups = 0;
  std::uint64_t bytes = 0;       // of these
  std::uint64_t left_units = 0;  // due as well, beyond the budget
  std::uint64_t left_bytes = 0;
  /// Everything that is not damaged has been proved since: read back, or written. Nothing: nothing is stored.
  std::optional<io::TimePoint> proved_since;
  std::vector<StoredDamage> damage;      // all that is known now, by kind and name
  std::vector<std::string> sound_again;  // what was damaged and is not any more
  /// What is missing or cannot be read besides, a line each: small files, backups of the chain, WAL between
  /// other WAL. Not remembered: who looks sees it again.
  std::vector<std::string> besides;
  bool good() const noexcept { return damage.empty() && besides.empty(); }
};

/// Reads back what is stored of a server: packs as far as backups need them, each once however many do; WAL
/// segments, and that each continues the one before it; of every backup the record, the lists, the manifest
/// and that its WAL is there. What was proved the longest ago comes first, within the limits. Each time,
/// whatever the limits: what is damaged already, the small files (examine_small_files()), whether a pack is
/// missing, and WAL that is still being received. Uses `jobs` threads.
///
/// What it comes to is remembered (VerificationMemory), every few seconds too, so that one that is stopped or
/// killed goes on where it was. Damaged objects are marked as suspects, so that the next backup stores those
/// pieces again. The observer is called from the calling thread. The caller holds the server's
/// verify_lock(). Throws what stops it: Interrupted, StorageError. What goes meanwhile is passed over. `name`
/// is called for the files of damaged packs; what was known of one stays known while it cannot be asked.
StoredReport verify_stored(const store::Repository& repository, const store::ServerLayout& layout,
                           const VerificationLimits& limits, unsigned jobs, const NameFiles& name,
                           io::ProgressObserver& observer, const std::stop_token& stop);

}  // namespace pgkeep::catalog
