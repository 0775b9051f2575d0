#include "catalog/wal/wal_continuity.h"

namespace pgkeep::catalog {

WalContinuity read_continuity(const WalArchive& archive) {
  const auto held = HeldWal::read(archive);
  WalContinuity found{.ranges = held.ranges(), .joints = held.joints(), .gaps = {}, .end = {}};
  if (const auto line = held.along_newest()) {
    found.gaps = line->gaps(EventJournal(archive.layout()).read());
    found.end = line->end();
  }
  return found;
}

}  // namespace pgkeep::catalog
