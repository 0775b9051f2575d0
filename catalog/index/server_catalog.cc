#include "catalog/index/server_catalog.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "catalog/index/server_catalog_rows.h"
#include "catalog/io/error.h"

namespace pgkeep::catalog {

using postgres::WalSegment;

namespace rows {

std::int64_t stored(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Corruption(fmt::format("{} is no WAL position, number or size that can be", value));
  }
  return static_cast<std::int64_t>(value);
}

std::int64_t stored(io::TimePoint time) {
  return time.time_since_epoch().count();
}

std::optional<std::int64_t> stored(const std::optional<io::TimePoint>& time) {
  return time ? std::optional(stored(*time)) : std::nullopt;
}

SegmentRow segment_row(const SegmentFileHeader& header, std::uint64_t stored_bytes) {
  return {.segment = header.segment,
          .begin = header.segment.begin(header.size),
          .end = header.segment.end(header.size),
          .stored_bytes = stored_bytes,
          .first_time = header.first_time,
          .last_time = header.last_time,
          .commits = header.commits};
}

void put_backup(io::Database& database, const store::BackupRecord& record) {
  database.prepare("INSERT OR REPLACE INTO backups (id, ended, record) VALUES (?, ?, ?)")
      .bind(1, record.id.to_string())
      .bind(2, stored(record.ended))
      .bind(3, record.to_json())
      .run();
}

void remove_backup(io::Database& database, std::string_view id) {
  database.prepare("DELETE FROM backups WHERE id = ?").bind(1, id).run();
}

namespace {

io::Statement statement_to_put(io::Database& database, Known known) {
  return database.prepare(
      fmt::format("INSERT OR {} INTO segments"
                  " (timeline, number, begin_lsn, end_lsn, stored_bytes, first_time, last_time,"
                  " commits_known, earliest_commit, latest_commit)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  known == Known::stays ? "IGNORE" : "REPLACE"));
}

void put(io::Statement& statement, const SegmentRow& row) {
  statement.bind(1, std::int64_t{row.segment.timeline.value()})
      .bind(2, stored(row.segment.number))
      .bind(3, stored(row.begin.value()))
      .bind(4, stored(row.end.value()))
      .bind(5, stored(row.stored_bytes))
      .bind(6, stored(row.first_time))
      .bind(7, stored(row.last_time))
      .bind(8, std::int64_t{row.commits.known})
      .bind(9, stored(row.commits.earliest))
      .bind(10, stored(row.commits.latest))
      .run();
}

}  // namespace

void put_segment(io::Database& database, const SegmentRow& row, Known known) {
  auto statement = statement_to_put(database, known);
  put(statement, row);
}

void put_segments(io::Database& database, std::span<const SegmentRow> segments, Known known) {
  if (segments.empty()) return;
  io::Transaction transaction(database);
  auto statement = statement_to_put(database, known);
  for (const auto& row : segments) put(statement, row);
  transaction.commit();
}

io::Statement of_run(io::Database& database, std::string_view statement) {
  return database.prepare(fmt::format("{} WHERE timeline = ?1 AND number BETWEEN ?2 AND ?3", statement));
}

io::Statement& bind(io::Statement& of_run, const SegmentRun& run) {
  return of_run.bind(1, std::int64_t{run.timeline.value()})
      .bind(2, stored(run.first))
      .bind(3, stored(run.last));
}

void require_possible(const SegmentRow& row) {
  const auto& commits = row.commits;
  const auto bytes = row.begin < row.end ? row.end - row.begin : 0;
  if (bytes == 0 || row.begin.value() % bytes != 0 || row.begin.value() / bytes != row.segment.number ||
      commits.earliest.has_value() != commits.latest.has_value() || commits.earliest > commits.latest)
    throw Corruption("a segment lies where none can, or says of itself what cannot be");
}

void remove_segments(io::Database& database, const SegmentSet& segments) {
  if (segments.empty()) return;
  io::Transaction transaction(database);
  auto removal = of_run(database, "DELETE FROM segments");
  for (const auto& run : segments.runs()) bind(removal, run).run();
  transaction.commit();
}

void put_run(io::Database& database, const RunRecord& run) {
  // A run that has ended stays so: another process may read the line of its beginning only now.
  database
      .prepare(
          "INSERT INTO runs (id, kind, subject, started, ended, outcome, error, details, process)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
          " ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, ended = excluded.ended, outcome = excluded.outcome,"
          " error = excluded.error, details = excluded.details WHERE runs.outcome = 'running'")
      .bind(1, run.id)
      .bind(2, run.kind)
      .bind(3, run.subject)
      .bind(4, stored(run.started))
      .bind(5, stored(run.ended))
      .bind(6, to_string(run.outcome))
      .bind(7, run.error)
      .bind(8, run.details)
      .bind(9, run.process)
      .run();
}

}  // namespace rows

namespace {

std::optional<io::TimePoint> time_of(const std::optional<std::int64_t>& microseconds) {
  if (!microseconds) return std::nullopt;
  return io::TimePoint(std::chrono::microseconds(*microseconds));
}

constexpr std::int64_t kMostTimelines = std::numeric_limits<std::uint32_t>::max();

/// What read_segment() requires of a row, for SQLite; NULL or 0 of one that cannot be. The type is checked of
/// what is added up: elsewhere a value of another type is no number, or equal to the one it should be.
constexpr std::string_view kCanBe =
    "typeof(number) = 'integer' AND typeof(stored_bytes) = 'integer' AND stored_bytes >= 0"
    " AND begin_lsn >= 0 AND begin_lsn < end_lsn AND begin_lsn = number * (end_lsn - begin_lsn)"
    " AND typeof(commits_known) = 'integer' AND commits_known IN (0, 1)"
    " AND CASE WHEN latest_commit IS NULL THEN earliest_commit IS NULL"
    " ELSE typeof(latest_commit) = 'integer' AND earliest_commit <= latest_commit END";

[[noreturn]] void refuse_segment() {
  throw Corruption("a segment lies where none can, or says of itself what cannot be");
}

/// How the rows of a run, of which there is one a segment, lie from its first on, added up: a damaged tree
/// can lead to some rows twice and to others never, and their count alone would not show it.
constexpr std::string_view kPlaces = "ifnull(sum(number - ?2), 0)";
bool are_all(const SegmentRun& run, std::int64_t count, std::int64_t places) {
  const auto all = rows::stored(run.size());
  return count == all && places == all * (all - 1) / 2;
}

SegmentRow read_segment(const io::Statement& row) {
  const auto number = [&](int column) {
    if (row.integer(column) < 0) throw Corruption("a segment has a number below zero");
    return static_cast<std::uint64_t>(row.integer(column));
  };
  if (number(0) == 0 || row.integer(0) > kMostTimelines || number(7) > 1) refuse_segment();
  SegmentRow segment{.segment = {postgres::TimelineId(static_cast<std::uint32_t>(number(0))), number(1)},
                     .begin = postgres::Lsn(number(2)),
                     .end = postgres::Lsn(number(3)),
                     .stored_bytes = number(4),
                     .first_time = time_of(row.optional_integer(5)),
                     .last_time = time_of(row.optional_integer(6)),
                     .commits = {.known = row.integer(7) != 0,
                                 .earliest = time_of(row.optional_integer(8)),
                                 .latest = time_of(row.optional_integer(9))}};
  rows::require_possible(segment);
  return segment;
}

}  // namespace

void SegmentSum::add(const SegmentRow& row) {
  ++segments;
  stored_bytes += row.stored_bytes;
  if (row.commits.known) ++with_commits_known;
  latest_commit = std::max(latest_commit, row.commits.latest);
}

void SegmentSum::add(const SegmentSum& other) {
  segments += other.segments;
  stored_bytes += other.stored_bytes;
  with_commits_known += other.with_commits_known;
  latest_commit = std::max(latest_commit, other.latest_commit);
}

SegmentRow describe_segment(const store::ServerLayout& layout, const SegmentFileHeader& header) {
  const auto path = layout.archived(header.segment, header.size);
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) throw StorageError(error.value(), path, "read the size");
  return rows::segment_row(header, bytes);
}

void ServerCatalog::remove_backup(const store::BackupId& id) {
  rows::remove_backup(current(), id.to_string());
}

void ServerCatalog::add_segment(const SegmentRow& row) {
  rows::put_segment(current(), row, rows::Known::is_replaced);
}

std::vector<store::BackupRecord> ServerCatalog::backups() {
  std::vector<store::BackupRecord> backups;
  auto row = current().prepare("SELECT record FROM backups");
  while (row.step()) backups.push_back(store::BackupRecord::from_json(row.text(0)));
  std::ranges::sort(backups, store::is_older);
  return backups;
}

std::vector<RunRecord> ServerCatalog::runs(std::size_t newest) {
  std::vector<RunRecord> runs;
  auto row = current().prepare(
      "SELECT id, kind, subject, started, ended, outcome, error, details, process FROM runs"
      " ORDER BY started DESC, id DESC LIMIT ?");
  row.bind(1, static_cast<std::int64_t>(std::min<std::size_t>(newest, std::numeric_limits<int>::max())));
  while (row.step()) {
    const auto outcome = parse_run_outcome(row.text(5));
    if (!outcome) {
      throw Corruption(fmt::format("{}: run {} has ended as \"{}\", which means nothing",
                                   database_.path().native(), row.text(0), row.text(5)));
    }
    RunRecord run{.id = row.text(0),
                  .kind = row.text(1),
                  .subject = row.text(2),
                  .started = io::TimePoint(std::chrono::microseconds(row.integer(3))),
                  .ended = time_of(row.optional_integer(4)),
                  .outcome = *outcome,
                  .error = row.text(6),
                  .details = row.text(7),
                  .process = row.text(8)};
    run.outcome = current_outcome(run);
    runs.push_back(std::move(run));
  }
  return runs;
}

void ServerCatalog::for_each_segment(const std::function<void(const SegmentRow&)>& visit) {
  auto row = current().prepare(
      "SELECT timeline, number, begin_lsn, end_lsn, stored_bytes, first_time, last_time,"
      " commits_known, earliest_commit, latest_commit FROM segments ORDER BY timeline, number");
  while (row.step()) visit(read_segment(row));
}

SegmentSet ServerCatalog::known_of(const SegmentSet& segments) {
  check_numbers();
  auto& database = current();
  auto count = rows::of_run(database, fmt::format("SELECT count(*), {} FROM segments", kPlaces));
  auto row = rows::of_run(database, "SELECT number FROM segments");
  SegmentSet known;
  for (const auto& run : segments.runs()) {
    count.reset();
    rows::bind(count, run).step();
    if (are_all(run, count.integer(0), count.integer(1))) {
      known.insert(run);
      continue;
    }
    row.reset();
    rows::bind(row, run);
    while (row.step()) known.insert(WalSegment{run.timeline, static_cast<std::uint64_t>(row.integer(0))});
  }
  return known;
}

std::vector<SegmentSum> ServerCatalog::sums(std::span<const SegmentRun> runs) {
  std::vector<SegmentSum> sums;
  auto row =
      rows::of_run(current(), fmt::format("SELECT count(*), sum(stored_bytes), sum(commits_known),"
                                          " max(latest_commit), count(*) FILTER (WHERE {}), {} FROM segments",
                                          kCanBe, kPlaces));
  for (const auto& run : runs) {
    row.reset();
    rows::bind(row, run).step();
    auto& sum = sums.emplace_back();
    if (row.integer(0) == 0) continue;
    const auto all = rows::stored(run.size());
    if (row.integer(4) != row.integer(0) || row.integer(0) > all) refuse_segment();
    if (row.integer(0) == all && !are_all(run, all, row.integer(5))) refuse_segment();
    sum = {.segments = static_cast<std::uint64_t>(row.integer(0)),
           .stored_bytes = static_cast<std::uint64_t>(row.integer(1)),
           .with_commits_known = static_cast<std::uint64_t>(row.integer(2)),
           .latest_commit = time_of(row.optional_integer(3))};
  }
  return sums;
}

/// Rows of segments that cannot be are found by no question for those that can.
void ServerCatalog::check_numbers() {
  auto timeline = current().prepare("SELECT DISTINCT timeline FROM segments");
  while (timeline.step()) {
    auto lowest = database_.prepare("SELECT min(number) FROM segments WHERE timeline = ?");
    lowest.bind(1, timeline.integer(0)).step();
    const bool can_be = timeline.integer(0) > 0 && timeline.integer(0) <= kMostTimelines;
    if (!can_be || lowest.integer(0) < 0) throw Corruption("a segment lies where none can");
  }
}

std::uint64_t ServerCatalog::segment_count() {
  auto answer = current().prepare("SELECT count(*) FROM segments");
  answer.step();
  return static_cast<std::uint64_t>(answer.integer(0));
}

std::string ServerCatalog::dump() {
  struct Table {
    std::string_view name;
    std::vector<std::string_view> columns;
  };
  // Not meta: how far the journal was read says nothing about the content.
  const std::array tables{
      Table{"backups", {"id", "ended", "record"}},
      Table{"segments",
            {"timeline", "number", "begin_lsn", "end_lsn", "stored_bytes", "first_time", "last_time",
             "commits_known", "earliest_commit", "latest_commit"}},
      Table{"runs", {"id", "kind", "subject", "started", "ended", "outcome", "error", "details", "process"}}};
  std::vector<std::string> lines;
  auto& database = current();
  for (const auto& table : tables) {
    std::string line = fmt::format("'{}'", table.name);
    for (const auto column : table.columns) line += fmt::format(" || ' {}=' || quote({})", column, column);
    auto row = database.prepare(fmt::format("SELECT replace({}, char(10), '\\n') FROM {}", line, table.name));
    while (row.step()) lines.push_back(row.text(0));
  }
  std::ranges::sort(lines);
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

}  // namespace pgkeep::catalog
