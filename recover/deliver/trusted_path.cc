#include "recover/deliver/trusted_path.h"

#include <cerrno>
#include <deque>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/user.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel

fs::path target_of(const fs::path& link) {
  std::error_code error;
  auto target = fs::read_symlink(link, error);
  if (error) throw StorageError(error.value(), link, "read the symbolic link");
  return target;
}

void require_trusted(const fs::path& path, const fs::path& link, uid_t owner) {
  if (::geteuid() != 0 || owner == 0) return;
  throw Refused(
      fmt::format("{}: {} is a symbolic link that belongs to {}, "
                  "who could lead what root writes to any other place; name the directory itself",
                  path.native(), link.native(), io::user_name(owner)));
}

}  // namespace

fs::path trusted_path(const fs::path& path) {
  std::deque<fs::path> left(path.begin(), path.end());
  fs::path real;
  for (int links = 0; !left.empty();) {
    const auto part = left.front();
    left.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      real = real.parent_path();
      continue;
    }
    const auto next = real / part;
    struct stat status {};
    if (::lstat(next.c_str(), &status) != 0 && errno != ENOENT && errno != ENOTDIR) {
      const int cause = errno;
      throw StorageError(cause, next, "look at");
    }
    if (!S_ISLNK(status.st_mode)) {
      real = next;
      continue;
    }
    require_trusted(path, next, status.st_uid);
    if (++links > kMostLinks) throw StorageError(ELOOP, path, "resolve");
    const auto target = target_of(next);
    if (target.is_absolute()) real.clear();
    left.insert(left.begin(), target.begin(), target.end());
  }
  return real;
}

}  // namespace pgkeep::recover
