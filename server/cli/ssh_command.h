#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// What put-wal is to take in.
struct WalPush {
  std::string name;
  std::optional<std::string> sha256;
};

/// Reads what an SSH client asked for whose key is restricted to `put-wal --from-ssh` of one server. Only
///
///     pgkeep [-q] put-wal SERVER NAME --sha256 HEX
///
/// word for word is taken (a path before pgkeep too): no shell has seen the line, and none shall. NAME and
/// HEX are checked by who uses them. Throws UsageError.
WalPush parse_ssh_push(std::string_view line, std::string_view server);

}  // namespace pgkeep::server
