#include "server/cli/ssh_command.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kProgram = "pgkeep";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

WalPush parse_ssh_push(std::string_view line, std::string_view server) {
  auto words = words_of(line);
  const bool quiet = words.size() > 1 && (words[1] == "-q" || words[1] == "--quiet");
  if (quiet) words.erase(words.begin() + 1);
  const bool right = words.size() == 6 && words[0].substr(words[0].rfind('/') + 1) == kProgram &&
                     words[1] == "put-wal" && words[2] == server && words[4] == "--sha256";
  if (right) return {std::string(words[3]), std::string(words[5])};
  throw UsageError(
      fmt::format("this SSH key may only be used for `pgkeep -q put-wal {} NAME --sha256 HEX`; "
                  "that was not what was asked for",
                  server));
}

}  // namespace pgkeep::server
