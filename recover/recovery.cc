#include "recover/recovery.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/shell.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/postgres/versions.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_archive.h"
#include "recover/deliver/backup_survey.h"
#include "recover/deliver/places.h"
#include "recover/manifest_rewrite.h"
#include "recover/meter.h"
#include "recover/plan/plan_tablespaces.h"
#include "recover/plan/replay_notes.h"
#include "recover/recovery_settings.h"
#include "recover/restore_command.h"
#include "recover/start_commands.h"
#include "recover/wal_delivery.h"

namespace pgkeep::recover {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kControlBytes = 8192;
constexpr std::uint64_t kConfigurationLimit = 4u << 20;
constexpr std::uint64_t kMapLimit = 16u << 20;
constexpr std::size_t kCopyBytes = 256u << 10;

/// What one worker needs for reading the backup's files.
struct Worker {
  explicit Worker(store::PackSet& packs) : reader(packs) {}
  store::ObjectReader reader;
  io::ByteVector buffer;
};

catalog::ServerIdentity identity_of(const store::ServerLayout& layout) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) throw NotFound(fmt::format("{}: nothing is kept of this server", layout.root().native()));
  return *identity;
}

/// The places outside of the destination come from the server that was backed up. Root could write to any, so
/// there the operator has to name them.
void require_named_tablespaces(const RecoveryPlan& plan) {
  std::string options;
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.named || !tablespace.location.starts_with('/')) continue;
    options += fmt::format(" --tablespace {}",
                           io::shell_quote(fmt::format("{}:{}", tablespace.oid, tablespace.location)));
  }
  if (options.empty()) return;
  throw Refused(
      fmt::format("the server that was backed up chose where its tablespaces lie, "
                  "and root would write there; allow it with{}, name other places, "
                  "or recover as the user who will run PostgreSQL",
                  options));
}

/// One recovery, from the open backup to the report. Everything that can fail for what is stored (a damaged
/// map, manifest or pg_control) is read before anything is written.
class Recovery {
 public:
  Recovery(const RecoveryPlan& plan, const store::Repository& repository, const store::ServerLayout& layout,
           io::ProgressObserver& observer)
      : plan_(&plan),
        observer_(&observer),
        backup_(repository, layout, plan.backup.id, true),
        archive_(layout, identity_of(layout), io::kMinCompressionLevel),
        paths_(plan),
        delivery_(plan.request.remote_ssh_command.empty()
                      ? local_delivery(plan.request.jobs)
                      : ssh_delivery(plan.request.remote_ssh_command, plan.request.jobs)),
        meter_(observer, plan.data_bytes + plan.wal_bytes) {
    for (unsigned worker = 0; worker < delivery_->workers(); ++worker) workers_.emplace_back(backup_.packs());
  }

  RecoveryPreview check();
  RecoveryReport run(const std::stop_token& stop);

 private:
  /// A directory that will be there when the copy is started.
  struct Root {
    std::string directory;
    std::string what;     // for messages
    std::string way_out;  // when it cannot be used
    std::uint64_t bytes;
    bool named = true;  // not by the server alone
  };
  void prepare();
  void require_packs();
  void prepare_settings();
  void review_missing_configuration(bool has_main);
  void prepare_tablespace_map();
  void prepare_manifest();
  void prepare_wal();
  void read_wal_to_consistency();
  std::vector<std::string> shell() const;
  std::vector<Root> roots();
  void check_destination();
  void check_restore_command();
  void write_all(const std::stop_token& stop);
  void give_all(const Delivery::Give& give);
  void make_directories();
  RecoveryReport report();

  std::optional<std::string> small_text_file(std::string_view path, std::uint64_t limit);
  void write_manifest(io::ByteSink& out) const;
  std::uint32_t file_mode() const { return delivered_mode(plan_->backup.directory_mode) & 0666; }
  DeliveredFile file_of_backup(store::FileEntry&& entry);
  DeliveredFile made(std::string_view path, std::uint64_t size,
                     std::function<void(io::ByteSink&)> content) const;
  DeliveredFile made_text(std::string_view path, std::string text) const;

