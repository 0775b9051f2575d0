#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

/// In memory: thousands of directories are written, and no disk has to keep them.
int main(int count, char** arguments) {
  ::testing::InitGoogleTest(&count, arguments);
  if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm"))
    ::setenv("TMPDIR", "/dev/shm", 1);
  return RUN_ALL_TESTS();
}
