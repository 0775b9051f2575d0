#include "server/cli/line_completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const KnownNames kKnown{
    .servers =
        [](const std::string& config_file) {
          return config_file == "/other.yaml" ? std::vector<std::string>{"other"}
                                              : std::vector<std::string>{"main", "orders"};
        },
    .backups =
        [](const std::string& /*config_file*/, const std::string& server) {
          return std::vector<std::string>{"20261120T020000Z", "of-" + server};
        },
};

std::vector<std::string> words(const std::vector<std::string>& line) {
  std::vector<std::string> words;
  for (auto& found : complete_line(line, kKnown).words) words.push_back(std::move(found.word));
  return words;
}

TEST(LineCompletionTest, KnowsCommandsButNoHiddenOnes) {
  EXPECT_THAT(words({"list-b"}), ElementsAre("list-backups"));
  EXPECT_THAT(words({""}), Contains("help"));
  EXPECT_THAT(words({""}), Not(Contains("complete")));
  EXPECT_THAT(words({"help", "recov"}), ElementsAre("recover"));
  EXPECT_THAT(words({"help", "recover", ""}), IsEmpty());
}

TEST(LineCompletionTest, KnowsTheOptionsOfACommandAndOfAll) {
  EXPECT_THAT(words({"recover", "--target-t"}), ElementsAre("--target-time", "--target-tli"));
  EXPECT_THAT(words({"recover", "--js"}), ElementsAre("--json"));
  EXPECT_THAT(words({"--js"}), ElementsAre("--json"));
}

TEST(LineCompletionTest, OffersNoOptionTwiceThatIsTakenOnce) {
  EXPECT_THAT(words({"recover", "--exclusive", "--excl"}), IsEmpty());
  EXPECT_THAT(words({"recover", "--tablespace", "a:/b", "--tablesp"}), ElementsAre("--tablespace"));
}

TEST(LineCompletionTest, KnowsTheWordsThatAnOptionTakes) {
  EXPECT_THAT(words({"report", "--format", "h"}), ElementsAre("html"));
  EXPECT_THAT(words({"report", "--format=h"}), ElementsAre("--format=html"));
  EXPECT_THAT(words({"backup", "main", "--checkpoint", ""}), ElementsAre("fast", "spread"));
  EXPECT_THAT(words({"recover", "--target-tli", ""}), ElementsAre("current", "latest"));
  EXPECT_THAT(words({"run-job", "main", "v"}), ElementsAre("verify"));
}

TEST(LineCompletionTest, LeavesFilesToTheShell) {
  EXPECT_TRUE(complete_line({"report", "--output", ""}, kKnown).files);
  EXPECT_TRUE(complete_line({"-c", ""}, kKnown).files);
  EXPECT_TRUE(complete_line({"recover", "main", "latest", ""}, kKnown).files);
  EXPECT_FALSE(complete_line({"recover", "main", ""}, kKnown).files);
}

TEST(LineCompletionTest, KnowsTheServersOfTheConfigurationThatIsNamed) {
  EXPECT_THAT(words({"recover", ""}), ElementsAre("main", "orders"));
  EXPECT_THAT(words({"-c", "/other.yaml", "recover", ""}), ElementsAre("other"));
  EXPECT_THAT(words({"recover", "--config=/other.yaml", ""}), ElementsAre("other"));
}

TEST(LineCompletionTest, OffersWhatIsNotOnTheLineYetWhereSeveralAreTaken) {
  EXPECT_THAT(words({"backup", "main", ""}), ElementsAre("orders", "all"));
  EXPECT_THAT(words({"recover", "main", "latest", "/srv/pg", ""}), IsEmpty());
}

TEST(LineCompletionTest, KnowsTheBackupsOfTheServerOnTheLine) {
  EXPECT_THAT(words({"show-backup", "--json", "orders", "o"}), ElementsAre("oldest", "of-orders"));
  EXPECT_THAT(words({"delete", "main", "latest", "2"}), ElementsAre("20261120T020000Z"));
}

TEST(LineCompletionTest, KnowsNothingAfterAnUnknownCommand) {
  EXPECT_THAT(words({"recovr", ""}), IsEmpty());
  EXPECT_THAT(words({}), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::server
