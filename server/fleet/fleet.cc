#include "server/fleet/fleet.h"

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "catalog/io/user.h"
#include "server/config/suggestion.h"
#include "server/fleet/unmounted.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kAll = "all";

void refuse_root_beside_owner(const std::filesystem::path& repository) {
  struct ::stat found {};
  if (::geteuid() != 0 || ::stat(repository.c_str(), &found) != 0 || found.st_uid == 0) return;
  const auto name = io::user_name(found.st_uid);
  throw Refused(
      fmt::format("{}: the repository belongs to {}, and what root writes into it would lock that user out: "
                  "runuser -u {} -- pgkeep …",
                  repository.native(), name, name));
}

store::Repository open_repository(const Config& config, Fleet::Access access,
                                  const std::vector<std::string>& servers) {
  if (access != Fleet::Access::recover) refuse_root_beside_owner(config.repository);
  if (access != Fleet::Access::create) return store::Repository::open(config.repository);
  if (!servers.empty()) choose_servers(config, servers, true);
  if (auto repository = open_repository_if_there(config)) return std::move(*repository);
  if (const auto place = unmounted_place(config.repository)) {
    throw Refused(
        fmt::format("{}: no repository here, and {} is not mounted, which /etc/fstab names: "
                    "is the repository on that file system? Mount it. None was made",
                    config.repository.native(), place->native()));
  }
  return store::Repository::open_or_create(config.repository);
}

void require_active(const Config& config, const ServerConfig& server) {
  if (server.active) return;
  throw UsageError(
      fmt::format("server {} is out of service (`active: false` in {})", server.name, config.file.native()));
}

[[noreturn]] void nothing_stored(const ServerConfig& server, const store::ServerLayout& layout) {
  throw NotFound(
      fmt::format("{}: nothing is stored for server {} yet; `pgkeep serve` or `pgkeep backup {}` begins",
                  layout.root().native(), server.name, server.name));
}

}  // namespace

Fleet::Fleet(const std::filesystem::path& config_file, Access access, const std::vector<std::string>& servers)
    : config_(load_config(config_file)), repository_(open_repository(config_, access, servers)) {}

const ServerConfig& find_server(const Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.servers, name, &ServerConfig::name);
  if (found != config.servers.end()) return *found;
  std::vector<std::string> names;
  for (const auto& server : config.servers) names.push_back(server.name);
  throw NotFound(
      fmt::format("no server '{}' in {}{}", name, config.file.native(), did_you_mean(name, names)));
}

const ServerConfig& require_active_server(const Config& config, const std::string& name) {
  const auto& server = find_server(config, name);
  require_active(config, server);
  return server;
}

std::optional<store::Repository> open_repository_if_there(const Config& config) {
  refuse_root_beside_owner(config.repository);
  try {
    return store::Repository::open(config.repository);
  } catch (const NotFound&) {
    return std::nullopt;
  }
}

std::vector<const ServerConfig*> choose_servers(const Config& config, const std::vector<std::string>& names,
                                                bool active_only) {
  std::vector<const ServerConfig*> chosen;
  const bool all = std::ranges::find(names, kAll) != names.end();
  if (all && names.size() > 1) throw UsageError("`all` cannot stand beside the names of servers");
  if (all || names.empty()) {
    for (const auto& server : config.servers)
      if (server.active || !active_only) chosen.push_back(&server);
    if (chosen.empty())
      throw NotFound(fmt::format("{}: there is no {}server; `pgkeep add-server NAME CONNINFO` adds one",
                                 config.file.native(), active_only ? "active " : ""));
    return chosen;
  }
  for (const auto& name : names) {
    const auto& server = find_server(config, name);
    if (active_only) require_active(config, server);
    if (std::ranges::find(chosen, &server) == chosen.end()) chosen.push_back(&server);
  }
  return chosen;
}

Exit for_each_server(const std::vector<const ServerConfig*>& servers, Output& out,
                     const std::function<Exit(const ServerConfig&)>& work) {
  if (servers.size() == 1) return work(*servers.front());
  std::vector<std::string> failed;
  for (const auto* server : servers) {
    try {
      if (work(*server) != Exit::ok) failed.push_back(server->name);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      out.failure(fmt::format("{}: {}", server->name, error.what()));
      failed.push_back(server->name);
    }
  }
  return tell_of_failed(failed, servers.size(), out);
}

Exit tell_of_failed(const std::vector<std::string>& failed, std::size_t servers, Output& out) {
  if (failed.empty()) return Exit::ok;
  const auto exit = failed.size() == servers ? Exit::failed : Exit::partly;
  out.error(fmt::format("{} of {} servers failed: {}", failed.size(), servers, fmt::join(failed, ", ")),
            exit);
  return exit;
}

bool is_known(const store::ServerLayout& layout) {
  return io::is_there(layout.identity());
}

void require_known(const ServerConfig& server, const store::ServerLayout& layout) {
  if (!is_known(layout)) nothing_stored(server, layout);
}

catalog::ServerCatalog open_catalog(const ServerConfig& server, const store::ServerLayout& layout,
                                    const Warn& warn) {
  require_known(server, layout);
  auto index = catalog::ServerCatalog::open(layout);
  if (const auto& why = index.opened_anew())
    warn(fmt::format("{}: the index was made again from the files: {}", server.name, *why));
  for (const auto& problem : index.unreadable()) warn(problem);
  return index;
}

void index_segments(const ServerConfig& server, const store::ServerLayout& layout,
                    std::span<const catalog::SegmentFileHeader> segments, Output& out) {
  if (segments.empty()) return;
  try {
    auto index = open_catalog(server, layout, warnings_to(out));
    for (const auto& segment : segments) index.add_segment(catalog::describe_segment(layout, segment));
  } catch (const Error& error) {
    out.warning(fmt::format("the index was not updated; run `pgkeep rebuild-catalog {}`: {}", server.name,
                            error.what()));
  }
}

catalog::WalArchive open_archive(const ServerConfig& server, const store::ServerLayout& layout) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) nothing_stored(server, layout);
  return {layout, *identity};
}

}  // namespace pgkeep::server
