#include "recover/least_settings.h"

#include <algorithm>

namespace pgkeep::recover {

void LeastSettings::demand(std::string_view name, std::int64_t value) {
  auto& known = values_[name];
  known = std::max(known, value);
}

void LeastSettings::demand(const postgres::ControlFile& control) {
  demand("max_connections", control.max_connections);
  demand("max_worker_processes", control.max_worker_processes);
  demand("max_wal_senders", control.max_wal_senders);
  demand("max_prepared_transactions", control.max_prepared_transactions);
  demand("max_locks_per_transaction", control.max_locks_per_transaction);
}

std::int64_t LeastSettings::of(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? 0 : found->second;
}

}  // namespace pgkeep::recover
