#include "catalog/postgres/versions.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::postgres {
namespace {

// A new version of PostgreSQL is a row here, and a look at what changed (versions.h). What the formats have
// in common stands with the code that reads them.
constexpr VersionFormats kVersions[] = {
    {13, 0xD106, kControl13, 1},  //
    {14, 0xD10D, kControl13, 1},  //
    {15, 0xD110, kControl13, 1},  //
    {16, 0xD113, kControl13, 1},  //
    {17, 0xD116, kControl17, 2},  // the manifest has the system identifier
    {18, 0xD118, kControl18, 2},  //
    {19, 0xD122, kControl19, 2},
};

// The tests have a program that lags behind: what it meets in the newest real server is a version it cannot
// know.
#ifdef PGKEEP_FORGETS_VERSIONS
constexpr std::size_t kForgotten = PGKEEP_FORGETS_VERSIONS;
#else
constexpr std::size_t kForgotten = 0;
#endif

}  // namespace

std::span<const VersionFormats> known_versions() {
  return std::span(kVersions).first(std::size(kVersions) - kForgotten);
}

int oldest_known_major() {
  return known_versions().front().major;
}

int newest_known_major() {
  return known_versions().back().major;
}

const VersionFormats& formats_of(int major) {
  const auto versions = known_versions();
  const auto found = std::ranges::find(versions, major, &VersionFormats::major);
  if (found != versions.end()) return *found;
  throw Error(why_not_known(major));
}

bool formats_known(int major) {
  return major <= newest_known_major();
}

std::string why_not_known(int major) {
  return fmt::format("PostgreSQL {} is {} than this pgkeep, which knows {} to {}", major,
                     major < oldest_known_major() ? "older" : "newer", oldest_known_major(),
                     newest_known_major());
}

}  // namespace pgkeep::postgres
