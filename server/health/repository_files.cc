#include "server/health/repository_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/user.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

/// Nothing when it has gone since it was listed.
std::optional<struct ::stat> status_of(const fs::path& path) {
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) == 0) return status;
  const int cause = errno;
  if (cause == ENOENT) return std::nullopt;
  throw StorageError(cause, path, "look at");
}

std::optional<std::string> problem_of(const fs::path& path, uid_t owner) {
  std::optional<struct ::stat> status;
  try {
    status = status_of(path);
  } catch (const StorageError& error) {
    return error.what();  // the rest is told all the same
  }
  if (!status) return std::nullopt;
  if (S_ISLNK(status->st_mode)) return fmt::format("{} is a symbolic link", path.native());
  if (status->st_uid != owner)
    return fmt::format("{} belongs to {}", path.native(), io::user_name(status->st_uid));
  if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("{} can be written by others", path.native());
  return std::nullopt;
}

void look_at_entries(const fs::path& folder, uid_t owner, std::vector<std::string>& problems) {
  try {
    for (const auto& entry : io::entries(folder))
      if (auto problem = problem_of(entry.path(), owner)) problems.push_back(std::move(*problem));
  } catch (const StorageError& error) {  // the rest is told all the same
    if (error.cause() != ENOTDIR) problems.emplace_back(error.what());
  }
}

void look_into_backups(const store::ServerLayout& layout, uid_t owner, std::vector<std::string>& problems) {
  try {
    for (const auto& entry : io::entries(layout.backups()))
      if (!entry.is_symlink()) look_at_entries(entry.path(), owner, problems);
  } catch (const StorageError&) {
    // That it cannot be listed was said when its entries were looked at.
  }
}

}  // namespace

std::vector<std::string> find_unusable_files(const store::Repository& repository,
                                             const store::ServerLayout& layout) {
  std::vector<std::string> problems;
  const auto root = status_of(repository.root());
  if (!root) return problems;
  const auto owner = root->st_uid;
  if (auto problem = problem_of(repository.root(), owner)) problems.push_back(std::move(*problem));
  for (const auto& folder :
       {repository.root(), layout.root(), layout.writer_lock().parent_path(), layout.wal(),
        layout.wal_streaming(), layout.wal_conflicts(), layout.packs(), layout.backups()}) {
    look_at_entries(folder, owner, problems);
  }
  look_into_backups(layout, owner, problems);
  std::ranges::sort(problems);
  return problems;
}

}  // namespace pgkeep::server
