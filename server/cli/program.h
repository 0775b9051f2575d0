#pragma once

#include <string>
#include <vector>

namespace pgkeep::server {

/// The whole program: understands the command line, runs the command, says how it went, and returns the exit
/// code. Never throws.
int run_program(const std::vector<std::string>& arguments) noexcept;

}  // namespace pgkeep::server
