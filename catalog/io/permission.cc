#include "catalog/io/permission.h"

#include <optional>

#include <fmt/format.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "catalog/io/user.h"

namespace pgkeep {
namespace {

namespace fs = std::filesystem;

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// The user whose rights count for files, which is not root's while root acts as another.
uid_t acting_user() {
  constexpr uid_t kAsk = static_cast<uid_t>(-1);
  return static_cast<uid_t>(::setfsuid(kAsk));
}

fs::path parent_of(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

std::string why_denied(const fs::path& path) {
  auto place = path;
  auto status = status_of(place);
  while (!status && place.has_relative_path()) {
    place = parent_of(place);
    status = status_of(place);
  }
  if (!status) return {};
  const auto us = acting_user();
  const auto shown = place == path ? "it" : place.native();
  if (status->st_uid == us) {
    return fmt::format("{} belongs to {}, who runs pgkeep, and has mode {:04o}", shown, io::user_name(us),
                       status->st_mode & 07777U);
  }
  auto text = fmt::format("{} belongs to {}, and pgkeep runs as {}", shown, io::user_name(status->st_uid),
                          io::user_name(us));
  const auto folder = status_of(parent_of(place));
  // Only what lies in a folder of ours is known to be meant for us.
  if (folder && folder->st_uid == us) {
    text += fmt::format(
        "; as root: `chown --no-dereference {} {}`, "
        "and `pgkeep check` tells whether more of the repository belongs to others",
        io::user_name(us), place.native());
  }
  return text;
}

}  // namespace pgkeep
