#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace pgkeep::server {

// A file of its own for each server: conf.d/NAME.yaml beside the main file, which `add-server` writes.

std::filesystem::path server_file(const Config& config, std::string_view name);
/// Whether a pattern of `include` takes that file in.
bool is_included(const Config& config, const std::filesystem::path& file);

/// What the file says of a server; everything else comes from the defaults.
struct NewServer {
  std::string name;
  std::string conninfo;
  std::string description;
  bool create_slot = true;
};
/// Why it cannot be written down as it is, and what to do; empty: it can.
std::string why_not_a_new_server(const NewServer& server);
/// The server as it is once the file is read with `config`.
ServerConfig with_defaults(const Config& config, const NewServer& server);
std::string server_file_text(const NewServer& server);

/// The file of a server, written durably with the mode of the main file, and its owner when root writes it.
/// Never takes the place of a file. Goes again unless it is kept. One thread.
class NewServerFile {
 public:
  /// Makes conf.d where it is missing. Throws Refused when the file is there already, StorageError.
  NewServerFile(const Config& config, const NewServer& server);
  NewServerFile(const NewServerFile&) = delete;
  NewServerFile& operator=(const NewServerFile&) = delete;
  ~NewServerFile();

  const std::filesystem::path& path() const noexcept { return path_; }
  void keep() noexcept { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

/// Takes the server's own file out of the configuration: it stays beside as NAME.yaml.removed, which is
/// returned, in the place of an earlier one. Throws Refused, with the place to edit, when the server stands
/// in another file or with others; StorageError.
std::filesystem::path set_server_file_aside(const Config& config, const ServerConfig& server);

}  // namespace pgkeep::server
