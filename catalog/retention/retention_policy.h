#pragma once

#include <chrono>
#include <cstdint>

namespace pgkeep::catalog {

/// How long backups are kept, as it is configured for a server. A backup stays if any rule keeps it; a rule
/// that is 0 keeps none.
struct RetentionPolicy {
  std::uint64_t redundancy = 0;                  // the newest so many
  std::chrono::milliseconds recovery_window{0};  // what every moment of that time back needs
  // The newest of each of the last so many days, weeks (from Monday on), months and years that have one.
  std::uint64_t daily = 0;
  std::uint64_t weekly = 0;
  std::uint64_t monthly = 0;
  std::uint64_t yearly = 0;
  // For how long back all WAL stays; backups from before that keep what makes them consistent. 0: all stays.
  std::chrono::milliseconds wal_window{0};
  std::uint64_t minimum_redundancy = 1;  // never fewer than so many, whatever the rules say
  std::chrono::milliseconds grace{0};    // from when a backup expires to when it goes
  bool operator==(const RetentionPolicy&) const = default;

  /// Without any rule no backup expires.
  bool has_rules() const noexcept {
    return redundancy != 0 || recovery_window.count() != 0 || daily != 0 || weekly != 0 || monthly != 0 ||
           yearly != 0;
  }
  /// Without any of it, only what an operator deletes goes.
  bool lets_go() const noexcept { return has_rules() || wal_window.count() != 0; }
};

}  // namespace pgkeep::catalog
