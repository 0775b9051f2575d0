#include "catalog/io/json.h"

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

}  // namespace
}  // namespace pgkeep::io
