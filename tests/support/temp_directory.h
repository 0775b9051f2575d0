#pragma once

#include <filesystem>

namespace pgkeep::test {

/// For what is only names and bytes, and need not survive anything: /dev/shm where there is one and TMPDIR
/// says nothing else.
std::filesystem::path folder_in_memory();

/// A new directory under the system's temporary one, or another; removed with all that is in it at the end.
class TempDirectory {
 public:
  TempDirectory();
  explicit TempDirectory(const std::filesystem::path& below);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace pgkeep::test
