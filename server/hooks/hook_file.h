#pragma once

#include <string>

namespace pgkeep::server {

/// Why the program of a hook is not run: it is missing, cannot be executed, or somebody else could change
/// what it does. Empty when it may be.
std::string why_not_run(const std::string& file);

}  // namespace pgkeep::server
