#include "catalog/retention/expiry_facts.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/records/identity.h"
#include "catalog/store/deletions.h"
#include "catalog/verify/damaged_backups.h"
#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {
namespace {

class Gathering {
 public:
  Gathering(const store::ServerLayout& layout, const CommitsOf& commits)
      : layout_(layout), commits_(&commits), set_aside_(read_set_aside_lines(layout)) {}

  ExpiryFacts gather() {
    for (const auto& line : set_aside_) {
      add_line(layout_.of_line(line.number), line.at);
      if (!line.damage.empty()) facts_.unclear.push_back(line.damage);
    }
    add_line(layout_, {});
    // Right after the WAL, of which it may need more with each moment; the index may take long.
    add_backups();
    if (auto& current = facts_.lines.back(); *commits_ && !current.held.names().segments.empty())
      current.commits = (*commits_)(current.held.names());
    for (std::size_t i = 0; i < set_aside_.size(); ++i)
      facts_.lines[i].goes_with_its_backups = is_all_accounted_for(set_aside_[i]);
    return std::move(facts_);
  }

 private:
  /// It had backups, and each of them is there, or was deleted: none is missing that may come back.
  bool is_all_accounted_for(const SetAsideLine& line) const {
    if (line.backups.empty()) return false;
    const auto deletions = store::read_deletions(layout_);
    return std::ranges::all_of(line.backups, [&](const store::BackupId& id) {
      return std::ranges::find(facts_.candidates, id, &ExpiryCandidate::id) != facts_.candidates.end() ||
             std::ranges::find(deletions, std::optional(id), &store::Deletion::id) != deletions.end();
    });
  }

  void add_line(const store::ServerLayout& layout, std::optional<io::TimePoint> set_aside) {
    LineOfWal line;
    line.number = layout.line();
    line.set_aside = set_aside;
    if (const auto identity = read_identity(layout)) {
      const WalArchive archive(layout, *identity);
      line.held = HeldWal::read(archive);
      line.events = EventJournal(layout).read();
      add_times_of_partials(archive, line);
    }
    facts_.lines.push_back(std::move(line));
  }

  /// Of timelines that were left: the index has no rows of them. One that cannot be read stays unknown.
  static void add_times_of_partials(const WalArchive& archive, LineOfWal& line) {
    for (const auto& [segment, received] : line.held.received()) {
      if (segment.timeline == line.held.names().newest_timeline()) continue;
      try {
        if (const auto contents = read_wal_contents(archive, segment, received.end))
          line.partial_commits.emplace(segment, contents->commits);
      } catch (const Error& error) {
        if (!is_damage(error)) throw;
      }
    }
  }

  void add_backups() {
    if (!io::is_there(layout_.backups())) throw StorageError(ENOENT, layout_.backups(), "list the directory");
    auto listing = store::list_backup_records(layout_);
    for (const auto& backup : listing.unread) facts_.unclear.push_back(describe(backup));
    sort_by_line(set_aside_, listing.backups);
    for (const auto& backup : listing.backups) {
      if (!is_unclear(set_aside_, backup.id))
        add(backup);
      else
        facts_.unclear.push_back(
            fmt::format("it is not known which WAL backup {} needs", backup.id.to_string()));
    }
  }

  void add(const store::BackupRecord& backup) {
    ExpiryCandidate candidate{{.id = backup.id,
                               .line = place_of_line(backup.id),
                               .start = backup.start,
                               .end = backup.end,
                               .ended = backup.ended}};
    candidate.fault = fault_of(backup);
    try {
      const auto marks = read_retention_marks(layout_, backup.id);
      candidate.expired = marks.expired;
      candidate.keep = marks.keep;
      candidate.note = marks.note;
      if (const auto known = damaged_.find(backup.id); known != damaged_.end())
        candidate.fault = "a verification found damage: " + known->second.what;
      if (marks.damaged) candidate.fault = marks.damaged->why;
    } catch (const Error& error) {
      if (!is_damage(error) && !is_denied(error)) throw;
      candidate.keep = KeepMark{.at = {}, .until = {}, .why = error.what()};
    }
    facts_.candidates.push_back(std::move(candidate));
  }

  /// In facts_.lines.
  std::size_t place_of_line(const store::BackupId& backup) const {
    const auto number = line_of(set_aside_, backup);
    if (!number) return set_aside_.size();
    return static_cast<std::size_t>(std::ranges::find(set_aside_, *number, &SetAsideLine::number) -
                                    set_aside_.begin());
  }

  static std::string fault_of(const store::BackupRecord& backup) {
    return backup.checksum_failures == 0
               ? ""
               : fmt::format("PostgreSQL found {} damaged pages in it", backup.checksum_failures);
  }

  store::ServerLayout layout_;
  std::map<store::BackupId, KnownDamage> damaged_ = damaged_backups(layout_);
  const CommitsOf* commits_;
  std::vector<SetAsideLine> set_aside_;
  ExpiryFacts facts_;
};

}  // namespace

std::map<postgres::TimelineId, ArchivedCommits> archived_commits(StoredSegments& stored,
                                                                 const SegmentSet& segments) {
  std::map<postgres::TimelineId, ArchivedCommits> commits;
  const auto sums = stored.sums(segments.runs());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto& run = segments.runs()[i];
    auto& of_timeline =
        commits.try_emplace(run.timeline, ArchivedCommits{.known = true, .latest = {}}).first->second;
    of_timeline.known = of_timeline.known && sums[i].with_commits_known == run.size();
    of_timeline.latest = std::max(of_timeline.latest, sums[i].latest_commit);
  }
  return commits;
}

ExpiryFacts gather_expiry_facts(const store::ServerLayout& layout, const CommitsOf& commits) {
  return Gathering(layout, commits).gather();
}

}  // namespace pgkeep::catalog
