#include "streaming/wire/server_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using ::testing::EndsWith;
using ::testing::Lt;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(ServerTextTest, PutsSeveralLinesIntoOne) {
  EXPECT_EQ(in_one_line("refused\n\tIs it   running?\nSay so.\nOr:\n not\n"),
            "refused; Is it running? Say so. Or: not");
}

TEST(ServerTextTest, CommandsNoTerminal) {
  EXPECT_EQ(in_one_line("\x1b]0;title\x07 forged\r\nline"), "?]0;title? forged; line");
}

TEST(ServerTextTest, IsCutAndSaysSo) {
  const auto text = in_one_line(std::string(50'000'000, 'x'));
  EXPECT_THAT(text, SizeIs(Lt(2 * kMostTextBytes)));
  EXPECT_THAT(text, StartsWith("xxx"));
  EXPECT_THAT(text, EndsWith("… (50000000 bytes in all)"));
}

}  // namespace
}  // namespace pgkeep::streaming
