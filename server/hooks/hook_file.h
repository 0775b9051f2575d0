#pragma once

#include <string>

#include <sys/types.h>

namespace pgkeep::server {

/// Why the program of a hook is not run as that user: it is missing, cannot be executed, or somebody else
/// could change what it does. Empty when it may be.
std::string why_not_run(const std::string& file, uid_t user);

}  // namespace pgkeep::server
