#include "catalog/postgres/json.h"

#include <gtest/gtest.h>

namespace pgkeep::postgres {
namespace {

template <typename T>
void expect_json(const T& value, const std::string& text) {
  EXPECT_EQ(nlohmann::ordered_json(value).dump(), text);
  EXPECT_EQ(io::parse_json(text).get<T>(), value) << text;
}

TEST(PostgresJsonTest, HasNumbersThatManyReadersWouldCutAsText) {
  expect_json(Lsn(0x16B374D848), R"("16/B374D848")");
  expect_json(SystemIdentifier(18446744073709551615U), R"("18446744073709551615")");
  expect_json(TimelineId(4294967295), "4294967295");
  expect_json(WalPosition{TimelineId(2), Lsn(0x5000100)}, R"({"timeline":2,"lsn":"0/5000100"})");
}

TEST(PostgresJsonTest, HasNullForWhatIsNot) {
  expect_json(std::optional<Lsn>(), "null");
  expect_json(std::optional(Lsn(1)), R"("0/1")");
  expect_json(std::optional<WalPosition>(), "null");
}

TEST(PostgresJsonTest, RefusesWhatIsNoneOfItsKind) {
  for (const auto* text : {R"("0:1")", "1", "null", "{}"})
    EXPECT_THROW(io::parse_json(text).get<Lsn>(), nlohmann::json::exception) << text;
  for (const auto* text : {"4294967296", "-1", "true", R"("1")"})
    EXPECT_THROW(io::parse_json(text).get<TimelineId>(), nlohmann::json::exception) << text;
  EXPECT_THROW(io::parse_json(R"({"timeline":1})").get<WalPosition>(), nlohmann::json::exception);
}

}  // namespace
}  // namespace pgkeep::postgres