  const RecoveryPlan* plan_;
  io::ProgressObserver* observer_;
  store::BackupReader backup_;
  catalog::WalArchive archive_;
  DestinationPaths paths_;
  std::unique_ptr<Delivery> delivery_;
  std::deque<Worker> workers_;
  Meter meter_;

  BackupSurvey survey_;
  RecoverySettings settings_;
  std::map<std::string, ChangedFile> changed_files_;  // against the manifest
  std::vector<DeliveredFile> extra_;                  // what is delivered beside the backup's files
  io::ByteVector control_;                            // global/pg_control
  bool manifest_as_stored_ = false;                   // since its version is not known
  std::uint64_t files_ = 0;
};

std::optional<std::string> Recovery::small_text_file(std::string_view path, std::uint64_t limit) {
  if (!survey_.top_files.contains(path)) return std::nullopt;
  return std::string(io::as_text(backup_.read_small_file(path, limit)));
}

DeliveredFile Recovery::file_of_backup(store::FileEntry&& entry) {
  DeliveredFile file{.path = paths_.of(entry.path),
                     .size = entry.size,
                     .mode = delivered_mode(entry.mode),
                     .modified = entry.modified,
                     .content = {}};
  file.content = [this, shared = std::make_shared<store::FileEntry>(std::move(entry))](io::ByteSink& out,
                                                                                       unsigned number) {
    MeteredSink metered(out, meter_);
    auto& worker = workers_[number];
    store::read_file(*shared, worker.reader, worker.buffer, metered);
  };
  return file;
}

DeliveredFile Recovery::made(std::string_view path, std::uint64_t size,
                             std::function<void(io::ByteSink&)> content) const {
  const auto now = std::chrono::floor<std::chrono::seconds>(io::now()).time_since_epoch().count();
  return {.path = paths_.of(path),
          .size = size,
          .mode = file_mode(),
          .modified = now,
          .content = [content = std::move(content)](io::ByteSink& out, unsigned) { content(out); }};
}

DeliveredFile Recovery::made_text(std::string_view path, std::string text) const {
  const auto size = text.size();
  return made(path, size, [text = std::move(text)](io::ByteSink& out) { out.write(io::as_bytes(text)); });
}

/// PostgreSQL sends with a backup only what lies in the data directory.
void Recovery::review_missing_configuration(bool has_main) {
  const auto& known = plan_->backup.configuration;
  for (const auto& [name, path] : known.outside()) {
    if (name != "config_file")
      settings_.review.push_back(fmt::format(
          "{} was {}, outside of the data directory, and is not in the backup: it must exist here", name,
          path));
  }
  if (has_main) {
    if (!survey_.top_files.contains("pg_hba.conf") && known.hba_file.empty())
      settings_.review.emplace_back(
          "pg_hba.conf is not in the backup: PostgreSQL does not start without the one that hba_file names");
    return;
  }
  const auto guess = fmt::format("/etc/postgresql/{}/main/postgresql.conf", plan_->backup.major_version);
  const auto& path = known.config_file.empty() ? guess : known.config_file;
  settings_.review.push_back(fmt::format(
      "postgresql.conf is not in the backup ({}): the command below takes {}; "
      "put another path there, or an empty postgresql.conf and a pg_hba.conf into the data directory",
      known.config_file.empty() ? "where it was is not known; Debian keeps it in /etc/postgresql"
                                : "it lay outside of the data directory",
      path));
  settings_.start_options.emplace_back("config_file", path);
  settings_.start_options.emplace_back("data_directory", paths_.data_directory());
}

void Recovery::prepare_settings() {
  const auto automatic = small_text_file("postgresql.auto.conf", kConfigurationLimit);
  // One in the data directory is a leftover when the server took another.
  const auto outside = plan_->backup.configuration.outside();
  const bool left_over = std::ranges::any_of(outside, [](const auto& f) { return f.first == "config_file"; });
  const auto main = left_over ? std::nullopt : small_text_file("postgresql.conf", kConfigurationLimit);
  auto least = plan_->least;
  if (postgres::formats_known(plan_->backup.major_version))
    least.demand(postgres::ControlFile::decode(control_));
  settings_ = make_settings(*plan_, automatic.value_or(""), main.value_or(""), least);
  review_missing_configuration(main.has_value());
  if (manifest_as_stored_)
    settings_.review.emplace_back(
        "backup_manifest has a version that this pgkeep does not know and is delivered as the server sent it: "
        "pg_verifybackup objects to the files that recovery changes");
  if (survey_.top_files.contains("standby.signal") && !plan_->request.standby)
    settings_.changed.emplace_back(
        "standby.signal: left out (the backup was taken from a standby; the copy will not be one)");
  extra_.push_back(made_text("postgresql.auto.conf", settings_.auto_conf));
  extra_.push_back(made_text(plan_->request.standby ? "standby.signal" : "recovery.signal", ""));
}

