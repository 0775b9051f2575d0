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

TEST(ShownTextTest, QuotesBytesThatMayBeAny) {
  EXPECT_EQ(in_quotes("16/B374D848"), "\"16/B374D848\"");
  EXPECT_EQ(in_quotes("für"), "\"für\"");
  EXPECT_EQ(in_quotes("a \"b\"\\\n\r\t\x1b\x7f"), R"("a \"b\"\\\n\r\t\x1b\x7f")");
  EXPECT_EQ(in_quotes("\x80\xc0z\xff"), R"("\x80\xc0z\xff")");
  EXPECT_EQ(in_quotes("\xe2\x82"), R"("\xe2\x82")");        // half a character
  EXPECT_EQ(in_quotes("\xc2\x9b 2J"), R"("\xc2\x9b 2J")");  // a control character
  EXPECT_EQ(in_quotes(std::string_view("\0", 1)), R"("\x00")");
}

TEST(ShownTextTest, QuotesNoMoreThanAMessageTakes) {
  EXPECT_EQ(in_quotes(std::string(200, 'x')), "\"" + std::string(200, 'x') + "\"");
  EXPECT_EQ(in_quotes(std::string(1 << 20, 'x')), "\"" + std::string(200, 'x') + "...\"");
}

}  // namespace
}  // namespace pgkeep::io
