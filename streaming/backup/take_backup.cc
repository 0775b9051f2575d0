#include "streaming/backup/take_backup.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "catalog/index/index_note.h"
#include "catalog/index/recorded_run.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/versions.h"
#include "catalog/store/sweep.h"
#include "catalog/verify/backup_checkpoint.h"
#include "catalog/verify/manifest_meaning.h"
#include "catalog/wal/set_aside_line.h"
#include "streaming/backup/backup_content.h"
#include "streaming/backup/backup_notices.h"
#include "streaming/backup/backup_sink.h"
#include "streaming/backup/room_for_backup.h"
#include "streaming/backup/shared_observer.h"
#include "streaming/backup/source_facts.h"
#include "streaming/backup/wal_companion.h"
#include "streaming/receive/wal_start.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kFilesNamed = 20;

/// Takes over what the manifest says of the whole backup, once it cannot be other than it is.
void confirm_meaning(const postgres::ManifestSummary& manifest, const postgres::TimelineHistory& line,
                     store::BackupRecord& record) {
  if (const auto found = catalog::contradictions(manifest, record, line); !found.empty()) {
    throw Corruption(
        fmt::format("PostgreSQL's manifest does not fit the backup that it came with: {}; "
                    "nothing of it is kept. Something between the server and pgkeep changes what is sent, "
                    "or the server is not to be believed",
                    fmt::join(found, "; ")));
  }
  record.wal_ranges = manifest.wal_ranges;
}

/// One backup from the writer lock to the commit record.
class BackupRun {
 public:
  BackupRun(const store::Repository& repository, const store::ServerLayout& layout, const BackupJob& job,
            io::ProgressObserver& observer, std::stop_token stop)
      : repository_(repository), layout_(layout), job_(job), observer_(observer), stop_(std::move(stop)) {}

  store::BackupRecord take();

 private:
  store::BackupId free_id() const;
  std::unique_ptr<store::BackupReader> newest_backup(postgres::SystemIdentifier system);
  void sweep();
  RoomFacts room() const;
  void require_room(const ExpectedGrowth& growth) const;
  void require_reserve() const;
  void require_room_for_next() const;
  void require_room_for_first(const std::vector<Tablespace>& announced) const;
  void finish_new_line();
  Node connect();
  std::string object_to(Node& node) const;
  void describe_server(Connection& connection, const SystemInfo& system,
                       const catalog::ServerIdentity& identity, store::BackupRecord& record) const;
  void require_own_wal(const BackupSink& sink, const store::BackupRecord& record,
                       const catalog::ServerIdentity& identity) const;
  /// Nothing where the manifest's version is not known, which only that of an unknown PostgreSQL may be.
  std::optional<postgres::ManifestSummary> compare_manifest(store::BackupWriter& writer,
                                                            const store::BackupRecord& record) const;
  void record_damaged_pages(const std::string& error, const BackupNotices& notices,
                            const std::vector<Tablespace>& tablespaces, store::BackupRecord& record) const;

  const store::Repository& repository_;
  const store::ServerLayout& layout_;
  const BackupJob& job_;
  io::ProgressObserver& observer_;
  std::stop_token stop_;
};

store::BackupId BackupRun::free_id() const {
  store::BackupId id(io::now());
  while (std::filesystem::exists(layout_.backup(id))) id = id.next();
  return id;
}

std::unique_ptr<store::BackupReader> BackupRun::newest_backup(postgres::SystemIdentifier system) {
  auto listing = store::list_backup_records(layout_);
  for (const auto& backup : listing.unread) {
    // It may be the one to compare with: else every backup would be stored whole, until the disk is full.
    if (backup.denied) throw Error(describe(backup));
    observer_.warning(describe(backup));
  }
  while (!listing.backups.empty() && listing.backups.back().system != system) listing.backups.pop_back();
  if (listing.backups.empty()) return nullptr;
  try {
    auto newest = std::make_unique<store::BackupReader>(repository_, layout_, listing.backups.back().id);
    newest->packs().avoid_suspects();
    return newest;
  } catch (const Error& e) {
    // Every backup would be stored whole, until the disk is full.
    if (is_denied(e)) throw;
    observer_.warning(
        fmt::format("the newest backup cannot be compared with, so this one is stored whole: {}", e.what()));
    return nullptr;
  }
}

void BackupRun::sweep() {
  try {
    const auto freed = store::sweep_unfinished(layout_);
    if (freed.bytes != 0) {
      observer_.note(
          fmt::format("removed {} that an unfinished backup had left", io::format_bytes(freed.bytes)));
    }
    for (const auto& why : freed.packs_kept) observer_.warning(why);
  } catch (const Corruption& e) {
    observer_.warning(fmt::format("what unfinished backups may have left is not removed: {}", e.what()));
  }
}

RoomFacts BackupRun::room() const {
  return {.server = job_.server,
          .root = repository_.root(),
          .disk = io::disk_space(layout_.packs()),
          .reserve = job_.reserve};
}

void BackupRun::require_room(const ExpectedGrowth& growth) const {
  if (const auto why = why_not_begun(room(), growth)) throw Refused(*why);
}

