#include "recover/plan/least_settings.h"

#include <algorithm>

namespace pgkeep::recover {

void LeastSettings::demand(std::string_view name, std::int64_t value) {
  auto& known = values_[name];
  known = std::max(known, value);
}

template <typename T>
void LeastSettings::demand_all(const T& had) {
  demand("max_connections", had.max_connections);
  demand("max_worker_processes", had.max_worker_processes);
  demand("max_wal_senders", had.max_wal_senders);
  demand("max_prepared_transactions", had.max_prepared_transactions);
  demand("max_locks_per_transaction", had.max_locks_per_transaction);
}

void LeastSettings::demand(const postgres::ControlFile& control) {
  demand_all(control);
}

void LeastSettings::demand(const postgres::WalParameters& parameters) {
  demand_all(parameters);
}

std::int64_t LeastSettings::of(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? 0 : found->second;
}

}  // namespace pgkeep::recover
