#pragma once

#include <string>
#include <vector>

#include "recover/deliver/delivery.h"

namespace pgkeep::recover {

/// Looks at where the roots really are, links and mounts resolved, on the host that `shell` leads to (a
/// command that takes a command line as its last argument: {"sh", "-c"}, or ssh and a host). Nothing is asked
/// of that host but sh and coreutils. Throws Refused for a root that
/// - lies in a data directory, a tablespace or a WAL directory of PostgreSQL, or in a repository of pgkeep,
///   live or not: what is written there harms what is there, and is removed with it;
/// - reaches the same directory as another root, or one inside of it;
/// - is a symbolic link that leads nowhere.
/// What is missing or not empty is for Delivery::check() to say.
void require_free_places(const std::vector<std::string>& shell, const std::vector<DeliveryRoot>& roots);

}  // namespace pgkeep::recover
