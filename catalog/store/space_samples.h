#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include "catalog/io/disk_space.h"
#include "catalog/io/units.h"

namespace pgkeep::store {

/// How full the repository's file system was.
struct SpaceSample {
  io::TimePoint at;
  io::DiskSpace disk;
  bool operator==(const SpaceSample&) const = default;
};

inline constexpr std::chrono::hours kSampleEvery{6};
inline constexpr std::chrono::days kSamplesKept{35};

// <repository>/.space.json: {"format":1,"samples":[{"at":RFC 3339,"total":bytes,"free":bytes},…]}, oldest
// first, each kSampleEvery after the one before at least. Sealed (io/sealed_json.h), replaced by rename
// without fsync: a forecast is made of it, and nothing else depends on it. What backups and WAL took and gave
// back is in no other record once it has gone, and what else lies on the file system never was. A file of
// more than 32 KiB, or of twice the samples that there can be, counts as damaged.

/// Of the repository at `root`, oldest first. None where there is no file, or it cannot be read.
std::vector<SpaceSample> read_space_samples(const std::filesystem::path& root);

/// Takes one, unless the newest is younger than kSampleEvery, and lets go of those that are older than
/// kSamplesKept, or later than `now`. True when it was taken. A damaged file begins again; one that cannot be
/// read now stays. Several processes may do so at once: the last one's file stays. What one that was killed
/// left is removed after an hour. Throws StorageError.
bool sample_space(const std::filesystem::path& root, io::TimePoint now);

}  // namespace pgkeep::store
