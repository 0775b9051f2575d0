#include "catalog/io/shown_text.h"

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

TEST(ShownTextTest, HasNoControlCharacters) {
  EXPECT_EQ(without_controls("\x1b[2Jgone\x07\r\x7f"), "?[2Jgone???");
  EXPECT_EQ(without_controls(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(without_controls("two\n\tlines"), "two\n\tlines");
}

TEST(ShownTextTest, HasNoControlCharactersThatUtf8WritesInTwoBytes) {
  EXPECT_EQ(without_controls("a\xc2\x9b 2J"), "a? 2J");
}

TEST(ShownTextTest, KeepsEveryLanguage) {
  EXPECT_EQ(without_controls("Prüfsumme, контрольная сумма, ¡校验!"), "Prüfsumme, контрольная сумма, ¡校验!");
}

TEST(ShownTextTest, IsCutBetweenCharacters) {
  EXPECT_EQ(cut_text("für", 10), "für");
  EXPECT_EQ(cut_text("für", 3), "fü");
  EXPECT_EQ(cut_text("für", 2), "f");
}

}  // namespace
}  // namespace pgkeep::io
