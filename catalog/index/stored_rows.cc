#include "catalog/index/stored_rows.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>

#include <fmt/format.h>

#include "catalog/index/server_catalog_rows.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::catalog {

namespace fs = std::filesystem;

namespace rows {
namespace {

void pass_over(const Error& error, std::vector<std::string>& unreadable) {
  if (!is_denied(error) && !is_damage(error)) throw;
  unreadable.emplace_back(error.what());
}

}  // namespace

std::set<std::string> committed_backups(const store::ServerLayout& layout) {
  std::set<std::string> ids;
  for (const auto& entry : io::entries(layout.backups())) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    std::error_code unused;  // what cannot be looked at counts as there: reading it will say why
    if (id && fs::symlink_status(layout.record(*id), unused).type() != fs::file_type::not_found) {
      ids.insert(id->to_string());
    }
  }
  return ids;
}

std::vector<store::BackupRecord> read_backups(const store::ServerLayout& layout,
                                              const std::vector<std::string>& ids,
                                              std::vector<std::string>& unreadable) {
  std::vector<store::BackupRecord> records;
  for (const auto& id : ids) {
    try {
      if (auto record = read_backup_record(layout, store::BackupId::parse(id).value()))
        records.push_back(std::move(*record));
    } catch (const Error& error) {
      pass_over(error, unreadable);
    }
  }
  return records;
}

std::vector<SegmentRow> read_segments(const WalArchive& archive, const SegmentSet& segments,
                                      std::vector<std::string>& unreadable) {
  std::vector<SegmentRow> found;
  for (const auto& segment : segments) {
    try {
      const auto file = archive.open_segment(segment);
      if (!file) continue;
      const auto row = segment_row(file->header(), file->stored_bytes());
      stored(row.end.value());  // refuses now what could not be a row
      require_possible(row);
      if (row.segment != segment)
        throw Corruption(
            fmt::format("{}: is of another segment than its name",
                        archive.layout().archived(segment, archive.identity().wal_segment_size).native()));
      found.push_back(row);
    } catch (const Error& error) {
      pass_over(error, unreadable);
    }
  }
  return found;
}

}  // namespace rows

std::vector<store::BackupRecord> stored_backups(ServerCatalog& index, const store::ServerLayout& layout,
                                                std::vector<std::string>& unreadable) {
  // The index first: a row's file was there before the row, so a row without a name is one whose file has
  // gone.
  auto backups = index.backups();
  const auto there = rows::committed_backups(layout);
  std::set<std::string> known;
  for (const auto& backup : backups) known.insert(backup.id.to_string());
  std::erase_if(backups, [&](const auto& backup) { return !there.contains(backup.id.to_string()); });
  const auto unknown = rows::read_backups(layout, rows::without(there, known), unreadable);
  backups.insert(backups.end(), unknown.begin(), unknown.end());
  std::ranges::sort(backups, store::is_older);
  return backups;
}

std::vector<RunRecord> stored_runs(ServerCatalog& index, const store::ServerLayout& layout,
                                   std::size_t newest) {
  const RunJournal journal(layout);
  // The position first: a line that another process adds to the index now comes twice, and is not missed.
  const auto read_to = index.journal_read_to();
  std::map<std::string, RunRecord> runs;
  for (auto& run : index.runs(newest)) runs.emplace(run.id, std::move(run));
  RunJournal::Lines later;
  try {
    later = journal.read_lines(read_to);
  } catch (const Corruption&) {  // not the journal that was read before
    runs.clear();
    later = journal.read_lines(0);
  }
  for (auto& line : later.records) {
    line.outcome = current_outcome(line);
    auto& known = runs[line.id];
    const bool has_ended = known.outcome == RunOutcome::succeeded || known.outcome == RunOutcome::failed;
    if (known.id.empty() || !has_ended) known = std::move(line);
  }
  std::vector<RunRecord> found;
  for (auto& [id, run] : runs) found.push_back(std::move(run));
  std::ranges::sort(found, [](const RunRecord& a, const RunRecord& b) {
    return std::tie(a.started, a.id) > std::tie(b.started, b.id);
  });
  if (found.size() > newest) found.resize(newest);
  return found;
}

}  // namespace pgkeep::catalog
