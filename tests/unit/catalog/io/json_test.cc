#include "catalog/io/json.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string nested(int depth) {
  const auto times = static_cast<std::size_t>(depth);
  return std::string(times, '[') + std::string(times, ']');
}

std::string why_refused(std::string_view text) {
  try {
    parse_json(text);
  } catch (const nlohmann::json::exception& error) {
    return why_no_json(error);
  }
  return "";
}

TEST(ParseJsonTest, ReadsNothingThatIsNestedTooDeep) {
  EXPECT_EQ(why_refused(nested(kDeepestJson)), "");
  EXPECT_THAT(why_refused(nested(kDeepestJson + 1)), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(why_refused(std::string(1'000'000, '[')), HasSubstr("nested deeper than 64"));
}

TEST(ParseJsonTest, ReadsObjectsOfAnyNumberOfMembers) {
  std::string text = "{";
  for (int i = 0; i < 500'000; ++i) text += '"' + std::to_string(i) + "\":0,";
  EXPECT_EQ(parse_json(text + "\"last\":1}").at("last"), 1);
}

TEST(ParseJsonTest, TellsWhatIsWrongAndWhereWithoutTheTextItself) {
  const auto why = why_refused("{\"a\": \"" + std::string(1'000'000, '\xC4'));
  EXPECT_THAT(why, AllOf(HasSubstr("column 9"), HasSubstr("UTF-8"), Not(HasSubstr("\xC4"))));
  EXPECT_THAT(why_refused("[1, \"" + std::string(100, 'x') + "\n\"]"), Not(HasSubstr("xxx")));
}

TEST(WholeNumberTest, IsOneThatFits) {
  const auto reads = [](std::string_view text) {
    try {
      return whole_number<std::uint32_t>(parse_json(text)) != 1u;
    } catch (const nlohmann::json::exception&) {
      return false;
    }
  };
  for (const auto* text : {"0", "2", "4294967295"}) EXPECT_TRUE(reads(text)) << text;
  for (const auto* text :
       {"-1", "4294967296", "18446744073709551616", "2.0", "1e400", "true", "\"2\"", "null"})
    EXPECT_FALSE(reads(text)) << text;
  EXPECT_EQ(whole_number<std::int64_t>(parse_json("-9223372036854775808")),
            std::numeric_limits<std::int64_t>::min());
}

enum class Colour { red, green };
std::string_view to_string(Colour colour) {
  return colour == Colour::red ? "red" : "green";
}
std::optional<Colour> parse_colour(std::string_view text) {
  for (const auto colour : {Colour::red, Colour::green})
    if (to_string(colour) == text) return colour;
  return std::nullopt;
}

struct Item {
  std::string name;
  std::optional<std::uint32_t> number;
  std::optional<TimePoint> since;
};
constexpr std::tuple kItems{std::pair{"name", &Item::name}, std::pair{"number", &Item::number},
                            std::pair{"since", &Item::since}};

Item read_item_of(std::string_view text) {
  Item item;
  read_items(parse_json(text), item, kItems);
  return item;
}

TEST(ItemsTest, AreWrittenInTheirOrderAndReadAgain) {
  const Item item{"x", 4294967295, TimePoint(std::chrono::seconds(1'795'000'000))};
  nlohmann::ordered_json json;
  write_items(json, item, kItems);
  EXPECT_EQ(json.dump(), R"({"name":"x","number":4294967295,"since":"2026-11-18T11:06:40Z"})");
  const auto back = read_item_of(json.dump());
  EXPECT_EQ(back.name, item.name);
  EXPECT_EQ(back.number, item.number);
  EXPECT_EQ(back.since, item.since);
}

TEST(ItemsTest, ThatAreNothingAreNull) {
  nlohmann::ordered_json json;
  write_items(json, Item{}, kItems);
  EXPECT_EQ(json.dump(), R"({"name":"","number":null,"since":null})");
  EXPECT_EQ(read_item_of(json.dump()).number, std::nullopt);
}

TEST(ItemsTest, AreRefusedWhenTheyAreMissingOrOfAnotherKind) {
  for (const auto* text :
       {R"({"name":"x","number":1})", R"({"name":1,"number":1,"since":null})",
        R"({"name":"x","number":4294967296,"since":null})", R"({"name":"x","number":true,"since":null})",
        R"({"name":"x","number":1,"since":"yesterday"})", "[]", "null"})
    EXPECT_THROW(read_item_of(text), nlohmann::json::exception) << text;
}

TEST(ItemsTest, AreQuotedBrieflyWhenTheyCannotBeUnderstood) {
  const auto text = R"({"name":"x","number":1,"since":")" + std::string(1'000'000, 'y') + "\"}";
  try {
    read_item_of(text);
    FAIL() << "it was understood";
  } catch (const nlohmann::json::exception& error) {
    EXPECT_THAT(why_no_json(error), AllOf(HasSubstr("'yyy"), HasSubstr("cannot be understood")));
  }
}

}  // namespace
}  // namespace pgkeep::io

template <>
struct nlohmann::adl_serializer<pgkeep::io::Colour>
    : pgkeep::io::WordInJson<pgkeep::io::Colour, pgkeep::io::parse_colour> {};

namespace pgkeep::io {
namespace {

TEST(WordInJsonTest, IsTheWordOfTheEnumeration) {
  EXPECT_EQ(nlohmann::ordered_json(Colour::green).dump(), "\"green\"");
  EXPECT_EQ(parse_json("\"green\"").get<Colour>(), Colour::green);
  EXPECT_THROW(parse_json("\"blue\"").get<Colour>(), nlohmann::json::exception);
  EXPECT_THROW(parse_json("1").get<Colour>(), nlohmann::json::exception);
}

}  // namespace
}  // namespace pgkeep::io
