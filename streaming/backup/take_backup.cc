#include "streaming/backup/take_backup.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "catalog/index/server_catalog.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/postgres/versions.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/sweep.h"
#include "catalog/verify/backup_checkpoint.h"
#include "catalog/verify/manifest_meaning.h"
#include "catalog/wal/set_aside_line.h"
#include "streaming/backup/backup_notices.h"
#include "streaming/backup/backup_sink.h"
#include "streaming/backup/configuration_files.h"
#include "streaming/backup/shared_observer.h"
#include "streaming/backup/wal_companion.h"
#include "streaming/receive/wal_start.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::streaming {
namespace {

constexpr int kOnlyRead = 1;  // a level of compression that is not used

/// What only an SQL session tells: the tablespaces there are, where the configuration lies, and the server's
/// clock. A server that refuses the session is backed up all the same.
class ServerFacts {
 public:
  ServerFacts(const ConnectionSettings& settings, io::ProgressObserver& observer,
              const std::stop_token& stop) {
    try {
      session_ = Connection::open(settings, ConnectionKind::sql, stop);
      tablespaces_ = ask_tablespaces();
      configuration_ = ask_configuration_files(*session_);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& e) {
      session_.reset();
      observer.warning(fmt::format("no SQL session, so tablespaces are known by number only: {}", e.what()));
    }
  }

  const store::ConfigurationFiles& configuration() const { return configuration_; }

  std::string tablespace_name(std::uint32_t oid) const {
    const auto found = tablespaces_.find(std::to_string(oid));
    return found == tablespaces_.end() ? "" : found->second;
  }

  /// Up to 15, PostgreSQL leaves a tablespace out of a base backup without a word when pg_tblspc has a
  /// directory for it and no link. Throws Refused for one that was there before and is not in `announced`.
  void require_all(const std::vector<Tablespace>& announced) {
    const auto left_out = [&announced](const auto& known) {
      return std::ranges::none_of(announced,
                                  [&](const auto& t) { return std::to_string(t.oid) == known.first; });
    };
    if (std::ranges::none_of(tablespaces_, left_out)) return;
    const auto still_there = ask_tablespaces();  // it may have been dropped meanwhile
    for (const auto& [oid, name] : tablespaces_) {
      if (!left_out(std::pair(oid, name)) || !still_there.contains(oid)) continue;
      throw Refused(
          fmt::format("tablespace {} ({}) would not be in the backup: "
                      "PostgreSQL {} leaves out one that has no link in pg_tblspc, "
                      "as it is with those in the data directory (allow_in_place_tablespaces). "
                      "Move what is in it to another tablespace and drop it; PostgreSQL 16 and later send it",
                      name, oid, session_->major_version()));
    }
  }

  /// The server's clock, which a recovery target in time refers to; ours when it cannot be asked.
  io::TimePoint now() {
    if (!session_) return io::now();
    try {
      const auto rows =
          session_->query("SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint");
      return io::TimePoint(std::chrono::microseconds(std::stoll(rows.rows.at(0).at(0).value())));
    } catch (const std::exception&) {
      session_.reset();
      return io::now();
    }
  }

 private:
  /// All but those that initdb makes, which lie in the data directory: OID and name.
  std::map<std::string, std::string> ask_tablespaces() {
    std::map<std::string, std::string> found;
    const auto answer = session_->query(
        "SELECT oid, spcname FROM pg_catalog.pg_tablespace "
        "WHERE spcname NOT IN ('pg_default', 'pg_global')");
    for (const auto& row : answer.rows)
      if (row[0] && row[1]) found[*row[0]] = *row[1];
    return found;
  }

  std::optional<Connection> session_;
  std::map<std::string, std::string> tablespaces_;
  store::ConfigurationFiles configuration_;
};

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
  void finish_new_line();
  Node connect();
  std::string object_to(Node& node) const;
  void describe_server(Connection& connection, const SystemInfo& system,
                       const catalog::ServerIdentity& identity, store::BackupRecord& record) const;
  void describe_content(const BackupSink& sink, ServerFacts& facts, store::BackupRecord& record) const;
  void require_own_wal(const BackupSink& sink, const store::BackupRecord& record,
                       const catalog::ServerIdentity& identity) const;
  void describe_tablespaces(const BackupSink& sink, const ServerFacts& facts,
                            store::BackupRecord& record) const;
  /// Nothing where the manifest's version is not known, which only that of an unknown PostgreSQL may be.
  std::optional<postgres::ManifestSummary> compare_manifest(store::BackupWriter& writer,
                                                            const store::BackupRecord& record) const;
  static void describe_control(io::ByteView content, store::BackupRecord& record);
  void record_damaged_pages(const std::string& error, std::uint64_t count, store::BackupRecord& record) const;

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
    return std::make_unique<store::BackupReader>(repository_, layout_, listing.backups.back().id, true);
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
    require_on_line(node.connection.peer(), ask_line(node.connection, node.system),
                    {layout_, *identity, kOnlyRead});
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
  require_on_line(connection.peer(), ask_line(connection, system), {layout_, identity, kOnlyRead});
  WalCompanion wal(layout_, identity, job_.wal, observer_, stop_);
  wal.wait_until_streaming();

