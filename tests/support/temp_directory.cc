#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace pgkeep::test {

std::filesystem::path folder_in_memory() {
  const std::filesystem::path memory = "/dev/shm";
  const bool is_chosen = std::getenv("TMPDIR") != nullptr;
  return is_chosen || !std::filesystem::is_directory(memory) ? std::filesystem::temp_directory_path() : memory;
}

TempDirectory::TempDirectory() : TempDirectory(std::filesystem::temp_directory_path()) {}

TempDirectory::TempDirectory(const std::filesystem::path& below) {
  std::string name = below / "pgkeep-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make a temporary directory: " + name);
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;  // a destructor cleans up as far as it can
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pgkeep::test
