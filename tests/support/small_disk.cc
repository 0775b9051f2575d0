#include "tests/support/small_disk.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mount.h>

namespace pgkeep::test {
namespace {

bool mount_at(const std::filesystem::path& path, int mebibytes, unsigned long flags) {
  const std::string options = fmt::format("size={}m,mode=0755", mebibytes);
  return ::mount("tmpfs", path.c_str(), "tmpfs", flags, options.c_str()) == 0;
}

}  // namespace

bool SmallDisk::available() {
  if (::geteuid() != 0) return false;
  // Root in a container may lack the right as well; trying is the only sure test.
  const TempDirectory probe;
  if (!mount_at(probe.path(), 1, 0)) return false;
  return ::umount2(probe.path().c_str(), MNT_DETACH) == 0;
}

SmallDisk::SmallDisk(int mebibytes) {
  if (!mount_at(mount_point_.path(), mebibytes, 0))
    throw std::runtime_error(
        fmt::format("cannot mount a tmpfs of {} MiB: {}", mebibytes, std::strerror(errno)));
}

SmallDisk::~SmallDisk() {
  ::umount2(mount_point_.path().c_str(), MNT_DETACH);
}

void SmallDisk::resize(int mebibytes) {
  if (!mount_at(mount_point_.path(), mebibytes, MS_REMOUNT))
    throw std::runtime_error(
        fmt::format("cannot resize a tmpfs to {} MiB: {}", mebibytes, std::strerror(errno)));
}

}  // namespace pgkeep::test
