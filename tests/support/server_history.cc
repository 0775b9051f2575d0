#include "tests/support/server_history.h"

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/records/identity.h"
#include "catalog/records/run_line.h"
#include "catalog/store/backup_writer.h"
#include "catalog/store/deletions.h"
#include "catalog/wal/segment_check.h"
#include "catalog/wal/wal_segment_file.h"
#include "tests/support/verification_fixture.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::test {
namespace {

using catalog::kOne;

constexpr std::chrono::days kYear{365};
// Some pages, of which one changes from backup to backup.
constexpr std::size_t kTableBytes = 6 * 8192;
constexpr int kFastest = 1;

catalog::ServerIdentity sample_identity() {
  return {kSampleSystem, kSampleMajor, sample_segment_size(), 8192};
}

io::ByteVector checkpoint_record(postgres::Lsn redo) {
  io::ByteVector rest(2 + postgres::kCheckpointBytes);
  rest[0] = std::byte{255};
  rest[1] = static_cast<std::byte>(postgres::kCheckpointBytes);
  io::store_le(rest.data() + 2, redo.value());
  io::store_le(rest.data() + 10, kOne.value());
  return rest;
}

catalog::Content content_of(std::uint64_t place, const postgres::WalPosition& start) {
  auto table = catalog::noise(kTableBytes, 1);
  io::store_le(&table[place % 6 * 8192 + 100], place);
  return {{"backup_label", catalog::label_file(start)},
          {"base/5/1", std::move(table)},
          {"base/5/2", catalog::noise(8192, 2)},
          {"global/pg_control", catalog::control_file(kSampleSystem)}};
}

}  // namespace

ServerHistory::ServerHistory(const store::Repository& repository, const std::string& server,
                             const HistorySize& size, io::TimePoint now)
    : repository_(&repository),
      layout_(repository.server(server)),
      server_(server),
      size_(size),
      now_(now),
      archive_(layout_, sample_identity()) {
  layout_.make();
  catalog::confirm_identity(layout_, archive_.identity());
}

io::TimePoint ServerHistory::time_of(std::uint64_t place, std::uint64_t count) const {
  const auto year = std::chrono::duration<double>(kYear);
  const auto left = year * (static_cast<double>(count - place) / static_cast<double>(count));
  return std::chrono::floor<std::chrono::seconds>(now_ -
                                                  std::chrono::duration_cast<io::TimePoint::duration>(left));
}

std::uint64_t ServerHistory::segment_of_backup(std::uint64_t place) const {
  return 1 + place * (size_.segments - 1) / size_.backups;
}

void ServerHistory::store_wal() const {
  const auto history = archive_.history(kOne).value();
  const io::ByteVector zeroes(kSampleSegmentBytes);
  postgres::Lsn last;
  for (std::uint64_t number = 1; number <= size_.segments; ++number) {
    const postgres::WalSegment segment{kOne, number};
    const auto wal = wal_of(segment, time_of(number, size_.segments), last);
    const auto path = layout_.archived(segment, sample_segment_size());
    if (number == 1 || number % sample_segment_size().per_log() == 0)
      io::make_directories(path.parent_path());
    const auto rest = io::ByteView(zeroes).subspan(wal.bytes.size());
    catalog::SegmentCheck check(archive_, segment, history);
    check.feed(wal.bytes);
    check.feed(rest);
    auto header = check.finish();
    header.first_time = header.last_time = time_of(number, size_.segments);
    catalog::SegmentFileWriter file(path, catalog::segment_header_bytes(header), kFastest);
    file.write(wal.bytes);
    file.write(rest);
    static_cast<void>(file.commit(std::move(header)).value());
    last = wal.last;
  }
}

