#include "catalog/io/file_facts.h"

#include <cerrno>
#include <chrono>

#include <sys/stat.h>

#include "catalog/io/error.h"

namespace pgkeep::io {

std::optional<FileFacts> facts_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    const int cause = errno;
    if (cause == ENOENT) return std::nullopt;
    throw StorageError(cause, path, "look at the file");
  }
  const auto since_epoch =
      std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return FileFacts{static_cast<std::uint64_t>(status.st_size),
                   TimePoint(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch))};
}

}  // namespace pgkeep::io
