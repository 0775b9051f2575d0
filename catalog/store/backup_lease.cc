#include "catalog/store/backup_lease.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"

namespace pgkeep::store {
namespace {

[[noreturn]] void not_found(const ServerLayout& layout, const BackupId& id) {
  throw NotFound(fmt::format("no backup {} in {}; list-backups shows those there are", id.to_string(),
                             layout.backups().native()));
}

template <typename Open>
io::File open_record(const ServerLayout& layout, const BackupId& id, Open&& open) {
  try {
    return open(layout.record(id));
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) not_found(layout, id);
    throw;
  }
}

/// True as well where the file system has no locks, as one mounted over the network may: a recovery has to be
/// possible from any copy.
bool share(const io::File& record) {
  try {
    return io::try_lock(record, io::LockKind::shared);
  } catch (const StorageError& error) {
    if (error.cause() != ENOLCK) throw;
    return true;
  }
}

/// False when it was unlinked between open and lock.
bool has_a_name(const io::File& file) {
  struct stat status {};
  return ::fstat(file.fd(), &status) == 0 && status.st_nlink > 0;
}

}  // namespace

BackupLease::BackupLease(const ServerLayout& layout, const BackupId& id)
    : record_(open_record(layout, id, io::File::open_to_read)) {
  if (!share(record_)) throw Busy(fmt::format("backup {} is being deleted", id.to_string()));
  if (!has_a_name(record_)) not_found(layout, id);
}

BackupClaim::BackupClaim(const ServerLayout& layout, const BackupId& id)
    : id_(id), record_(open_record(layout, id, io::File::open_to_change)) {
  if (!io::try_lock(record_, io::LockKind::alone))
    throw Busy(fmt::format("backup {} is being read by another process", id.to_string()));
  if (!has_a_name(record_)) not_found(layout, id);
}

bool is_being_read(const ServerLayout& layout, const BackupId& id) {
  const auto record = open_record(layout, id, io::File::open_to_read);
  try {
    return io::is_locked(record);
  } catch (const StorageError& error) {
    if (error.cause() != ENOLCK) throw;
    return false;
  }
}

}  // namespace pgkeep::store
