#include "catalog/io/shell.h"

#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

using testing::ElementsAre;

std::string printed_by_shell(const std::string& word) {
  const auto command = "printf '%s' " + word;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 4096> buffer{};
  return {buffer.data(), std::fread(buffer.data(), 1, buffer.size(), pipe.get())};
}

TEST(ShellTest, QuotedTextComesOutOfAShellUnchanged) {
  for (const std::string text : {"/srv/main", "", "a b", "it's", "$HOME `id` \"x\" \\ ! * ? ~", "two\nlines",
                                 "-n", "#x", "a=b", "\xC3\xA9\xFF", "'", "''", "%s"}) {
    EXPECT_EQ(printed_by_shell(shell_quote(text)), text);
  }
}

TEST(ShellTest, LeavesPlainWordsReadable) {
  EXPECT_EQ(shell_quote("/srv/pg-18/main_1"), "/srv/pg-18/main_1");
}

TEST(ShellTest, SplitsAsAShellWould) {
  EXPECT_THAT(split_command("ssh -p 22 user@host"), ElementsAre("ssh", "-p", "22", "user@host"));
  EXPECT_THAT(split_command("  ssh\t-o 'Proxy Command=x y' \"a\\\"b\" c\\ d '' e''f "),
              ElementsAre("ssh", "-o", "Proxy Command=x y", "a\"b", "c d", "", "ef"));
  EXPECT_THAT(split_command(R"(a "b\c" 'd\e')"), ElementsAre("a", "b\\c", "d\\e"));
}

TEST(ShellTest, RefusesOpenQuotesAndNothing) {
  EXPECT_THROW(split_command("ssh 'host"), UsageError);
  EXPECT_THROW(split_command("ssh \"host"), UsageError);
  EXPECT_THROW(split_command("  "), UsageError);
}

}  // namespace
}  // namespace pgkeep::io
