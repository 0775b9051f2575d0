#include "server/config/secret_file.h"

#include <cerrno>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 20;

}  // namespace

std::string read_named_file(const std::string& path) {
  const auto content = io::read_whole_file(io::real_path(path), kLongestFile);
  return std::string(io::as_text(content));
}

std::string read_secret_file(const std::string& path, std::string_view setting) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int cause = errno;
    throw StorageError(cause, path, "stat");
  }
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0)
    throw Error(fmt::format("{} holds {}, and others may read it (mode {:04o}); chmod 600 {}", path, setting,
                            status.st_mode & 07777, path));
  return read_named_file(path);
}

std::string read_secret_line(const std::string& path, std::string_view setting) {
  auto line = read_secret_file(path, setting);
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.empty() || line.find('\n') != line.npos)
    throw Error(fmt::format("{}: one line with {} is expected", path, setting));
  return line;
}

}  // namespace pgkeep::server
