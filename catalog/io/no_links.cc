#include "catalog/io/no_links.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;

constexpr int kDirectory = O_PATH | O_DIRECTORY;

bool is_link(int directory, const char* name) {
  struct stat status {};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

/// One step. The kernel says ENOTDIR of a link where a directory is wanted, which would hide the cause.
UniqueFd step(int directory, const char* name, int flags, mode_t mode = 0) {
  UniqueFd fd(::openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd && errno == ENOTDIR) errno = is_link(directory, name) ? ELOOP : ENOTDIR;
  return fd;
}

bool leaves_directory(const fs::path& path) {
  return path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
}

UniqueFd open_by_kernel(int base, const fs::path& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_NO_SYMLINKS | (base == AT_FDCWD ? 0 : RESOLVE_BENEATH);
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, base, path.c_str(), &how, sizeof how)));
}

}  // namespace

UniqueFd open_without_links(int base, const fs::path& path, int flags, mode_t mode) {
  while (true) {
    auto fd = open_by_kernel(base, path, flags, mode);
    if (fd) return fd;
    if (errno == EINTR) continue;
    // EPERM: some containers answer so to a call that they do not know.
    if (errno == ENOSYS || errno == EPERM || errno == EAGAIN)
      return walk_without_links(base, path, flags, mode);
    return fd;
  }
}

UniqueFd walk_without_links(int base, const fs::path& path, int flags, mode_t mode) {
  const bool beneath = base != AT_FDCWD;
  if (beneath && leaves_directory(path)) {
    errno = EXDEV;
    return {};
  }
  UniqueFd at;
  if (path.is_absolute()) at = UniqueFd(::open("/", kDirectory | O_CLOEXEC));
  const auto relative = path.relative_path();
  for (auto part = relative.begin(); part != relative.end();) {
    const std::string name = part->empty() ? "." : part->native();  // empty: after a slash at the end
    const bool last = ++part == relative.end();
    const int directory = at ? at.get() : base;
    at = last ? step(directory, name.c_str(), flags, mode) : step(directory, name.c_str(), kDirectory);
    if (!at) return at;
  }
  if (relative.empty()) return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
  return at;
}

PlaceInDirectory place_without_links(int base, const fs::path& path) {
  // "PATH/" means PATH.
  const auto& entry = path.has_filename() ? path : path.parent_path();
  const auto parent = entry.parent_path();
  return {open_without_links(base, parent.empty() ? fs::path(".") : parent, kDirectory),
          entry.filename().native()};
}

bool give_to_owner_of(int directory, int fd) {
  if (::geteuid() != 0) return true;
  struct stat status {};
  if (::fstat(directory, &status) != 0) return false;
  return status.st_uid == 0 || ::fchown(fd, status.st_uid, status.st_gid) == 0;
}

fs::path real_path(const fs::path& path) {
  std::error_code error;
  auto real = fs::canonical(path, error);
  if (error) throw StorageError(error.value(), path, "open");
  return real;
}

std::filesystem::path real_place(const std::filesystem::path& file) {
  const auto parent = file.parent_path();
  return real_path(parent.empty() ? "." : parent) / file.filename();
}

}  // namespace pgkeep::io
