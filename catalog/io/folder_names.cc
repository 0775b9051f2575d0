#include "catalog/io/folder_names.h"

#include <cerrno>
#include <dirent.h>
#include <memory>

#include "catalog/io/error.h"
#include "catalog/io/handle.h"

namespace pgkeep::io {
namespace {

using DirectoryPtr = std::unique_ptr<DIR, FreeWith<::closedir>>;

}  // namespace

void for_each_name(const std::filesystem::path& directory,
                   const std::function<void(std::string_view)>& visit) {
  const auto fail = [&](int cause) { throw StorageError(cause, directory, "list the directory"); };
  const DirectoryPtr opened(::opendir(directory.c_str()));
  if (!opened) {
    const int cause = errno;
    if (cause == ENOENT) return;
    fail(cause);
  }
  while (true) {
    errno = 0;
    const auto* entry = ::readdir(opened.get());
    const int cause = errno;
    if (cause != 0) fail(cause);
    if (entry == nullptr) return;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") visit(name);
  }
}

}  // namespace pgkeep::io
