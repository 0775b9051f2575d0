#include "server/web/http_secrets.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 20;
constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestToken = 512;

std::string read_text(const std::filesystem::path& path) {
  const auto content = io::read_whole_file(io::real_path(path), kLongestFile);
  return std::string(io::as_text(content));
}

/// Throws Error when others may read the file.
std::string read_secret(const std::string& path, std::string_view setting) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int cause = errno;
    throw StorageError(cause, path, "stat");
  }
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0)
    throw Error(fmt::format("{} holds {}, and others may read it (mode {:04o}); chmod 600 {}", path, setting,
                            status.st_mode & 07777, path));
  return read_text(path);
}

/// What can stand in a header, and be typed.
bool is_of_token(char c) {
  return c > ' ' && c < '\x7f';
}

std::string read_token(const std::string& path) {
  auto token = read_secret(path, "http.token_file");
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  if (token.size() >= kShortestToken && token.size() <= kLongestToken &&
      std::ranges::all_of(token, is_of_token))
    return token;
  throw Error(
      fmt::format("{}: one line of {} to {} letters, digits and signs is expected as the token; "
                  "`openssl rand -hex 24` makes one",
                  path, kShortestToken, kLongestToken));
}

}  // namespace

HttpAccess read_http_access(const HttpConfig& config) {
  HttpAccess access;
  access.address = config.listen->address;
  access.port = config.listen->port;
  if (!config.token_file.empty()) access.token = read_token(config.token_file);
  if (!config.certificate.empty()) access.certificate = read_text(config.certificate);
  if (!config.key.empty()) access.key = read_secret(config.key, "http.key");
  return access;
}

}  // namespace pgkeep::server
