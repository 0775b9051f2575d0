#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "catalog/verify/verification_memory.h"

namespace pgkeep::catalog {

/// One of the things that are verified each by itself.
struct StoredUnit {
  /// Of a backup, its record and its lists: what its files consist of lies in packs.
  std::variant<store::PackName, SegmentOfLine, store::BackupId> what;
  std::uint64_t bytes = 0;  // to be read
  io::TimePoint written;
};

/// All that is stored of a server, without opening any of it: of each pack the last generation, every
/// archived segment of each line, every committed backup. Missing ones are not among them, nor the WAL of a
/// line whose identity cannot be read. Throws StorageError.
std::vector<StoredUnit> list_stored_units(const store::ServerLayout& layout);

/// By what a damage of it is noted.
StoredKind kind_of(const StoredUnit& unit);
std::string name_of(const StoredUnit& unit);
std::optional<unsigned> line_of(const StoredUnit& unit);

struct VerificationLimits {
  /// Only what was read back, or written, at least so long ago.
  std::chrono::milliseconds older_than{};
  /// So many bytes, or a little more: what was begun is ended. 0: no limit.
  std::uint64_t budget = 0;
};

struct VerificationPlan {
  std::vector<const StoredUnit*> units;  // of those that were given, in the order in which they are read
  std::uint64_t bytes = 0;               // of these
  std::uint64_t left_units = 0;          // that are due as well, beyond the budget
  std::uint64_t left_bytes = 0;
};

/// When it was proved last that a unit is what was stored: when it was read back, or was written, whichever
/// is later. What is written is checked on its way in. A time that is still to come proves nothing.
io::TimePoint proved_at(const StoredUnit& unit, const VerificationMemory& memory, io::TimePoint now);

/// What is to be read: first, and whatever the limits, what was damaged when it was read last; then what was
/// proved the longest ago. Pure. Of a server with hundred thousands of segments there are as many units, so
/// they are borrowed: they have to outlive the plan.
VerificationPlan plan_verification(std::span<const StoredUnit> units, const VerificationMemory& memory,
                                   const VerificationLimits& limits, io::TimePoint now);

}  // namespace pgkeep::catalog
