#pragma once

#include <filesystem>
#include <string>

namespace pgkeep {

/// Why this user may not use `path`, and what to do about it, for a message: whose the path is (or the
/// innermost folder before it that can be looked at), who runs pgkeep, and the command that gives the file
/// back where it is a foreign one among our own. Looks at the files as they are now. Any thread.
std::string why_denied(const std::filesystem::path& path);

}  // namespace pgkeep
