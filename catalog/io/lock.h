#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "catalog/io/handle.h"

namespace pgkeep::io {

/// Who holds a lock, as written into the lock file: for messages, never for decisions.
struct LockOwner {
  int pid = 0;
  std::string purpose;  // "backup", "receive-wal"
  std::string since;    // RFC 3339
};

/// An advisory lock between processes, on a small file. It belongs to the open file (F_OFD_SETLK), so it goes
/// with its holder, however that ends. The file stays; only the lock counts.
class FileLock {
 public:
  /// Takes the lock alone, and writes the owner into the file, if the disk has room for it. Throws Busy,
  /// naming the holder, when it is taken.
  static FileLock acquire(const std::filesystem::path& path, const std::string& purpose);
  /// The same, nothing when it is taken.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path, const std::string& purpose);
  /// The holder, when somebody has it alone now.
  static std::optional<LockOwner> holder(const std::filesystem::path& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

class File;

/// So long a lock is waited for that is held for milliseconds: a slow disk may be under it.
inline constexpr std::chrono::seconds kLockPatience{10};
/// Waits until nobody else has this file locked; held until `file`, which is open for writing, is closed. For
/// steps that take milliseconds, where nobody has to be named. Throws Busy after `patience`: a process that
/// was stopped while it held the lock must not stop all others silently.
void lock_alone(const File& file, std::chrono::seconds patience = kLockPatience);
/// The same, but false when somebody else still holds it after `patience`. With none it only tries. For what
/// can be done without.
bool lock_alone_within(const File& file, std::chrono::milliseconds patience);

enum class LockKind { shared, alone };
/// Locks an open file until it is closed; waits for nobody. `alone` needs one that is open for writing. False
/// when somebody else holds it in a way that excludes this one.
bool try_lock(const File& file, LockKind kind);
/// Whether somebody else holds a lock on it, shared or alone. Takes none, so that nobody is kept from it.
bool is_locked(const File& file);

}  // namespace pgkeep::io
