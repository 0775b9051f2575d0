#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "catalog/store/repository.h"
#include "catalog/store/space_samples.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// When the repository's file system will be full, if it goes on as it did.
struct SpaceForecast {
  double bytes_a_day = 0;                 // that it fills by; below 0: it empties
  std::optional<double> days_until_full;  // nothing: never
  std::chrono::hours seen{};              // the time that this is concluded from
};

/// From how full it was in the last four weeks, and is `now`: what all servers added, less what was freed,
/// and whatever else lies there. The trend is what three in five pairs of samples reach, so that neither a
/// backup that comes and goes nor the first one of a large server makes a trend. A file system that began to
/// fill in the last three days, and would be full within three more, is told by the trend of these days.
/// That one, and any trend before there are samples of seven days, is taken to be no faster than the slower
/// of the last two days was: the first backups of a new repository fill it on one day, and not on the next.
/// Nothing before there are samples of two days, of each day one. Growth is at most an exbibyte a day. Pure.
std::optional<SpaceForecast> forecast_space(std::span<const store::SpaceSample> samples,
                                            const io::DiskSpace& disk, io::TimePoint now);

/// "full in 12 days at 3.1 GiB a day, as in the last 28 days".
std::string describe(const std::optional<SpaceForecast>& forecast);

/// The file system of the repository as it is, and was.
struct SpaceFacts {
  std::filesystem::path root;  // of the repository
  io::DiskSpace disk;
  std::vector<store::SpaceSample> samples;
};

/// Throws StorageError.
SpaceFacts read_space_facts(const store::Repository& repository);
/// For who shows other things as well: nothing, and a warning, where they cannot be read.
std::optional<SpaceFacts> space_facts_to_show(const store::Repository& repository, Output& out);

/// For --json: {"total_bytes":…,"free_bytes":…,"reserve_bytes":…,"growth_bytes_a_day":…,"days_until_full":…}.
Json space_json(const SpaceFacts& facts, const io::Reserve& reserve, io::TimePoint now);
/// "210 GiB of 1 TiB are free, 50 GiB of them kept for WAL; full in …".
std::string describe(const SpaceFacts& facts, const io::Reserve& reserve, io::TimePoint now);

}  // namespace pgkeep::server
