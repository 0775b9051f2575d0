#pragma once

#include <string>
#include <string_view>

namespace pgkeep::recover {

/// A restore_command as PostgreSQL runs it: %f, %p and %r replaced, %% for a percent sign.
std::string fill_in(std::string_view command, std::string_view file, std::string_view path);

/// Runs a restore_command as `user` of this host, which takes root, and asks it for a file that cannot be
/// there. A command that works says so with an exit code from 1 to 125. Returns why it does not work; empty
/// when it does.
std::string try_restore_command(std::string_view command, const std::string& user);

}  // namespace pgkeep::recover
