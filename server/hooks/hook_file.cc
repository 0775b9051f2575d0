#include "server/hooks/hook_file.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

namespace pgkeep::server {

std::string why_not_run(const std::string& file, uid_t user) {
  struct ::stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return fmt::format("{} cannot be looked at: {}", file, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fmt::format("{} is no program", file);
  // What it does is done with all of that user's rights.
  if (status.st_uid != 0 && status.st_uid != user)
    return fmt::format("{} belongs to user {}; it must belong to root or to the user that pgkeep runs as",
                       file, status.st_uid);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fmt::format("others may write to {0} (mode {1:04o}); chmod go-w {0}", file,
                       status.st_mode & 07777);
  if (::access(file.c_str(), X_OK) != 0)
    return fmt::format("{0} cannot be executed by the user that pgkeep runs as; chmod +x {0}", file);
  return {};
}

}  // namespace pgkeep::server