void BackupRun::require_reserve() const {
  if (const auto why = why_ended(room())) throw Refused(*why);
}

/// Before anything is asked of the server: of the cluster that was backed up last.
void BackupRun::require_room_for_next() const {
  auto backups = store::list_backup_records(layout_).backups;
  if (!backups.empty())
    std::erase_if(backups, [system = backups.back().system](const auto& b) { return b.system != system; });
  require_room(expected_growth(backups).value_or(ExpectedGrowth{}));
}

/// That is compared with none, and so stored whole.
void BackupRun::require_room_for_first(const std::vector<Tablespace>& announced) const {
  std::uint64_t bytes = 0;
  for (const auto& tablespace : announced) bytes = add_up(bytes, tablespace.size_bytes.value_or(0));
  require_room(growth_of_first(bytes));
}

/// The node that WAL is received from too, for that of any other may never come. Of another primary beside it
/// the receiver tells.
Node BackupRun::connect() {
  return choose_node(
      job_.connection, [this](Node& node) { return object_to(node); },
      [](const Node& /*rival*/, const Node* /*chosen*/, const std::string& /*objection*/) {}, stop_);
}

std::string BackupRun::object_to(Node& node) const {
  const auto identity = catalog::read_identity(layout_);
  if (!identity) return {};
  if (identity->system != node.system.system) {
    return fmt::format("{} is another cluster (system identifier {}, here {})", node.connection.peer(),
                       node.system.system.to_string(), identity->system.to_string());
  }
  try {
    require_on_line(node.connection.peer(), ask_line(node.connection, node.system), {layout_, *identity});
    return {};
  } catch (const Refused& refused) {
    return refused.what();
  } catch (const ServerError& error) {
    return error.what();  // it does not know its own history
  }
}

/// Of one that was killed. Who receives WAL has done it at its start; nobody may do it beside another.
void BackupRun::finish_new_line() {
  if (!catalog::is_half_set_aside(layout_)) return;
  const auto receiver = io::FileLock::acquire(layout_.receiver_lock(), "backup");
  catalog::finish_setting_aside(layout_);
}

store::BackupRecord BackupRun::take() {
  const auto lock = io::FileLock::acquire(layout_.writer_lock(), "backup");
  finish_new_line();
  sweep();
  require_room_for_next();
  const auto id = free_id();
  if (job_.before) job_.before(id, observer_);
  auto node = connect();
  auto& connection = node.connection;
  const auto& system = node.system;
  const auto identity = ask_identity(connection, system);
  catalog::confirm_identity(layout_, identity);
  if (!identity.formats_known()) {
    observer_.warning(fmt::format("{}: this backup and its WAL are kept unchecked; try it by a recovery",
                                  postgres::why_not_known(identity.major_version)));
  }
  // To the only host of a conninfo nobody has objected yet.
  require_on_line(connection.peer(), ask_line(connection, system), {layout_, identity});
  WalCompanion wal(layout_, identity, job_.wal, observer_, stop_);
  wal.wait_until_streaming();

  SourceFacts facts(node.settings, observer_, stop_);
  store::BackupRecord record(id);
  BackupNotices notices(observer_);
  connection.on_notice([&notices](auto severity, auto message) { notices.take(severity, message); });
  describe_server(connection, system, identity, record);
  const auto previous = newest_backup(identity.system);
  store::BackupWriter writer(repository_, layout_, record.id, previous.get(), job_.store);
  BackupSink sink(writer, observer_, previous ? previous->record().data_bytes : 0, stop_);
  sink.before_copying([&](const auto& announced) {
    facts.require_all(announced);
    if (!previous) require_room_for_first(announced);
  });
  sink.while_copying([this] { require_reserve(); });
  sink.keep_to(Pace(job_.bandwidth, [this](const std::string& change) { observer_.note(change); }));
  auto options = job_.base_backup;
  options.progress = options.progress || !previous;
  observer_.progress({"waiting for a checkpoint", 0, 0});
  record.started = io::now();
  const auto end = run_base_backup(connection, options, sink);
  record.ended = facts.now();
  record.end = end.end;
  const auto manifest = compare_manifest(writer, record);
  describe_content(sink, facts, observer_, record);
  // A standby may have followed its primary to another timeline since the log-in.
  const auto line = ask_line(connection, {system.system, record.end.timeline, record.end.lsn});
  if (manifest) confirm_meaning(*manifest, line.history, record);
  record.notices = notices.kept();
  if (end.checksum_failure) record_damaged_pages(*end.checksum_failure, notices, sink.tablespaces(), record);
  if (const auto healed = writer.healed_pieces(); healed != 0) {
    observer_.warning(
        fmt::format("{} pieces were damaged in the repository and have been stored again", healed));
  }
  writer.prepare(record);
  wal.wait_until_kept(record.start, record.end, record.from_standby);
  require_own_wal(sink, record, identity);
  writer.commit(record);
  return record;
}