/// The map and the symbolic links must agree: PostgreSQL makes the links anew from the map when it starts.
void Recovery::prepare_tablespace_map() {
  auto text = small_text_file("tablespace_map", kMapLimit);
  if (!text) return;
  const auto major = plan_->backup.major_version;
  auto entries = postgres::parse_tablespace_map(*text, major);
  bool relocated = false;
  for (auto& entry : entries) {
    const auto planned = std::ranges::find(plan_->tablespaces, entry.oid, &PlannedTablespace::oid);
    if (planned == plan_->tablespaces.end() || planned->location == entry.path) continue;
    // Records of before paths were kept as bytes have a damaged one.
    if (planned->original != entry.path && planned->location == normal_path(planned->original)) {
      throw Refused(
          fmt::format("tablespace {}: it was at {}, and the backup's record says {}; "
                      "say where it is to go with --tablespace {}:DIRECTORY",
                      entry.oid, io::in_quotes(entry.path), io::in_quotes(planned->original), entry.oid));
    }
    entry.path = planned->location;
    relocated = true;
  }
  if (relocated) {
    text = postgres::format_tablespace_map(entries, major);
    changed_files_["tablespace_map"] = {.size = text->size(), .crc32c = io::crc32c(io::as_bytes(*text))};
  }
  extra_.push_back(made_text("tablespace_map", *std::move(text)));
}

void Recovery::write_manifest(io::ByteSink& out) const {
  const auto stored = io::File::open_to_read(archive_.layout().manifest(plan_->backup.id));
  io::FileSource source(stored);
  io::DecompressingSource plain(source);
  if (manifest_as_stored_) {
    io::ByteVector buffer(kCopyBytes);
    while (const auto n = plain.read(buffer)) out.write(io::ByteView(buffer).first(n));
    return;
  }
  const ManifestOwner owner{.major_version = plan_->backup.major_version, .system = plan_->backup.system};
  rewrite_manifest(plain, out, owner, changed_files_);
}

/// Made twice, once to know its size: it may be far larger than what we want to hold.
void Recovery::prepare_manifest() {
  CountingSink size;
  try {
    write_manifest(size);
  } catch (const postgres::UnknownManifest&) {
    if (postgres::formats_known(plan_->backup.major_version)) throw;
    manifest_as_stored_ = true;
    size = {};
    write_manifest(size);
  }
  extra_.push_back(made("backup_manifest", size.count(), [this](io::ByteSink& out) { write_manifest(out); }));
}

void Recovery::prepare_wal() {
  for (const auto timeline : plan_->histories) {
    const auto content = archive_.sound_history(timeline);
    if (!content && !archive_.inventory().damaged_histories.contains(timeline))
      throw Corruption(fmt::format("{} was there when recovery was planned, and is not any more",
                                   timeline.history_file()));
    // PostgreSQL looks only whether the number is taken: no timeline of the plan is damaged.
    extra_.push_back(made_text("pg_wal/" + timeline.history_file(),
                               content.value_or("# the archive's copy of this history is damaged\n")));
  }
  const auto size = archive_.identity().wal_segment_size;
  for (const auto& file : plan_->wal) {
    extra_.push_back(made("pg_wal/" + file.segment.name(size), size.bytes(), [this, file](io::ByteSink& out) {
      MeteredSink metered(out, meter_);
      deliver_planned(archive_, file, metered);
    }));
  }
}

