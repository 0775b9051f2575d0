#include "catalog/records/sync_counters.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pgkeep::catalog {
namespace {

TEST(SyncCountersTest, CountEachSyncInItsPlace) {
  SyncCounters counters;
  counters.add(1, std::chrono::microseconds(0));
  counters.add(2, std::chrono::microseconds(500));  // a bound belongs to its place
  counters.add(4, std::chrono::microseconds(501));
  counters.add(8, std::chrono::minutes(2));
  EXPECT_EQ(counters.by_time.front(), 2u);
  EXPECT_EQ(counters.by_time[1], 1u);
  EXPECT_EQ(counters.by_time.back(), 1u);
  EXPECT_EQ(counters.count(), 4u);
  EXPECT_EQ(counters.bytes, 15u);
  EXPECT_EQ(counters.time, std::chrono::microseconds(120'001'001));
}

TEST(SyncCountersTest, AreReadAsTheyWereWritten) {
  SyncCounters counters;
  counters.add(7, std::chrono::milliseconds(3));
  const nlohmann::ordered_json json(counters);
  EXPECT_EQ(nlohmann::json::parse(json.dump()).get<SyncCounters>(), counters);
}

TEST(SyncCountersTest, AreNotReadFromOtherPlaces) {
  auto json = nlohmann::json::parse(nlohmann::ordered_json(SyncCounters()).dump());
  json["by_time"].push_back(1);
  EXPECT_THROW(json.get<SyncCounters>(), nlohmann::json::exception);
}

}  // namespace
}  // namespace pgkeep::catalog
