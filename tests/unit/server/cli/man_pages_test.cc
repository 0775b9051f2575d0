#include "server/cli/man_pages.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/cli/command_words.h"
#include "server/cli/commands.h"
#include "server/cli/roff.h"
#include "server/config/settings.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RoffTest, KeepsWhatIsToBeCopiedAsItIs) {
  EXPECT_EQ(roff_code("--dry-run 'a\\b' ~\n"),
            ".RS 4\n.nf\n\\-\\-dry\\-run \\(aqa\\eb\\(aq \\(ti\n.fi\n.RE\n");
  EXPECT_THAT(roff_code(".pgpass\n"), HasSubstr("\\&.pgpass\n"));
}

TEST(RoffTest, TakesNoLineForARequest) {
  EXPECT_EQ(roff_line(".pgpass holds it"), "\\&.pgpass holds it\n");
  EXPECT_EQ(roff_line("'quoted' words"), "\\(aqquoted\\(aq words\n");
}

TEST(RoffTest, SetsCodeAndEmphasisInOtherFonts) {
  EXPECT_EQ(roff_line("see `--only`, **all** and *some* of [wal.md](wal.md)"),
            "see \\fB\\-\\-only\\fR, \\fBall\\fR and \\fIsome\\fR of \\fBwal.md\\fR\n");
  EXPECT_EQ(roff_line("2 * 3 is `open"), "2 * 3 is \\(gaopen\n");
}

TEST(RoffTest, MakesTermsOfATable) {
  EXPECT_EQ(roff_of("| key | default | meaning |\n|---|---|---|\n| `a` | `1` | counts |\n"),
            ".TP\n\\fBa\\fR\ndefault: \\fB1\\fR\n.br\ncounts\n");
  EXPECT_THAT(roff_of("| a | |\n|---|---|\n| `x\\|y` | z |\n"), HasSubstr("\\fBx|y\\fR"));
}

std::string page(const std::string& file) {
  for (auto& page : man_pages("2026-11-20"))
    if (page.file == file) return std::move(page.text);
  return "";
}

TEST(ManPagesTest, HaveOneForEveryCommandButTheHiddenOnes) {
  for (const auto& command : commands()) {
    const auto text = page(fmt::format("pgkeep-{}.1", command.name));
    EXPECT_EQ(text.empty(), command.hidden) << command.name;
    if (text.empty()) continue;
    const auto call = command.call();
    for (const auto& term : option_terms(call.syntax)) EXPECT_THAT(text, HasSubstr(roff_typed(term.name)));
    EXPECT_THAT(page("pgkeep.1"), HasSubstr(roff_typed(command.name)));
  }
}

TEST(ManPagesTest, ExplainEverySetting) {
  const auto text = page("pgkeep.yaml.5");
  for (const auto& setting : settings()) EXPECT_THAT(text, HasSubstr(roff_typed(setting.name)));
}

bool is_installed(const std::string& program) {
  return test::run({{"sh", "-c", "command -v " + program}}).exit_code == 0;
}

class WrittenManPages : public ::testing::Test {
 protected:
  WrittenManPages() {
    for (const auto& page : man_pages("2026-11-20")) {
      files_.push_back(folder_ / page.file);
      std::ofstream(files_.back()) << page.text;
    }
  }

  test::TempDirectory folder_;
  std::vector<std::string> files_;
};

TEST_F(WrittenManPages, AreWhatMandocTakesForSound) {
  if (!is_installed("mandoc"))
    GTEST_SKIP() << "mandoc is not installed; `etc/install-deps --tests` installs it";
  std::vector<std::string> lint{"mandoc", "-T", "lint", "-W", "warning"};
  lint.insert(lint.end(), files_.begin(), files_.end());
  const auto outcome = test::run({lint});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
}

TEST_F(WrittenManPages, AreShownByManWithoutAWarning) {
  if (!is_installed("man")) GTEST_SKIP() << "man is not installed; `etc/install-deps --tests` installs it";
  const auto outcome = test::run({{"man", "--warnings", "-E", "UTF-8", "-l", folder_ / "pgkeep.1",
                                   folder_ / "pgkeep-put-wal.1", folder_ / "pgkeep.yaml.5"},
                                  {{"MANROFFSEQ", ""}, {"MANPAGER", "cat"}, {"LC_ALL", "C.UTF-8"}}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(outcome.out, HasSubstr("compression_level"));
}

}  // namespace
}  // namespace pgkeep::server
