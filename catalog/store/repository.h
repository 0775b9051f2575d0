#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "catalog/io/hashing.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// A repository: a folder with the backups of a fleet, and the secret that keys its page digests.
/// Immutable after opening; may be read by any thread.
class Repository {
 public:
  using Id = std::array<std::byte, 16>;

  /// Throws NotFound when there is none, Refused when its format is not the one of this program, StorageError
  /// that names the owner when this user may not read it.
  static Repository open(const std::filesystem::path& named_root);
  /// Makes it when the folder is missing or empty; refuses a folder that holds something else.
  static Repository open_or_create(const std::filesystem::path& named_root);

  /// The one that a server's folder lies in, opened once more.
  static Repository of(const ServerLayout& layout) { return open(layout.root().parent_path()); }

  /// As real_root() gave it when the repository was opened.
  const std::filesystem::path& root() const noexcept { return root_; }
  /// The folder that is meant by a path in which there may be symbolic links: they are resolved once, here,
  /// and from there on none is followed.
  static std::filesystem::path real_root(const std::filesystem::path& root);
  const Id& id() const noexcept { return id_; }
  const io::DigestKey& digest_key() const noexcept { return digest_key_; }
  /// Held alone by the daemon that serves the repository.
  std::filesystem::path daemon_lock() const { return root_ / "daemon.lock"; }
  /// `name` has been checked by the configuration: letters, digits, '_', '-', '.', not starting with '.'.
  ServerLayout server(const std::string& name) const;

 private:
  Repository() = default;
  std::filesystem::path root_;
  Id id_{};
  io::DigestKey digest_key_{};
};

}  // namespace pgkeep::store
