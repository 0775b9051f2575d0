#include "server/fleet/unmounted.h"

#include <array>
#include <cstdio>
#include <memory>
#include <mntent.h>
#include <set>

#include "catalog/io/handle.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

/// The absolute mount points of a table; swap and the like have none.
std::set<fs::path> mount_points(const fs::path& table) {
  std::set<fs::path> points;
  const std::unique_ptr<std::FILE, io::FreeWith<::endmntent>> file(::setmntent(table.c_str(), "re"));
  if (!file) return points;
  std::array<char, 4096> line;
  ::mntent entry{};
  while (::getmntent_r(file.get(), &entry, line.data(), static_cast<int>(line.size())) != nullptr) {
    fs::path point = entry.mnt_dir;
    if (!point.is_absolute()) continue;
    point = point.lexically_normal();
    points.insert(point.has_filename() ? point : point.parent_path());  // "/srv/" as "/srv"
  }
  return points;
}

}  // namespace

std::optional<fs::path> unmounted_place(const fs::path& folder, const MountTables& tables) {
  std::error_code error;
  auto place = fs::weakly_canonical(folder, error);  // the folder may be a link into the file system
  if (error) place = folder.lexically_normal();
  const auto planned = mount_points(tables.planned);
  for (; place.has_relative_path(); place = place.parent_path()) {
    if (!planned.contains(place)) continue;
    // Only the innermost counts: what it would be mounted in may be mounted or not.
    if (mount_points(tables.mounted).contains(place)) return std::nullopt;
    return place;
  }
  return std::nullopt;
}

}  // namespace pgkeep::server
