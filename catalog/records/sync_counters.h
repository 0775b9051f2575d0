#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <nlohmann/json_fwd.hpp>

namespace pgkeep::catalog {

/// The WAL that a receiver has synced since it began to count, and how long the syncs took: of those that
/// made something durable.
struct SyncCounters {
  /// Up to and with each of these a sync counts in a place of its own; longer ones in the last.
  static constexpr std::array<std::chrono::microseconds, 11> kBounds{
      std::chrono::microseconds(500),    std::chrono::microseconds(1'000),
      std::chrono::microseconds(2'500),  std::chrono::microseconds(5'000),
      std::chrono::microseconds(10'000), std::chrono::microseconds(25'000),
      std::chrono::microseconds(50'000), std::chrono::microseconds(100'000),
      std::chrono::milliseconds(500),    std::chrono::seconds(1),
      std::chrono::seconds(10)};

  std::uint64_t bytes = 0;
  std::chrono::microseconds time{};  // of all syncs
  std::array<std::uint64_t, kBounds.size() + 1> by_time{};

  void add(std::uint64_t synced_bytes, std::chrono::microseconds took);
  std::uint64_t count() const;
  bool operator==(const SyncCounters&) const = default;
};

void to_json(nlohmann::ordered_json& json, const SyncCounters& counters);
/// Throws nlohmann::json::exception.
void from_json(const nlohmann::json& json, SyncCounters& counters);

}  // namespace pgkeep::catalog
