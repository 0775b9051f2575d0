#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/index/server_catalog.h"
#include "catalog/records/identity.h"
#include "catalog/store/repository.h"
#include "catalog/wal/wal_archive.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Throws NotFound, with the name that was perhaps meant.
const ServerConfig& find_server(const Config& config, const std::string& name);
/// The same, for work on the live server: UsageError when it is out of service.
const ServerConfig& require_active_server(const Config& config, const std::string& name);

/// The servers of a configuration and the repository that keeps them. Immutable once made.
class Fleet {
 public:
  /// `open`: the repository must be there. `create`: it is made when missing. `recover`: as `open`, and root
  /// may open one that is another user's: what is recovered may have to belong to a third.
  enum class Access { open, create, recover };
  /// Reads the configuration and opens the repository. With `create`, `servers` must be ones in service (see
  /// choose_servers()): nothing is made for a name that is not. Nor is a repository made where a file system
  /// is to be mounted that is not (Refused). Throws UsageError, NotFound, Refused, StorageError.
  Fleet(const std::filesystem::path& config_file, Access access,
        const std::vector<std::string>& servers = {});

  const Config& config() const noexcept { return config_; }
  const store::Repository& repository() const noexcept { return repository_; }
  /// As find_server().
  const ServerConfig& server(const std::string& name) const { return find_server(config_, name); }
  store::ServerLayout layout(const ServerConfig& server) const { return repository_.server(server.name); }

 private:
  Config config_;
  store::Repository repository_;
};

/// Nothing when there is none yet. Throws Refused for root when it belongs to another user: every file that
/// root made in it would lock that user out.
std::optional<store::Repository> open_repository_if_there(const Config& config);

/// The servers meant by the arguments: the named ones in their order, or all for "all" and for none.
/// `active_only` leaves out of `all` what is out of service, and refuses it by name. Throws NotFound,
/// UsageError.
std::vector<const ServerConfig*> choose_servers(const Config& config, const std::vector<std::string>& names,
                                                bool active_only);

/// Runs `work` for each server. For one, what it throws is the command's failure; for several, a failure is
/// reported on `out` with the server's name and the others continue. Exit::partly when some failed,
/// Exit::failed when all did.
Exit for_each_server(const std::vector<const ServerConfig*>& servers, Output& out,
                     const std::function<Exit(const ServerConfig&)>& work);

/// How a command on several servers ends: says which failed. Exit::partly when some did, Exit::failed when
/// all.
Exit tell_of_failed(const std::vector<std::string>& failed, std::size_t servers, Output& out);

/// Whether pgkeep has ever been in contact with the server: it has a folder with an identity.
bool is_known(const store::ServerLayout& layout);

/// Throws NotFound when nothing was ever stored for the server.
void require_known(const ServerConfig& server, const store::ServerLayout& layout);

/// The index of a server. Throws NotFound when nothing was ever stored for it; warns when the index was
/// damaged, and of files that could not be read. A caller that only reads takes StoredRecords instead.
catalog::ServerCatalog open_catalog(const ServerConfig& server, const store::ServerLayout& layout,
                                    const Warn& warn);

/// Puts segments into the index that a command has archived. A file that has taken the place of another under
/// a name that the index knows is not found by names: so this waits for the index, a bounded time, and warns
/// when it fails.
void index_segments(const ServerConfig& server, const store::ServerLayout& layout,
                    std::span<const catalog::SegmentFileHeader> segments, Output& out);

/// The archive of a server. Throws NotFound when nothing was ever stored for it.
catalog::WalArchive open_archive(const ServerConfig& server, const store::ServerLayout& layout);

}  // namespace pgkeep::server
