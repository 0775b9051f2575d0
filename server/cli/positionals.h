#pragma once

#include "server/cli/command.h"

namespace pgkeep::server {

// Arguments that several commands take, with one name and one explanation.

inline constexpr Positional kOneServer{"SERVER", "the server, as named in the configuration"};
inline constexpr Positional kSomeServers{"SERVER", "servers, as named in the configuration, or `all`",
                                         Arity::one_or_more};
inline constexpr Positional kAnyServers{
    "SERVER", "servers, as named in the configuration; without any, or with `all`, all of them",
    Arity::any_number};
inline constexpr Positional kOneBackup{
    "BACKUP", "the backup: its id, the beginning of it, `latest` (`last`) or `oldest` (`first`)"};

}  // namespace pgkeep::server
