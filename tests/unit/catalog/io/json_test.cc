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

}  // namespace
}  // namespace pgkeep::io