/// Without this WAL the backup is worth nothing, and there is little of it: better to know that it is sound
/// before anything is written.
void Recovery::read_wal_to_consistency() {
  const auto last = postgres::WalSegment::ending(plan_->backup.end, plan_->backup.wal_segment_size).number;
  for (const auto& file : plan_->wal) {
    CountingSink nowhere;
    if (file.segment.number <= last) deliver_planned(archive_, file, nowhere);
  }
}

/// That a pack is missing, cut or not ours shows in its directory: better now than half-way. Damaged frames
/// show when they are read.
void Recovery::require_packs() {
  for (const auto& [number, used] : backup_.files().packs()) {
    const auto pack = backup_.packs().open(number);
    if (used.size() > (std::size_t{pack->objects()} + 7) / 8) {
      throw Corruption(fmt::format("{}: it has {} objects, but backup {} names more; use another backup",
                                   pack->path().native(), pack->objects(), plan_->backup.id.to_string()));
    }
  }
}

void Recovery::prepare() {
  require_packs();
  survey_ = survey_backup(backup_.files(), *plan_, paths_);
  control_ = backup_.read_small_file("global/pg_control", kControlBytes);
  if (const auto system = postgres::ControlFile::system_of(control_); system != plan_->backup.system) {
    throw Corruption(fmt::format("backup {}: pg_control belongs to system {}, the backup to {}",
                                 plan_->backup.id.to_string(), system.to_string(),
                                 plan_->backup.system.to_string()));
  }
  prepare_wal();
  read_wal_to_consistency();
  prepare_tablespace_map();
  prepare_manifest();
  prepare_settings();
}

std::vector<std::string> Recovery::shell() const {
  const auto& remote = plan_->request.remote_ssh_command;
  return remote.empty() ? std::vector<std::string>{"sh", "-c"} : io::split_command(remote);
}

/// The destination first, then the tablespaces: those of the backup and those that replay creates.
std::vector<Recovery::Root> Recovery::roots() {
  std::vector<Root> roots{
      {paths_.data_directory(), "the destination", "", survey_.root_bytes[paths_.data_directory()]}};
  for (const auto& file : extra_) roots.front().bytes += file.size;
  for (const auto& tablespace : plan_->tablespaces) {
    if (!tablespace.location.starts_with('/')) continue;
    roots.push_back({tablespace.location, fmt::format("tablespace {} ({})", tablespace.name, tablespace.oid),
                     "--tablespace NAME:DIRECTORY puts a tablespace elsewhere",
                     survey_.root_bytes[tablespace.location]});
  }
  for (const auto& created : plan_->created_tablespaces) {
    // Dropped and created again in the same place.
    if (std::ranges::find(roots, created.location, &Root::directory) != roots.end()) continue;
    roots.push_back({created.location, "tablespace " + created.describe(), why_created(created), 0, false});
  }
  return roots;
}

void Recovery::check_destination() {
  std::vector<Place> places;
  std::vector<DeliveryRoot> directories;
  for (const auto& root : roots()) {
    places.push_back({root.directory, root.what});
    directories.push_back({root.directory, root.bytes, root.named});
  }
  try {
    require_free_places(shell(), places);
    delivery_->check(directories);
  } catch (const Refused& refused) {
    const std::string_view reason = refused.what();
    for (const auto& root : roots()) {
      if (!root.way_out.empty() && reason.find(root.directory + ":") != reason.npos)
        throw Refused(fmt::format("{}; {}", reason, root.way_out));
    }
    throw;
  }
  if (delivery_->start_facts(plan_->backup.major_version).as_root) require_named_tablespaces(*plan_);
}

/// A command that the server's user cannot run would leave the copy without its WAL.
void Recovery::check_restore_command() {
  const auto& request = plan_->request;
  if (request.wal_mode != WalMode::get_wal) return;
  const auto facts = delivery_->start_facts(plan_->backup.major_version);
  const bool can_try = request.remote_ssh_command.empty() && facts.as_root && facts.user != "root";
  if (!can_try) {
    settings_.review.emplace_back(
        "restore_command is run by the user that PostgreSQL will run as, there: "
        "try it as that user before the start");
    return;
  }
  const auto trouble = try_restore_command(request.get_wal_command, facts.user);
  if (trouble.empty()) return;
  throw Refused(
      fmt::format("--get-wal: PostgreSQL will run as {}, who cannot fetch WAL by `{}`: {}. "
                  "Recover without --get-wal, which places the WAL in pg_wal, "
                  "or give a command that works with --get-wal-command",
                  facts.user, request.get_wal_command, trouble));
}