  ServerFacts facts(node.settings, observer_, stop_);
  store::BackupRecord record(free_id());
  BackupNotices notices(observer_);
  connection.on_notice([&notices](auto severity, auto message) { notices.take(severity, message); });
  describe_server(connection, system, identity, record);
  const auto previous = newest_backup(identity.system);
  store::BackupWriter writer(repository_, layout_, record.id, previous.get(), job_.store);
  BackupSink sink(writer, observer_, previous ? previous->record().data_bytes : 0, stop_);
  sink.before_copying([&facts](const auto& announced) { facts.require_all(announced); });
  auto options = job_.base_backup;
  options.progress = options.progress || !previous;
  observer_.progress({"waiting for a checkpoint", 0, 0});
  record.started = io::now();
  const auto end = run_base_backup(connection, options, sink);
  record.ended = facts.now();
  record.end = end.end;
  const auto manifest = compare_manifest(writer, record);
  describe_content(sink, facts, record);
  // A standby may have followed its primary to another timeline since the log-in.
  const auto line = ask_line(connection, {system.system, record.end.timeline, record.end.lsn});
  if (manifest) confirm_meaning(*manifest, line.history, record);
  record.notices = notices.kept();
  if (end.checksum_failure) record_damaged_pages(*end.checksum_failure, notices.damaged_pages(), record);
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

void BackupRun::describe_control(io::ByteView content, store::BackupRecord& record) {
  if (const auto system = postgres::ControlFile::system_of(content); system != record.system) {
    throw Refused(fmt::format("the base backup is of cluster {}, not of {}; nothing of it is kept",
                              system.to_string(), record.system.to_string()));
  }
  if (!postgres::formats_known(record.major_version)) return;
  const auto control = postgres::ControlFile::decode(content);
  if (control.block_bytes != record.block_bytes ||
      control.wal_segment_bytes != record.wal_segment_size.bytes()) {
    throw Refused(fmt::format(
        "pg_control in the base backup says that blocks have {} bytes and WAL segments {}, "
        "the server says {} and {}; nothing of it is kept",
        control.block_bytes, control.wal_segment_bytes, record.block_bytes, record.wal_segment_size.bytes()));
  }
  record.data_checksums = control.data_checksums;
}

void BackupRun::describe_content(const BackupSink& sink, ServerFacts& facts,
                                 store::BackupRecord& record) const {
  const auto label = postgres::BackupLabel::parse(sink.small_file("backup_label"));
  describe_control(io::as_bytes(sink.small_file("global/pg_control")), record);
  if (label.start != sink.start() || label.incremental_from || record.end.lsn < label.start.lsn ||
      record.end.timeline < label.start.timeline) {
    throw ProtocolError(fmt::format(
        "the server's backup_label begins at {} of timeline {}, "
        "it announced {} of timeline {} and ended at {} of timeline {}: "
        "this is no full base backup, and nothing of it is kept",
        label.start.lsn.to_string(), label.start.timeline.to_string(), sink.start().lsn.to_string(),
        sink.start().timeline.to_string(), record.end.lsn.to_string(), record.end.timeline.to_string()));
  }
  record.start = label.start;
  record.from_standby = label.from_standby;
  record.configuration = facts.configuration();
  for (const auto& [name, path] : record.configuration.outside()) {
    observer_.note(fmt::format(
        "{} is {}, outside of the data directory, and not in the backup: keep a copy of it", name, path));
  }
  describe_tablespaces(sink, facts, record);
}

/// WAL of another history can have come under the same names: from a server that was put back, say.
void BackupRun::require_own_wal(const BackupSink& sink, const store::BackupRecord& record,
                                const catalog::ServerIdentity& identity) const {
  if (!identity.formats_known()) return;  // checkpoints of that version cannot be read
  const catalog::WalArchive archive(layout_, identity, kOnlyRead);
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

void BackupRun::describe_tablespaces(const BackupSink& sink, const ServerFacts& facts,
                                     store::BackupRecord& record) const {
  std::vector<postgres::TablespaceMapEntry> map;
  if (sink.has_small_file("tablespace_map"))
    map = postgres::parse_tablespace_map(sink.small_file("tablespace_map"), record.major_version);
  for (const auto& [oid, location, size] : sink.tablespaces()) {
    if (oid == 0) continue;
    const auto mapped = std::ranges::find(map, oid, &postgres::TablespaceMapEntry::oid);
    // 13 puts a backslash before a line break in the path, looks there, and takes what is not there for
    // empty.
    if (mapped != map.end() && mapped->path != location) {
      throw Refused(fmt::format(
          "tablespace {} ({}) lies at {}, but PostgreSQL {} looked for it at {} and sent nothing of it; "
          "nothing of this backup is kept. Move what is in it to a tablespace whose path has no line break",
          facts.tablespace_name(oid), oid, io::in_quotes(mapped->path), record.major_version,
          io::in_quotes(location)));
    }
    record.tablespaces.push_back({oid, facts.tablespace_name(oid), location});
  }
}

void BackupRun::record_damaged_pages(const std::string& error, std::uint64_t count,
                                     store::BackupRecord& record) const {
  record.checksum_failures = count;
  record.notices.push_back("ERROR: " + error);
  observer_.warning(
      fmt::format("PostgreSQL found damaged pages: {}. The backup is kept and marked; "
                  "look at the warnings for files and blocks, and keep older backups",
                  error));
}

std::string details_of(const store::BackupRecord& record) {
  const nlohmann::ordered_json details = {{"backup", record.id.to_string()},
                                          {"data_bytes", record.data_bytes},
                                          {"pack_bytes", record.cost.pack_bytes},
                                          {"metadata_bytes", record.cost.metadata_bytes},
                                          {"checksum_failures", record.checksum_failures}};
  return details.dump();
}

/// The index is a convenience: a backup whose record stands is a backup, and the next opening of the index
/// puts it in.
void index_backup(const store::ServerLayout& layout, const store::BackupRecord& record,
                  io::ProgressObserver& observer) {
  const auto trouble =
      catalog::note_in_index(layout, [&](catalog::ServerCatalog& index) { index.add_backup(record); });
  if (trouble)
    observer.warning(fmt::format("the backup is kept, but the index could not be written: {}", *trouble));
}

struct RunEnd {
  io::TimePoint started;
  std::string subject;
  catalog::RunOutcome outcome;
  std::string error;
  std::string details;
};

/// Nothing when another process holds the journal's lock, as one that was stopped: no backup waits for that.
std::optional<catalog::RunRecord> begin_run(catalog::RunJournal& journal, io::TimePoint started,
                                            io::ProgressObserver& observer) {
  try {
    return journal.begin("backup", "", started);
  } catch (const Busy& busy) {
    observer.warning(fmt::format("that the backup began could not be noted: {}", busy.what()));
    return std::nullopt;
  }
}

/// The journal tells of runs; its own trouble (a full disk, say) neither undoes a backup nor hides why one
/// failed.
void end_run(catalog::RunJournal& journal, std::optional<catalog::RunRecord>& run, const RunEnd& end,
             io::ProgressObserver& observer) {
  try {
    if (!run) run = journal.begin("backup", "", end.started);
    run->subject = end.subject;
    journal.end(*run, end.outcome, end.error, end.details);
  } catch (const Error& e) {
    observer.warning(fmt::format("how the run ended could not be noted: {}", e.what()));
  }
}

}  // namespace

store::BackupRecord take_backup(const store::Repository& repository, const BackupJob& job,
                                io::ProgressObserver& observer, std::stop_token stop) {
  const auto layout = repository.server(job.server);
  layout.make();
  SharedObserver shared(observer);
  catalog::RunJournal journal(layout);
  const auto started = io::now();
  auto run = begin_run(journal, started, shared);
  try {
    auto record = BackupRun(repository, layout, job, shared, std::move(stop)).take();
    index_backup(layout, record, shared);
    end_run(journal, run,
            {started, record.id.to_string(), catalog::RunOutcome::succeeded, "", details_of(record)}, shared);
    return record;
  } catch (const Interrupted& e) {
    end_run(journal, run, {started, "", catalog::RunOutcome::interrupted, e.what(), ""}, shared);
    throw;
  } catch (const std::exception& e) {
    end_run(journal, run, {started, "", catalog::RunOutcome::failed, e.what(), ""}, shared);
    throw;
  }
}

}  // namespace pgkeep::streaming
