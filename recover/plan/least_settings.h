#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "catalog/postgres/control_file.h"
#include "catalog/postgres/versions.h"
#include "catalog/postgres/wal_records.h"

namespace pgkeep::recover {

/// A setting that must not be lower in a server that replays WAL than it was in the one that wrote it: 13
/// stops with FATAL, 14 and later pause until they are started again with more (PostgreSQL manual,
/// "Administrator's Overview" of hot standby).
struct CapacitySetting {
  std::string_view name;
  std::int64_t initial;  // what PostgreSQL takes when no file has it
};
/// Those of a major version.
constexpr std::array<CapacitySetting, 5> capacity_settings(int major) {
  const std::int64_t locks = major >= postgres::since::kTwiceTheLocks ? 128 : 64;
  return {{{"max_connections", 100},
           {"max_worker_processes", 8},
           {"max_wal_senders", 10},
           {"max_prepared_transactions", 0},
           {"max_locks_per_transaction", locks}}};
}

/// The least that a recovery demands of them: the largest value that the writing server had on the way.
class LeastSettings {
 public:
  void demand(std::string_view name, std::int64_t value);
  /// What the server had when the backup was taken.
  void demand(const postgres::ControlFile& control);
  /// What it had from a record of its WAL on.
  void demand(const postgres::WalParameters& parameters);
  /// 0 when nothing was demanded.
  std::int64_t of(std::string_view name) const;

 private:
  template <typename T>
  void demand_all(const T& had);
  std::map<std::string_view, std::int64_t> values_;
};

}  // namespace pgkeep::recover
