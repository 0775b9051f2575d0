#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/index/server_catalog.h"
#include "catalog/index/stored_segments.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What is stored for a server, for commands that only read: out of the index, with what it lacks out of the
/// files; or everything from the files where the index cannot be had, as on a snapshot that is mounted
/// read-only, or where another process keeps it. One that is missing or damaged is made again. Warns of files
/// that cannot be read. One thread; borrows what it is given.
class StoredRecords {
 public:
  /// Throws NotFound when nothing was ever stored for the server; warns when it continues without the index.
  StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Warn warn);
  StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Output& out)
      : StoredRecords(server, layout, warnings_to(out)) {}

  /// Oldest first, those of lines that were set aside before all others.
  std::vector<store::BackupRecord> backups();
  std::vector<catalog::RunRecord> runs(std::size_t newest);  // newest first
  /// What `question` answers of the archived segments that `names` has; without the index, and of a line that
  /// was set aside, without times. It may be asked again, when the index turns out to be damaged.
  template <typename Question>
  auto of_segments(const catalog::WalArchive& archive, const catalog::WalInventory& names,
                   Question&& question) {
    std::optional<decltype(question(std::declval<catalog::StoredSegments&>()))> answer;
    look_at_segments(archive, names, [&](catalog::StoredSegments& segments) { answer = question(segments); });
    return *std::move(answer);
  }
  bool has_index() const noexcept { return index_.has_value(); }

 private:
  void look_at_segments(const catalog::WalArchive& archive, const catalog::WalInventory& names,
                        const std::function<void(catalog::StoredSegments&)>& look);
  void make_index();
  void put_index_right();
  void warn_once(const std::string& problem);
  template <typename Step>
  void if_possible(Step&& step);
  template <typename Question, typename FromFiles>
  auto ask(Question&& question, FromFiles&& from_files);

  const ServerConfig* server_;
  store::ServerLayout layout_;
  Warn warn_;
  std::optional<catalog::ServerCatalog> index_;
  std::set<std::string> warned_;
};

}  // namespace pgkeep::server