void Recovery::make_directories() {
  for (const auto& root : roots()) {
    if (root.directory != paths_.data_directory())
      delivery_->make_directory(root.directory, delivered_mode(plan_->backup.directory_mode));
  }
  delivery_->make_directory(paths_.data_directory(), delivered_mode(plan_->backup.directory_mode));
  for (const auto& [path, mode] : survey_.directories) {
    const auto place = paths_.of(path);
    if (place != paths_.root_of(path)) delivery_->make_directory(place, mode);
  }
  for (const auto& tablespace : plan_->tablespaces) {
    if (tablespace.location.starts_with('/'))
      delivery_->make_symlink(fmt::format("{}/pg_tblspc/{}", paths_.data_directory(), tablespace.oid),
                              tablespace.location);
  }
}

void Recovery::write_all(const std::stop_token& stop) {
  make_directories();
  delivery_->write_files([this](const Delivery::Give& give) { give_all(give); }, stop);
  observer_->progress({.phase = "syncing", .done_bytes = meter_.done(), .total_bytes = 0});
  delivery_->finish();
  // Only now, when all else is durable: without pg_control PostgreSQL does not start.
  const auto control = made_text("global/pg_control", std::string(io::as_text(control_)));
  delivery_->write_files([&control](const Delivery::Give& give) { give(control); }, stop);
  ++files_;
  delivery_->finish();
}

/// The backup's files, then what is made for this recovery.
void Recovery::give_all(const Delivery::Give& give) {
  for_each_delivered(backup_.files(), survey_, [&](store::FileEntry&& entry) {
    give(file_of_backup(std::move(entry)));
    ++files_;
  });
  for (auto& file : extra_) {
    give(std::move(file));
    ++files_;
  }
}

RecoveryReport Recovery::report() {
  const auto facts = delivery_->start_facts(plan_->backup.major_version);
  RecoveryReport report{.files = files_,
                        .bytes = meter_.done(),
                        .wal_segments = plan_->wal.size(),
                        .changed_settings = settings_.changed,
                        .review = settings_.review,
                        .start_commands = start_commands(*plan_, facts, settings_),
                        .resets = settings_.resets,
                        .overrides = settings_.overrides};
  if (facts.pg_ctl.find('/') == std::string::npos) {
    report.review.push_back(
        fmt::format("pg_ctl was not found where packages put it: it must be that of PostgreSQL {}",
                    plan_->backup.major_version));
  }
  if (facts.as_root && facts.user == "root") {
    report.review.emplace_back(
        "everything belongs to root, as the directory above does, and PostgreSQL refuses to run as root: "
        "the first command gives it to postgres");
  }
  return report;
}

RecoveryPreview Recovery::check() {
  prepare();
  check_destination();
  check_restore_command();
  return {.changed_settings = settings_.changed,
          .review = settings_.review,
          .resets = settings_.resets,
          .overrides = settings_.overrides};
}

RecoveryReport Recovery::run(const std::stop_token& stop) {
  check();
  try {
    write_all(stop);
  } catch (const std::exception&) {
    observer_->warning(
        fmt::format("{} is incomplete: it has no global/pg_control, so PostgreSQL cannot start on it; "
                    "remove what was written before trying again",
                    paths_.data_directory()));
    throw;
  }
  return report();
}

}  // namespace

RecoveryPreview check(const RecoveryPlan& plan, const store::Repository& repository,
                      const store::ServerLayout& layout, io::ProgressObserver& observer) {
  return Recovery(plan, repository, layout, observer).check();
}

RecoveryReport carry_out(const RecoveryPlan& plan, const store::Repository& repository,
                         const store::ServerLayout& layout, io::ProgressObserver& observer,
                         const std::stop_token& stop) {
  const auto begin = steady_clock::now();
  auto report = Recovery(plan, repository, layout, observer).run(stop);
  report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - begin);
  return report;
}

}  // namespace pgkeep::recover