ServerHistory::WalOfSegment ServerHistory::wal_of(const postgres::WalSegment& segment, io::TimePoint time,
                                                  postgres::Lsn previous) {
  WalBuilder wal(segment.begin(sample_segment_size()));
  wal.cut(previous, wal.begin());
  const auto redo = wal.begin() + postgres::kWalLongPageHeaderBytes;
  wal.add(0, 0x10, checkpoint_record(redo));
  wal.commit(time);
  const auto end = wal.position();
  const auto last = wal.add(0, 0x40, {});
  return {{wal.bytes().begin(), wal.bytes().end()}, redo, end, last};
}

void ServerHistory::store_backups() const {
  std::optional<store::BackupId> previous;
  for (std::uint64_t place = 0; place < size_.backups; ++place) previous = store_backup(place, previous);
}

store::BackupId ServerHistory::store_backup(std::uint64_t place,
                                            const std::optional<store::BackupId>& previous) const {
  const postgres::WalSegment segment{kOne, segment_of_backup(place)};
  const auto time = time_of(segment.number, size_.segments);
  const auto wal = wal_of(segment, time, {});
  store::BackupRecord record{store::BackupId(time)};
  record.server = server_;
  record.label = "pgkeep";
  record.system = kSampleSystem;
  record.server_version = fmt::format("{}.1", kSampleMajor);
  record.major_version = kSampleMajor;
  record.wal_segment_size = sample_segment_size();
  record.block_bytes = archive_.identity().block_bytes;
  record.start = {kOne, wal.checkpoint};
  record.end = {kOne, wal.end};
  record.wal_ranges = {{kOne, record.start.lsn, record.end.lsn}};
  record.started = time;
  record.ended = time + std::chrono::minutes(1);
  std::unique_ptr<store::BackupReader> before;
  if (previous) before = std::make_unique<store::BackupReader>(*repository_, layout_, *previous);
  store::BackupWriter writer(*repository_, layout_, record.id, before.get(),
                             {.compression_level = 1, .workers = 1});
  const auto content = content_of(place, record.start);
  for (const auto& [path, bytes] : content) {
    writer.begin_file(path, bytes.size(), 0600, 1);
    writer.file_data(bytes);
    writer.end_file();
  }
  writer.finish_files();
  writer.manifest_data(catalog::manifest_of(content, record.wal_ranges));
  writer.finish_manifest();
  writer.commit(record);
  return record.id;
}

void ServerHistory::store_deletions() const {
  for (std::uint64_t place = 0; place < size_.deleted; ++place) {
    // A second before those that are there can have begun.
    const auto time = time_of(place, size_.deleted) - std::chrono::seconds(1);
    store::note_deletion(layout_, {.id = store::BackupId(time),
                                   .sequence = size_.backups + 1 + place,
                                   .record_sha256 = std::string(64, 'a'),
                                   .at = time + std::chrono::days(1),
                                   .why = "expired: no rule keeps it"});
  }
}

void ServerHistory::store_runs() const {
  std::string lines;
  for (std::uint64_t place = 0; place < size_.runs; ++place) {
    const auto time = time_of(place, size_.runs);
    catalog::RunRecord run;
    run.kind = place % 2 == 0 ? "backup" : "expire";
    run.subject = run.kind == "backup" ? store::BackupId(time).to_string() : server_;
    run.started = time;
    run.id = fmt::format("{}-{}-{}", run.kind, store::BackupId(time).to_string(), 1000 + place % 30000);
    run.process = "1000 1 00000000-0000-0000-0000-000000000000";
    lines += catalog::to_line(run) + '\n';
    run.ended = time + std::chrono::minutes(1);
    run.outcome = place % 100 == 99 ? catalog::RunOutcome::failed : catalog::RunOutcome::succeeded;
    if (run.outcome == catalog::RunOutcome::failed) run.error = "server closed the connection unexpectedly";
    run.details = R"({"data_bytes":1073741824,"stored_bytes":10485760})";
    lines += catalog::to_line(run) + '\n';
  }
  io::write_file_durably(layout_.run_journal(), io::as_bytes(lines));
}

}  // namespace pgkeep::test
