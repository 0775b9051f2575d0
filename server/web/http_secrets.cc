#include "server/web/http_secrets.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "server/config/secret_file.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestToken = 512;

/// What can stand in a header, and be typed.
bool is_of_token(char c) {
  return c > ' ' && c < '\x7f';
}

std::string read_token(const std::string& path) {
  auto token = read_secret_file(path, "http.token_file");
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
  if (!config.certificate.empty()) access.certificate = read_named_file(config.certificate);
  if (!config.key.empty()) access.key = read_secret_file(config.key, "http.key");
  return access;
}

}  // namespace pgkeep::server
