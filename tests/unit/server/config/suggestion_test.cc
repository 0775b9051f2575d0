#include "server/config/suggestion.h"

#include <array>

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

constexpr std::array<std::string_view, 4> kNames{"backup", "check", "list-backups", "status"};

TEST(SuggestionTest, FindsTheNameWithAFewLettersWrong) {
  EXPECT_EQ(nearest_name("bakcup", kNames), "backup");
  EXPECT_EQ(nearest_name("stauts", kNames), "status");
  EXPECT_EQ(nearest_name("chekc", kNames), "check");
  EXPECT_EQ(nearest_name("list-backup", kNames), "list-backups");
}

TEST(SuggestionTest, FindsTheNameThatWasBegun) {
  EXPECT_EQ(nearest_name("list", kNames), "list-backups");
  EXPECT_EQ(nearest_name("stat", kNames), "status");
}

TEST(SuggestionTest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("frobnicate", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(did_you_mean("frobnicate", kNames), "");
}

TEST(SuggestionTest, EndsAMessage) {
  EXPECT_EQ(did_you_mean("bakup", kNames), "; did you mean backup?");
}

}  // namespace
}  // namespace pgkeep::server
