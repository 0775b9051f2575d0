#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::io {

/// The text as one word for a POSIX shell, in single quotes unless it needs none.
std::string shell_quote(std::string_view text);

/// Splits a command line into words as a shell would: blanks, '…', "…" and backslashes. Nothing is expanded.
/// Throws UsageError when a quote is not closed or there is no word at all.
std::vector<std::string> split_command(std::string_view command);

}  // namespace pgkeep::io