void BackupRun::describe_server(Connection& connection, const SystemInfo& system,
                                const catalog::ServerIdentity& identity, store::BackupRecord& record) const {
  record.server = job_.server;
  record.label = job_.base_backup.label;
  record.system = system.system;
  record.server_version = connection.version_text();
  record.major_version = identity.major_version;
  record.wal_segment_size = identity.wal_segment_size;
  record.block_bytes = identity.block_bytes;
  // Also in pg_control, which has the last word where it can be read.
  record.data_checksums = show(connection, "data_checksums") == "on";
  record.checksums_verified = job_.base_backup.verify_checksums;
  const auto mode = show(connection, "data_directory_mode");
  record.directory_mode = mode.ends_with("750") ? 0750 : 0700;
}

std::optional<postgres::ManifestSummary> BackupRun::compare_manifest(
    store::BackupWriter& writer, const store::BackupRecord& record) const {
  observer_.progress({"comparing with PostgreSQL's manifest", 0, 0});
  store::ManifestComparison comparison;
  try {
    comparison = writer.finish_manifest();
  } catch (const postgres::UnknownManifest& unknown) {
    if (postgres::formats_known(record.major_version)) throw;
    observer_.warning(fmt::format(
        "{}: nothing proves that what arrived is what the server sent; the backup is kept all the same",
        unknown.what()));
    return std::nullopt;
  }
  if (comparison.problem_count != 0) {
    std::string shown;
    for (const auto& problem : comparison.problems) shown += "\n  " + problem;
    throw Corruption(
        fmt::format("what arrived is not what PostgreSQL sent ({} problems); nothing of it is kept, "
                    "check memory and network and try again:{}",
                    comparison.problem_count, shown));
  }
  return std::move(comparison.summary);
}

/// WAL of another history can have come under the same names: from a server that was put back, say.
void BackupRun::require_own_wal(const BackupSink& sink, const store::BackupRecord& record,
                                const catalog::ServerIdentity& identity) const {
  if (!identity.formats_known()) return;  // checkpoints of that version cannot be read
  const catalog::WalArchive archive(layout_, identity);
  const auto line = archive.history(record.end.timeline);
  if (!line) return;
  const auto problem = catalog::checkpoint_problem(
      archive, *line, postgres::BackupLabel::parse(sink.small_file("backup_label")),
      postgres::ControlFile::decode(io::as_bytes(sink.small_file("global/pg_control"))));
  if (!problem) return;
  throw Refused(
      fmt::format("{}; nothing of this backup is kept. "
                  "`pgkeep status {}` shows where the WAL comes from, "
                  "and the runbook \"A server was put back\" what to do",
                  *problem, job_.server));
}

void BackupRun::record_damaged_pages(const std::string& error, const BackupNotices& notices,
                                     const std::vector<Tablespace>& tablespaces,
                                     store::BackupRecord& record) const {
  record.checksum_failures = notices.damaged_pages();
  record.notices.push_back("ERROR: " + error);
  auto files = notices.named_files(tablespaces);
  const auto more = files.size() - std::min(files.size(), kFilesNamed);
  files.resize(files.size() - more);
  // Now, while the server still knows them by these numbers.
  if (job_.relation_names && !files.empty())
    files = job_.relation_names(record.system, std::move(files), observer_, stop_);
  if (more != 0) files.push_back(fmt::format("and {} more files", more));
  record.damaged_files = files;
  observer_.warning(
      fmt::format("PostgreSQL found damaged pages{}{}: {}. The backup is kept and marked; "
                  "look at the warnings for files and blocks, and keep older backups",
                  files.empty() ? "" : " in ", fmt::join(files, "; "), error));
}

nlohmann::ordered_json details_of(const store::BackupRecord& record) {
  return {{"backup", record.id.to_string()},
          {"data_bytes", record.data_bytes},
          {"pack_bytes", record.cost.pack_bytes},
          {"metadata_bytes", record.cost.metadata_bytes},
          {"checksum_failures", record.checksum_failures}};
}

/// The index is a convenience: a backup whose record stands is a backup, and the next one puts both in.
void index_backup(const store::ServerLayout& layout, io::ProgressObserver& observer) {
  const auto trouble =
      catalog::note_in_index(layout, [](catalog::ServerCatalog& index) { index.add_backups(); });
  if (trouble)
    observer.warning(fmt::format("the backup is kept, but the index could not be written: {}", *trouble));
}

}  // namespace

store::BackupRecord take_backup(const store::Repository& repository, const BackupJob& job,
                                io::ProgressObserver& observer, std::stop_token stop) {
  const auto layout = repository.server(job.server);
  layout.make();
  SharedObserver shared(observer);
  std::optional<store::BackupRecord> record;
  catalog::record_run(layout, "backup", "", shared,
                      [&](std::string& subject, io::ProgressObserver& recorded) {
                        record = BackupRun(repository, layout, job, recorded, std::move(stop)).take();
                        index_backup(layout, recorded);
                        subject = record->id.to_string();
                        if (job.after) job.after(*record, recorded);
                        return details_of(*record);
                      });
  return *std::move(record);
}

}  // namespace pgkeep::streaming
