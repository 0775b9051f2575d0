#include "catalog/records/sync_counters.h"

#include <algorithm>
#include <numeric>

#include "catalog/io/json.h"

namespace pgkeep::catalog {

void SyncCounters::add(std::uint64_t synced_bytes, std::chrono::microseconds took) {
  bytes += synced_bytes;
  time += took;
  const auto place = std::ranges::lower_bound(kBounds, took) - kBounds.begin();
  ++by_time[static_cast<std::size_t>(place)];
}

std::uint64_t SyncCounters::count() const {
  return std::accumulate(by_time.begin(), by_time.end(), std::uint64_t{0});
}

void to_json(nlohmann::ordered_json& json, const SyncCounters& counters) {
  json = {{"bytes", counters.bytes}, {"microseconds", counters.time.count()}, {"by_time", counters.by_time}};
}

void from_json(const nlohmann::json& json, SyncCounters& counters) {
  io::read_item(json, "bytes", counters.bytes);
  counters.time = std::chrono::microseconds(io::value_of<std::int64_t>(json.at("microseconds")));
  const auto& by_time = json.at("by_time");
  if (by_time.size() != counters.by_time.size()) io::refuse_number();
  for (std::size_t i = 0; i < counters.by_time.size(); ++i)
    counters.by_time[i] = io::value_of<std::uint64_t>(by_time.at(i));
}

}  // namespace pgkeep::catalog
