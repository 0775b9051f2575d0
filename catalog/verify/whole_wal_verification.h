#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What reading back all stored WAL of a server has shown.
struct WalVerificationReport {
  std::uint64_t segments = 0;  // that were read, with those still being received
  std::uint64_t bytes = 0;     // of WAL in them
  std::vector<std::string> findings;
  bool formats_known = true;  // false: the version came after this program, so it was only seen that the WAL
                              // is what was stored
  bool good() const noexcept { return findings.empty(); }
};

/// Reads back all WAL of a line (`layout`), whether a backup needs it or not: every archived segment, and
/// what was received of those that are not whole yet, every page and record, and that each continues the one
/// before it. Holes are no finding: HeldLine::gaps() tells of them. Uses `jobs` threads; findings are in the
/// order of the WAL. The observer is called from the calling thread. Throws only for what stops the
/// verification itself: NotFound (no WAL was received ever), Interrupted.
WalVerificationReport verify_whole_wal(const store::ServerLayout& layout, unsigned jobs,
                                       io::ProgressObserver& observer, std::stop_token stop);

}  // namespace pgkeep::catalog
