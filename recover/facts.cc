#include <chrono>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "catalog/identity.h"
#include "catalog/io/error.h"
#include "recover/plan.h"

namespace pgkeep::recover {
namespace {

/// When the receiver last wrote to the segment: nothing sent later is in it.
std::optional<io::TimePoint> written_time(const std::filesystem::path& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return std::nullopt;
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::file_clock::to_sys(time));
}

/// Reads what WAL there is while a receiver may be at work. A segment goes from the partials to the complete
/// ones at any moment, the latter first; so partials are listed before segments, and asked for again one by
/// one.
void read_wal(const catalog::WalArchive& archive, RecoveryFacts& facts) {
  const auto partials = archive.inventory().partials;
  facts.wal = archive.inventory();
  std::set<postgres::WalSegment> complete(facts.wal.segments.begin(), facts.wal.segments.end());
  std::set<postgres::WalSegment> unfinished(facts.wal.partials.begin(), facts.wal.partials.end());
  unfinished.insert(partials.begin(), partials.end());
  for (const auto& segment : unfinished) {
    const auto end = archive.partial_end(segment);
    if (archive.has(segment)) {
      complete.insert(segment);
    } else {
      facts.partial_ends.emplace(segment, end);
    }
  }
  facts.wal.segments.assign(complete.begin(), complete.end());
  facts.wal.partials.clear();
  for (const auto& [segment, end] : facts.partial_ends) facts.wal.partials.push_back(segment);
}

}  // namespace

RecoveryFacts gather_facts(const store::ServerLayout& layout, bool segment_times) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) {
    throw NotFound(
        fmt::format("{}: nothing is kept of this server yet (no identity.json)", layout.root().native()));
  }
  auto listing = store::list_backup_records(layout);
  const catalog::WalArchive archive(layout, *identity, io::kMinCompressionLevel);

  RecoveryFacts facts;
  facts.backups = std::move(listing.backups);
  facts.damaged_backups = std::move(listing.damaged);
  facts.wal_segment_size = identity->wal_segment_size;
  read_wal(archive, facts);
  for (const auto& segment : facts.wal.partials) {
    if (const auto written = written_time(layout.partial(segment, facts.wal_segment_size)))
      facts.times[segment] = {std::nullopt, written};
  }
  if (!segment_times) return facts;
  for (const auto& segment : facts.wal.segments) {
    const auto file = archive.open_segment(segment);
    if (file) facts.times[segment] = {file->header().first_time, file->header().last_time};
  }
  return facts;
}

}  // namespace pgkeep::recover
