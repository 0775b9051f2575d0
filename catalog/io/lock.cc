#include "catalog/io/lock.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "catalog/io/units.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;

// The file holds one line: "pid N purpose P since T".
constexpr std::string_view kPid = "pid ";
constexpr std::string_view kPurpose = " purpose ";
constexpr std::string_view kSince = " since ";

UniqueFd open_lock_file(const fs::path& path) {
  const auto file = File::open_or_create(path);
  UniqueFd fd(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));  // the same open file: it keeps the lock
  if (!fd) {
    const int cause = errno;
    throw StorageError(cause, path, "open");
  }
  return fd;
}

struct flock whole_file(short type) {
  struct flock lock {};  // l_pid must be 0, and a length of 0 reaches to the end
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// False when somebody else holds it in a way that excludes this one.
bool try_set_lock(int fd, short type, const fs::path& path) {
  auto lock = whole_file(type);
  while (::fcntl(fd, F_OFD_SETLK, &lock) != 0) {
    const int cause = errno;
    if (cause == EAGAIN || cause == EACCES) return false;
    if (cause != EINTR) throw StorageError(cause, path, "lock");
  }
  return true;
}

/// As well as it can be done: the line is for messages only, and on a full disk the lock must still be had,
/// to delete something. A line that was cut names nobody.
void write_owner(int fd, const std::string& purpose) {
  const auto line =
      fmt::format("{}{}{}{}{}{}\n", kPid, ::getpid(), kPurpose, purpose, kSince, format_rfc3339(now()));
  const bool written =
      ::ftruncate(fd, 0) == 0 && ::pwrite(fd, line.data(), line.size(), 0) == std::ssize(line);
  if (!written) static_cast<void>(!::ftruncate(fd, 0));
}

LockOwner parse_owner(std::string_view line) {
  LockOwner owner;
  if (const auto end = line.find('\n'); end != line.npos) line = line.substr(0, end);
  const auto purpose = line.find(kPurpose);
  const auto since = line.rfind(kSince);
  if (!line.starts_with(kPid) || purpose == line.npos || since == line.npos ||
      since < purpose + kPurpose.size()) {
    return owner;
  }
  std::from_chars(line.data() + kPid.size(), line.data() + purpose, owner.pid);
  owner.purpose = line.substr(purpose + kPurpose.size(), since - purpose - kPurpose.size());
  owner.since = line.substr(since + kSince.size());
  return owner;
}

LockOwner read_owner(int fd) {
  std::array<char, 512> line{};
  const auto n = ::pread(fd, line.data(), line.size(), 0);
  return n <= 0 ? LockOwner{} : parse_owner({line.data(), static_cast<std::size_t>(n)});
}

/// Whether somebody else holds it in a way that excludes a lock of that type. Asks without taking the lock,
/// which flock() cannot: there a question would make the try of another, at the same moment, fail.
bool others_exclude(int fd, short type, const fs::path& path) {
  auto lock = whole_file(type);
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) {
    const int cause = errno;
    throw StorageError(cause, path, "ask for the holder of the lock");
  }
  return lock.l_type != F_UNLCK;
}

/// Nothing when only sharers hold it, or nobody any more.
std::optional<LockOwner> owner_of(int fd, const fs::path& path) {
  if (!others_exclude(fd, F_RDLCK, path)) return std::nullopt;
  return read_owner(fd);
}

[[noreturn]] void refuse(const fs::path& path, const std::optional<LockOwner>& owner) {
  if (!owner) {
    throw Busy(fmt::format("{} is in use by another process; try again when that has ended", path.native()));
  }
  if (owner->pid == 0) throw Busy(fmt::format("{} is held by another process", path.native()));
  throw Busy(fmt::format("{} is held by {} (process {}, since {})", path.native(), owner->purpose, owner->pid,
                         owner->since));
}

}  // namespace

std::optional<FileLock> FileLock::try_acquire(const fs::path& path, const std::string& purpose) {
  auto fd = open_lock_file(path);
  if (!try_set_lock(fd.get(), F_WRLCK, path)) return std::nullopt;
  write_owner(fd.get(), purpose);
  return FileLock(std::move(fd));
}

FileLock FileLock::acquire(const fs::path& path, const std::string& purpose) {
  auto fd = open_lock_file(path);
  if (!try_set_lock(fd.get(), F_WRLCK, path)) refuse(path, owner_of(fd.get(), path));
  write_owner(fd.get(), purpose);
  return FileLock(std::move(fd));
}

std::optional<LockOwner> FileLock::holder(const fs::path& path) {
  const auto fd = open_without_links(AT_FDCWD, path, O_RDONLY);
  if (fd) return owner_of(fd.get(), path);
  const int cause = errno;
  if (cause == ENOENT) return std::nullopt;
  throw StorageError(cause, path, "open");
}

bool is_locked(const File& file) {
  return others_exclude(file.fd(), F_WRLCK, file.path());
}

bool try_lock(const File& file, LockKind kind) {
  return try_set_lock(file.fd(), kind == LockKind::shared ? F_RDLCK : F_WRLCK, file.path());
}

void lock_alone(const File& file, std::chrono::seconds patience) {
  if (lock_alone_within(file, patience)) return;
  throw Busy(
      fmt::format("{}: another process has held this lock for {} s, which is held for milliseconds: "
                  "it was stopped, or its disk does not answer. `fuser -v {}` names it; "
                  "let it continue, or end it, and try again",
                  file.path().native(), patience.count(), file.path().native()));
}

bool lock_alone_within(const File& file, std::chrono::milliseconds patience) {
  // The kernel has no wait with an end for these locks.
  constexpr std::chrono::milliseconds kPause{5};
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!try_lock(file, LockKind::alone)) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace pgkeep::io
