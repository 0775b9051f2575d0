#include "recover/deliver/backup_survey.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::recover {
namespace {

constexpr std::string_view kTablespaces = "pg_tblspc/";
constexpr std::string_view kWal = "pg_wal/";

void require_inside(std::string_view path) {
  const auto refuse = [path] {
    throw Corruption(
        fmt::format("the backup's file table names \"{}\", which does not lie in a data directory", path));
  };
  if (path.empty() || path.front() == '/' || path.find('\0') != path.npos) refuse();
  for (auto rest = path; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    if (part.empty() || part == "." || part == "..") refuse();
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
}

std::string_view parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

class Surveyor {
 public:
  Surveyor(const RecoveryPlan& plan, const DestinationPaths& paths) : plan_(&plan), paths_(&paths) {
    for (const std::string_view path : {"global", "pg_wal/archive_status", "pg_tblspc"}) need_directory(path);
    if (plan.backup.major_version >= postgres::since::kWalSummaries) need_directory("pg_wal/summaries");
    for (const auto& tablespace : plan.tablespaces) {
      if (!tablespace.location.starts_with('/'))
        need_directory(fmt::format("{}{}", kTablespaces, tablespace.oid));
    }
  }

  void visit(const store::FileEntry& entry) {
    require_inside(entry.path);
    require_postgres_place(entry);
    if (entry.kind == store::EntryKind::directory) {
      need_directory(parent_of(entry.path));
      found_.directories[entry.path] = delivered_mode(entry.mode);
      return;
    }
    if (const auto parent = parent_of(entry.path); parent != last_parent_) {
      need_directory(parent);
      last_parent_ = parent;
    }
    if (entry.path.find('/') == std::string::npos) found_.top_files.insert(entry.path);
    if (entry.path == "global/pg_control") control_seen_ = true;
    found_.root_bytes[paths_->root_of(entry.path)] += entry.size;
    if (entry.size >= kLargeFileBytes && is_delivered_as_it_is(entry.path))
      found_.large_files.emplace_back(entry.size, entry.path);
  }

  BackupSurvey finish() {
    if (!control_seen_ || !found_.top_files.contains("backup_label")) {
      throw Corruption(fmt::format("backup {}: {} is not in it, so PostgreSQL could not start on it",
                                   plan_->backup.id.to_string(),
                                   control_seen_ ? "backup_label" : "global/pg_control"));
    }
    std::ranges::sort(found_.large_files, std::greater());
    return std::move(found_);
  }

 private:
  /// Also those above it. One that the backup lists keeps the mode listed.
  void need_directory(std::string_view path) {
    for (; !path.empty(); path = parent_of(path))
      found_.directories.try_emplace(std::string(path), delivered_mode(plan_->backup.directory_mode));
  }

  /// A location lies outside of the data directory: there only the directory is made that PostgreSQL makes,
  /// so that nobody, whatever server or repository names, has other files written there.
  void require_postgres_place(const store::FileEntry& entry) const {
    const auto below = paths_->below_location(entry.path);
    if (!below) return;
    if (below->empty() && entry.kind == store::EntryKind::directory) return;
    if (postgres::version_directory_major(*below) == plan_->backup.major_version) return;
    throw Corruption(
        fmt::format("the backup's file table names \"{}\", "
                    "which does not lie in the directory PG_{}_… that PostgreSQL makes in a tablespace; "
                    "nothing is written",
                    entry.path, plan_->backup.major_version));
  }

  const RecoveryPlan* plan_;
  const DestinationPaths* paths_;
  BackupSurvey found_;
  std::string last_parent_;
  bool control_seen_ = false;
};

}  // namespace

DestinationPaths::DestinationPaths(const RecoveryPlan& plan)
    : data_directory_(plan.request.destination.native()) {
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.location.starts_with('/')) locations_[tablespace.oid] = tablespace.location;
  }
}

std::pair<std::uint32_t, std::string_view> DestinationPaths::split(std::string_view path) const {
  if (!path.starts_with(kTablespaces)) return {0, path};
  auto rest = path.substr(kTablespaces.size());
  std::uint32_t oid = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), oid);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc{} || (!rest.empty() && rest.front() != '/') || !locations_.contains(oid))
    return {0, path};
  if (path[kTablespaces.size()] == '0') return {0, path};  // PostgreSQL writes no number so
  return {oid, rest};
}

std::string DestinationPaths::of(std::string_view path) const {
  const auto [oid, rest] = split(path);
  return oid == 0 ? fmt::format("{}/{}", data_directory_, path)
                  : fmt::format("{}{}", locations_.at(oid), rest);
}

std::optional<std::string_view> DestinationPaths::below_location(std::string_view path) const {
  auto [oid, rest] = split(path);
  if (oid == 0) return std::nullopt;
  if (!rest.empty()) rest.remove_prefix(1);  // the slash
  return rest;
}

const std::string& DestinationPaths::root_of(std::string_view path) const {
  const auto oid = split(path).first;
  return oid == 0 ? data_directory_ : locations_.at(oid);
}

std::uint32_t delivered_mode(std::uint32_t stored) {
  return stored & 0755;
}

bool is_delivered_as_it_is(std::string_view path) {
  // pg_control comes last, by itself; the rest is made for this recovery, or must not be there: WAL comes
  // from the archive, and a standby.signal of the original would make a standby of the copy.
  constexpr std::array<std::string_view, 6> kOurs{"global/pg_control", "postgresql.auto.conf",
                                                  "tablespace_map",    "backup_manifest",
                                                  "recovery.signal",   "standby.signal"};
  return !path.starts_with(kWal) && std::ranges::find(kOurs, path) == kOurs.end();
}

void for_each_delivered(store::FileTable& files, const BackupSurvey& survey,
                        const std::function<void(store::FileEntry&&)>& visit) {
  for (const auto& [size, path] : survey.large_files) {
    auto entry = files.find(path);
    if (!entry) throw Corruption(fmt::format("{}: the backup's file table had it, and has it no more", path));
    visit(*std::move(entry));
  }
  files.for_each([&visit](store::FileEntry&& entry) {
    const bool wanted = entry.kind == store::EntryKind::file && entry.size < kLargeFileBytes &&
                        is_delivered_as_it_is(entry.path);
    if (wanted) visit(std::move(entry));
  });
}

BackupSurvey survey_backup(store::FileTable& files, const RecoveryPlan& plan, const DestinationPaths& paths) {
  Surveyor surveyor(plan, paths);
  files.for_each([&surveyor](store::FileEntry&& entry) { surveyor.visit(entry); });
  return surveyor.finish();
}

}  // namespace pgkeep::recover
