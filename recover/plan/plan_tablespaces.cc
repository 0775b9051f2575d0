#include "recover/plan/plan_tablespaces.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;

/// True when `inner` is `outer` or lies in it. Both are normal.
bool is_within(const fs::path& inner, const fs::path& outer) {
  const auto [outer_end, inner_at] = std::ranges::mismatch(outer, inner);
  return outer_end == outer.end();
}

bool is_in_place(const store::TablespaceRecord& tablespace) {
  return !tablespace.location.starts_with('/');
}

bool breaks_lines(const std::string& path) {
  return path.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos;
}

void require_usable(const fs::path& path, const std::string& what) {
  if (!path.is_absolute())
    throw UsageError(fmt::format("{}: \"{}\" is not an absolute path", what, path.native()));
  if (breaks_lines(path.native()))
    throw UsageError(fmt::format("{}: a path with a line break is not supported", what));
}

std::string describe_names(const store::BackupRecord& backup) {
  if (backup.tablespaces.empty()) return "it has none";
  std::vector<std::string> names;
  for (const auto& tablespace : backup.tablespaces) {
    names.push_back(tablespace.name.empty()
                        ? fmt::format("{} at {}", tablespace.oid, tablespace.location)
                        : fmt::format("{} ({}) at {}", tablespace.name, tablespace.oid, tablespace.location));
  }
  return fmt::format("it has {}", fmt::join(names, ", "));
}

/// The relocation that is meant for this tablespace, by name, OID or location; null when there is none.
const std::pair<const std::string, std::string>* relocation_of(const store::TablespaceRecord& tablespace,
                                                               const RecoveryRequest& request) {
  for (const auto& relocation : request.tablespaces) {
    const auto& key = relocation.first;
    if ((!tablespace.name.empty() && key == tablespace.name) || key == std::to_string(tablespace.oid) ||
        (!is_in_place(tablespace) && normal_path(key) == normal_path(tablespace.location))) {
      return &relocation;
    }
  }
  return nullptr;
}

void require_apart(const std::vector<PlannedTablespace>& tablespaces, const fs::path& destination) {
  for (auto one = tablespaces.begin(); one != tablespaces.end(); ++one) {
    if (!one->location.starts_with('/')) continue;
    if (is_within(one->location, destination) || is_within(destination, one->location)) {
      throw Refused(
          fmt::format("tablespace {}: {} and the destination {} lie in one another, "
                      "which PostgreSQL warns of and pg_verifybackup refuses; "
                      "choose a place outside with --tablespace {}:DIRECTORY",
                      one->oid, one->location, destination.native(), one->oid));
    }
    const auto other = std::find_if(std::next(one), tablespaces.end(), [one](const auto& t) {
      return t.location.starts_with('/') &&
             (is_within(one->location, t.location) || is_within(t.location, one->location));
    });
    if (other != tablespaces.end()) {
      throw Refused(fmt::format(
          "tablespaces {} and {}: {} and {} lie in one another; each needs a directory of its own", one->oid,
          other->oid, one->location, other->location));
    }
  }
}

}  // namespace

fs::path normal_path(const fs::path& path) {
  auto result = path.lexically_normal();
  return result.has_filename() || result == result.root_path() ? result : result.parent_path();
}

std::vector<PlannedTablespace> plan_tablespaces(const RecoveryRequest& request,
                                                const store::BackupRecord& backup) {
  require_usable(request.destination, "destination");
  std::vector<PlannedTablespace> planned;
  std::set<std::string> used;
  for (const auto& tablespace : backup.tablespaces) {
    PlannedTablespace place{tablespace.oid, tablespace.name, tablespace.location, tablespace.location};
    if (const auto* relocation = relocation_of(tablespace, request)) {
      used.insert(relocation->first);
      if (is_in_place(tablespace)) {
        throw UsageError(
            fmt::format("--tablespace {}: that tablespace is in place (allow_in_place_tablespaces): "
                        "it lies in the data directory and cannot go elsewhere",
                        relocation->first));
      }
      place.location = relocation->second;
      place.named = true;
    } else if (breaks_lines(tablespace.location)) {
      throw Refused(
          fmt::format("tablespace {} ({}) was at {}: pgkeep writes to no path with a line break; "
                      "put it elsewhere with --tablespace {}:DIRECTORY",
                      tablespace.name, tablespace.oid, io::in_quotes(tablespace.location), tablespace.oid));
    }
    if (!is_in_place(tablespace)) {
      require_usable(place.location, fmt::format("--tablespace {}", tablespace.oid));
      place.location = normal_path(place.location);
    }
    planned.push_back(std::move(place));
  }
  for (const auto& [key, location] : request.tablespaces) {
    if (!used.contains(key)) {
      throw UsageError(
          fmt::format("--tablespace {}: backup {} has no such tablespace; {}. "
                      "One that was created later cannot go elsewhere: "
                      "replay creates it where the server did",
                      key, backup.id.to_string(), describe_names(backup)));
    }
  }
  require_apart(planned, normal_path(request.destination));
  return planned;
}

}  // namespace pgkeep::recover
