#include "recover/conf_file.h"

#include <gtest/gtest.h>

namespace pgkeep::recover {
namespace {

TEST(ConfFileTest, ReadsAssignmentsAsPostgresDoes) {
  struct Row {
    const char* line;
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {"port = 5432", "port", "5432"},
      {"  Port=5432#comment", "port", "5432"},
      {"port 5432", "port", "5432"},
      {"archive_command = 'cp ''%p'' /a' # x", "archive_command", "cp '%p' /a"},
      {R"(x = 'a\'b\\c\n\101')", "x", "a'b\\c\nA"},
      {"include 'other.conf'", "include", "other.conf"},
      {"plpgsql.extra_warnings = all", "plpgsql.extra_warnings", "all"},
      {"# port = 1", "", ""},
      {"", "", ""},
      {"x = 'not closed", "x", "not closed"},
      {"x =", "x", ""},
  };
  for (const auto& row : rows) {
    const auto lines = parse_conf(std::string(row.line) + "\n");
    ASSERT_EQ(lines.size(), 1u) << row.line;
    EXPECT_EQ(lines[0].name, row.name) << row.line;
    EXPECT_EQ(lines[0].value, row.value) << row.line;
    EXPECT_EQ(lines[0].raw, row.line);
  }
}

TEST(ConfFileTest, ReadsALastLineWithoutItsEnd) {
  const auto lines = parse_conf("a = 1\nb = 2");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].value, "2");
}

TEST(ConfFileTest, QuotedValuesReadBackUnchanged) {
  for (const std::string value : {"", "plain", "it's", "back\\slash", "two\nlines", "'", "\\'"})
    EXPECT_EQ(parse_conf("x = " + quote_conf_value(value)).at(0).value, value);
}

}  // namespace
}  // namespace pgkeep::recover
