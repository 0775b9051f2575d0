#include "catalog/io/lock.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/file.h>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/units.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;

// The file holds one line: "pid N purpose P since T".
constexpr std::string_view kPid = "pid ";
constexpr std::string_view kPurpose = " purpose ";
constexpr std::string_view kSince = " since ";

/// holder() probes by sharing the lock for some microseconds; who asks for it alone just then tries again.
constexpr int kTries = 5;
constexpr std::chrono::milliseconds kBetweenTries{2};

UniqueFd open_lock_file(const fs::path& path) {
  auto file = File::open_or_create(path);
  UniqueFd fd(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));  // the same open file: it keeps the lock
  if (!fd) {
    const int cause = errno;
    throw StorageError(cause, path, "open");
  }
  return fd;
}

/// False when somebody else holds it in a way that excludes this one.
bool try_flock(int fd, int operation, const fs::path& path) {
  while (::flock(fd, operation | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno == EINTR) continue;
    const int cause = errno;
    throw StorageError(cause, path, "lock");
  }
  return true;
}

bool try_flock_repeatedly(int fd, int operation, const fs::path& path) {
  for (int left = kTries; !try_flock(fd, operation, path); std::this_thread::sleep_for(kBetweenTries)) {
    if (--left == 0) return false;
  }
  return true;
}

void write_owner(int fd, const std::string& purpose, const fs::path& path) {
  const auto line =
      fmt::format("{}{}{}{}{}{}\n", kPid, ::getpid(), kPurpose, purpose, kSince, format_rfc3339(now()));
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, line.data(), line.size(), 0) != std::ssize(line)) {
    const int cause = errno;
    throw StorageError(cause, path, "write the owner of the lock");
  }
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

/// Nothing when only sharers hold it, or nobody any more.
std::optional<LockOwner> owner_of(int fd, const fs::path& path) {
  if (try_flock(fd, LOCK_SH, path)) {
    ::flock(fd, LOCK_UN);
    return std::nullopt;
  }
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
  if (!try_flock_repeatedly(fd.get(), LOCK_EX, path)) return std::nullopt;
  write_owner(fd.get(), purpose, path);
  return FileLock(std::move(fd));
}

FileLock FileLock::acquire(const fs::path& path, const std::string& purpose) {
  auto fd = open_lock_file(path);
  if (!try_flock_repeatedly(fd.get(), LOCK_EX, path)) refuse(path, owner_of(fd.get(), path));
  write_owner(fd.get(), purpose, path);
  return FileLock(std::move(fd));
}

FileLock FileLock::acquire_shared(const fs::path& path) {
  auto fd = open_lock_file(path);
  if (!try_flock(fd.get(), LOCK_SH, path)) refuse(path, read_owner(fd.get()));
  return FileLock(std::move(fd));
}

std::optional<LockOwner> FileLock::holder(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd) return owner_of(fd.get(), path);
  const int cause = errno;
  if (cause == ENOENT) return std::nullopt;
  throw StorageError(cause, path, "open");
}

}  // namespace pgkeep::io
