#include "server/config/server_file.h"

#include <algorithm>
#include <fnmatch.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolder = "conf.d";

struct ::stat status_of(const fs::path& path) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) == 0) return status;
  const int cause = errno;
  throw StorageError(cause, path, "stat");
}

/// As YAML takes it for the same text: single quotes know one special character, themselves.
std::string yaml_quoted(std::string_view text) {
  std::string result = "'";
  for (const char character : text) {
    if (character == '\'') result += '\'';
    result += character;
  }
  return result + "'";
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void make_folder(const fs::path& folder) {
  if (io::is_there(folder)) return;
  io::make_directories(folder, status_of(folder.parent_path()).st_mode & 0777);
}

void take_owner_and_mode(const io::File& file, const struct ::stat& like) {
  const bool as_root = ::geteuid() == 0;
  if (as_root && ::fchown(file.fd(), like.st_uid, like.st_gid) != 0) {
    const int cause = errno;
    throw StorageError(cause, file.path(), "change the owner of");
  }
  if (::fchmod(file.fd(), like.st_mode & 0777) != 0) {
    const int cause = errno;
    throw StorageError(cause, file.path(), "change the mode of");
  }
}

/// Under a name that no pattern for *.yaml takes in; one of an earlier attempt is in the way of nobody.
fs::path write_beside(const fs::path& path, std::string_view text, const struct ::stat& like) {
  const fs::path beside = fmt::format("{}.{}.new", path.native(), ::getpid());
  io::remove_file(beside);
  auto file = io::File::create(beside);
  file.append(io::as_bytes(text));
  take_owner_and_mode(file, like);
  file.sync();
  file.close();
  return beside;
}

/// A rename would take the place of a file that somebody else has just made.
void give_final_name(const fs::path& from, const fs::path& to) {
  const int result = ::link(from.c_str(), to.c_str());
  const int cause = errno;
  io::remove_file(from);
  if (result != 0 && cause == EEXIST)
    throw Refused(
        fmt::format("{} is there already; remove it, or choose another name for the server", to.native()));
  if (result != 0) throw StorageError(cause, to, "create");
  io::sync_directory(to.parent_path());
}

/// "FILE" of "FILE:LINE".
std::string_view file_of(std::string_view place) {
  return place.substr(0, place.rfind(':'));
}

}  // namespace

fs::path server_file(const Config& config, std::string_view name) {
  auto folder = io::real_path(config.file).parent_path() / kFolder;
  if (fs::exists(folder)) folder = io::real_path(folder);
  return folder / fmt::format("{}.yaml", name);
}

bool is_included(const Config& config, const fs::path& file) {
  const auto name = config.file.parent_path() / kFolder / file.filename();
  return std::ranges::any_of(config.includes, [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), file.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0 ||
           ::fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
  });
}

std::string why_not_a_new_server(const NewServer& server) {
  if (auto why = why_not_a_server_name(server.name); !why.empty()) return why;
  if (has_control_characters(server.conninfo) || has_control_characters(server.description))
    return "CONNINFO and the description stand in one line each: no line breaks or tabs, please";
  if (server.conninfo.empty())
    return "CONNINFO is empty; say how to reach the server, as 'host=pg1 user=pgkeep'";
  if (!streaming::holds_password(server.conninfo)) return {};
  return "CONNINFO holds a password, which shells and process lists show; leave it out, and put a line into "
         "~/.pgpass (mode 0600) of the user who runs pgkeep: HOST:PORT:*:USER:PASSWORD";
}

ServerConfig with_defaults(const Config& config, const NewServer& server) {
  auto result = config.defaults;
  result.name = server.name;
  result.conninfo = server.conninfo;
  result.description = server.description;
  if (!server.create_slot) result.create_slot = false;
  return result;
}

std::string server_file_text(const NewServer& server) {
  auto text = fmt::format("servers:\n  {}:\n    conninfo: {}\n", yaml_quoted(server.name),
                          yaml_quoted(server.conninfo));
  if (!server.description.empty())
    text += fmt::format("    description: {}\n", yaml_quoted(server.description));
  if (!server.create_slot) text += "    create_slot: false\n";
  return text;
}

NewServerFile::NewServerFile(const Config& config, const NewServer& server)
    : path_(server_file(config, server.name)) {
  const auto like = status_of(config.file);
  make_folder(path_.parent_path());
  give_final_name(write_beside(path_, server_file_text(server), like), path_);
}

NewServerFile::~NewServerFile() {
  if (kept_) return;
  std::error_code ignored;  // what is left is seen by whoever reads the configuration
  fs::remove(path_, ignored);
}

fs::path set_server_file_aside(const Config& config, const ServerConfig& server) {
  const auto path = server_file(config, server.name);
  const auto& place = config.places.at(server.name);
  std::error_code not_there;
  const bool is_own = fs::equivalent(path, file_of(place), not_there) && !not_there;
  const auto beside = std::ranges::count_if(
      config.places, [&](const auto& entry) { return file_of(entry.second) == file_of(place); });
  if (!is_own || beside > 1) {
    throw Refused(
        fmt::format("server {} stands at {}, and not alone in {}: remove its lines there by hand, then "
                    "`pgkeep reload`, which says how to drop its slot",
                    server.name, place, path.native()));
  }
  const fs::path aside = path.native() + ".removed";
  io::rename_durably(path, aside);
  return aside;
}

}  // namespace pgkeep::server
