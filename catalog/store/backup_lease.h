#pragma once

#include "catalog/io/file.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// While somebody reads a backup it is not deleted: neither its record and table of contents, nor the
/// packs that they name. The lock is one on backup.json itself, so that reading makes no file in the
/// repository: it may be a read-only copy, and the reader another user. It goes with its process, however
/// that ends.
class BackupLease {
 public:
  /// Throws NotFound when there is no such committed backup, Busy when it is being deleted at this moment.
  BackupLease(const ServerLayout& layout, const BackupId& id);

 private:
  io::File record_;
};

/// The right to delete a backup, which nobody has while somebody reads it.
class BackupClaim {
 public:
  /// Throws NotFound when there is no such committed backup, Busy when it is being read.
  BackupClaim(const ServerLayout& layout, const BackupId& id);
  const BackupId& id() const noexcept { return id_; }

 private:
  BackupId id_;
  io::File record_;
};

/// Whether somebody reads it, or deletes it, at this moment; false where the file system has no locks. Keeps
/// nobody from it. Throws NotFound when there is no such committed backup.
bool is_being_read(const ServerLayout& layout, const BackupId& id);

}  // namespace pgkeep::store
