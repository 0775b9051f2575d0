#include "catalog/verify/whole_wal_verification.h"

#include <atomic>
#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/guarded.h"
#include "catalog/io/work_queue.h"
#include "catalog/verify/passing.h"
#include "catalog/wal/stored_segment_check.h"

namespace pgkeep::catalog {
namespace {

using Findings = std::map<postgres::WalSegment, std::string>;

}  // namespace

WalVerificationReport verify_whole_wal(const store::ServerLayout& layout, unsigned jobs,
                                       io::ProgressObserver& observer, std::stop_token stop) {
  const auto identity = read_identity(layout);
  if (!identity)
    throw NotFound(fmt::format("{} is missing: no WAL was received yet", layout.identity().native()));
  const WalArchive archive(layout, *identity);
  const auto held = HeldWal::read(archive);
  const auto& wal = held.names();
  const auto size = identity->wal_segment_size;
  const auto total = (wal.segments.size() + wal.partials.size()) * std::uint64_t{size.bytes()};
  StoredSegmentCheck stored(archive);
  io::Guarded<Findings> findings;
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> bytes{0};
  io::WorkQueue<postgres::WalSegment> queue(
      jobs,
      [&](unsigned) {
        return [&](const postgres::WalSegment& segment) {
          try {
            const auto file = held.file_of(segment).value();
            if (stored.check(file, file.end)) bytes += file.end - segment.begin(size);
          } catch (const Error& error) {
            if (is_passing(error)) throw;  // which says nothing of the WAL
            findings.with([&](Findings& all) {
              all.emplace(segment, fmt::format("WAL segment {}: {}", segment.name(size), error.what()));
            });
          }
          done += size.bytes();
        };
      },
      [&] {
        if (stop.stop_requested()) throw Interrupted("stopped while checking the WAL");
        observer.progress({.phase = "checking WAL", .done_bytes = done, .total_bytes = total});
      });
  for (const auto& segment : wal.segments) queue.push(segment);
  for (const auto& segment : wal.partials) queue.push(segment);
  queue.finish();
  WalVerificationReport report{.segments = stored.read(),
                               .bytes = bytes,
                               .findings = {},
                               .formats_known = archive.identity().formats_known()};
  findings.with([&](const Findings& all) {
    for (const auto& [segment, message] : all) report.findings.push_back(message);
  });
  return report;
}

}  // namespace pgkeep::catalog
