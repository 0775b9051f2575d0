#pragma once

#include <string>
#include <vector>

namespace pgkeep::recover {

/// A directory that a recovery writes to, or that PostgreSQL will write to while it replays.
struct Place {
  std::string path;  // absolute; there or not
  std::string what;  // "the destination", "tablespace fast (16385)": for messages
};

/// Looks at where the places really are, links and mounts resolved, on the host that `shell` leads to (a
/// command that takes a command line as its last argument: {"sh", "-c"}, or ssh and a host). Nothing is asked
/// of that host but sh and coreutils. Throws Refused for a place that
/// - lies in a data directory, a tablespace or a WAL directory of PostgreSQL, or in a repository of pgkeep,
///   live or not: what is written there harms what is there, and is removed with it;
/// - reaches the same directory as another place, or one inside of it;
/// - is a symbolic link that leads nowhere.
/// What is missing or not empty is for Delivery::check() to say.
void require_free_places(const std::vector<std::string>& shell, const std::vector<Place>& places);

}  // namespace pgkeep::recover
