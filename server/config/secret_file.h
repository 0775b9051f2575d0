#pragma once

#include <string>
#include <string_view>

namespace pgkeep::server {

/// The content of a file that a setting names. Throws StorageError.
std::string read_named_file(const std::string& path);

/// The same of a secret. Throws Error when others may read the file; no message has its content.
std::string read_secret_file(const std::string& path, std::string_view setting);
/// The same of one that is a line; without its end. Throws Error as well when it is empty, or more than one.
std::string read_secret_line(const std::string& path, std::string_view setting);

}  // namespace pgkeep::server
