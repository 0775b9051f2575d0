#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace pgkeep::test {

TempDirectory::TempDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "pgkeep-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make a temporary directory: " + name);
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;  // a destructor cleans up as far as it can
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pgkeep::test
