#include "server/config/yaml_file.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class YamlFileTest : public testing::Test {
 protected:
  std::string why_not(const std::string& text) const {
    std::ofstream(file_) << text;
    try {
      const YamlFile file(file_);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "it is taken";
  }
  test::TempDirectory folder_;
  std::filesystem::path file_ = folder_ / "pgkeep.yaml";
};

TEST_F(YamlFileTest, SaysWhatIsWrongInWordsOfWhoWroteIt) {
  EXPECT_THAT(why_not("servers:\n  main:\n\tconninfo: x\n"), HasSubstr("pgkeep.yaml:3: a tab stands"));
  EXPECT_THAT(why_not("a: b: c\n"), HasSubstr("second ': '"));
  EXPECT_THAT(why_not("a: {b: c\n"), HasSubstr("brace"));
  EXPECT_THAT(why_not("a: [b, c\n"), HasSubstr("bracket"));
  EXPECT_THAT(why_not("a: \"b\n"), HasSubstr("quotation mark"));
  EXPECT_THAT(why_not("a:\n  b:\n    c: 1\n   d: 2\n"),
              HasSubstr("pgkeep.yaml:4: not valid YAML: this line is"));
}

TEST_F(YamlFileTest, QuotesNoWordOfAFileThatMayHoldAPassword) {
  EXPECT_THAT(why_not("conninfo: password=secret: x\n"), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace pgkeep::server
