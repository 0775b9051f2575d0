#pragma once

#include <filesystem>

#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// A file system of a few MiB, to be filled. Unmounted at the end.
class SmallDisk {
 public:
  /// False when this process may not mount; then the test skips.
  static bool available();

  explicit SmallDisk(int mebibytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  const std::filesystem::path& path() const noexcept { return mount_point_.path(); }
  /// Makes room, as an administrator would who enlarges the volume.
  void resize(int mebibytes);

 private:
  TempDirectory mount_point_;
};

}  // namespace pgkeep::test
