#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::test {
namespace {

/// It may end the process when the bytes are no UTF-8 (see io::in_quotes(), which takes any).
TEST(FormatsTest, NoMessageIsMadeWithADebugFormat) {
  const std::string format = "{:?";
  std::vector<std::string> found;
  for (const auto* top : {"catalog", "streaming", "recover", "server"}) {
    const auto folder = std::filesystem::path(PGKEEP_SOURCE_DIR) / top;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);)
        if (line.find(format) != line.npos) found.push_back(entry.path().filename().string() + ": " + line);
    }
  }
  EXPECT_THAT(found, testing::IsEmpty());
}

}  // namespace
}  // namespace pgkeep::test
