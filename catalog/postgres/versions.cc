#include "catalog/postgres/versions.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::postgres {

static_assert(std::begin(kVersions)->major == kOldestMajor && std::rbegin(kVersions)->major == kNewestMajor);

const VersionFormats& formats_of(int major) {
  const auto* found = std::ranges::find(kVersions, major, &VersionFormats::major);
  if (found != std::end(kVersions)) return *found;
  throw Error(fmt::format("PostgreSQL {} is not known to this pgkeep, which knows {} to {}", major,
                          kOldestMajor, kNewestMajor));
}

}  // namespace pgkeep::postgres
