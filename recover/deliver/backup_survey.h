#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/store/file_table.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// Files from this size on are delivered first, the largest before the others: a large one begun last would
/// leave all workers but one without work.
inline constexpr std::uint64_t kLargeFileBytes = 32u << 20;

/// Where the paths of a backup lie at the destination.
class DestinationPaths {
 public:
  explicit DestinationPaths(const RecoveryPlan& plan);
  const std::string& data_directory() const noexcept { return data_directory_; }
  /// Absolute. What belongs to a tablespace that is not in place lies at its location.
  std::string of(std::string_view path) const;
  /// The path below the location of the tablespace that it belongs to; nothing when it lies in the data
  /// directory.
  std::optional<std::string_view> below_location(std::string_view path) const;
  /// The data directory or a tablespace's location, whichever holds the path.
  const std::string& root_of(std::string_view path) const;

 private:
  /// OID of the tablespace whose directory `path` lies in, and what of the path follows; 0: none.
  std::pair<std::uint32_t, std::string_view> split(std::string_view path) const;

  std::string data_directory_;
  std::map<std::uint32_t, std::string> locations_;
};

/// What has to be known of a backup's files before the first is delivered. Does not grow with the number of
/// small ones.
struct BackupSurvey {
  std::map<std::string, std::uint32_t> directories;                // path → mode, parents first
  std::vector<std::pair<std::uint64_t, std::string>> large_files;  // size and path, largest first
  std::map<std::string, std::uint64_t> root_bytes;                 // root → bytes
  std::set<std::string, std::less<>> top_files;  // names of files in the data directory itself
};

/// The permissions that a file or directory gets, of those that the server sent or the repository has: no
/// set-user-ID or the like, and nothing that others than the owner could write.
std::uint32_t delivered_mode(std::uint32_t stored);

/// True for a file that is delivered as the backup has it; the others are left out or made again.
bool is_delivered_as_it_is(std::string_view path);

/// The files of a backup that are delivered as they are, in the order in which that is best done: large ones
/// first, then the others by path.
void for_each_delivered(store::FileTable& files, const BackupSurvey& survey,
                        const std::function<void(store::FileEntry&&)>& visit);

/// Throws Corruption for a path that would lead out of the data directory, or, in a tablespace, out of the
/// directory that PostgreSQL makes there, or when backup_label or
/// global/pg_control is not there.
BackupSurvey survey_backup(store::FileTable& files, const RecoveryPlan& plan, const DestinationPaths& paths);

}  // namespace pgkeep::recover
