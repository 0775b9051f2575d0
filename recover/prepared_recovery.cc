#include "recover/prepared_recovery.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/postgres/versions.h"
#include "catalog/records/identity.h"
#include "recover/deliver/backup_survey.h"
#include "recover/plan/plan_tablespaces.h"
#include "recover/plan/replay_notes.h"
#include "recover/wal_delivery.h"

namespace pgkeep::recover {
namespace {

constexpr std::uint64_t kControlBytes = 8192;
constexpr std::uint64_t kConfigurationLimit = 4u << 20;
constexpr std::uint64_t kMapLimit = 16u << 20;
constexpr std::size_t kCopyBytes = 256u << 10;

catalog::ServerIdentity identity_of(const store::ServerLayout& layout) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) throw NotFound(fmt::format("{}: nothing is kept of this server", layout.root().native()));
  return *identity;
}

}  // namespace

PreparedRecovery::PreparedRecovery(const RecoveryPlan& plan, const store::Repository& repository,
                                   const store::ServerLayout& layout, Meter& meter)
    : plan_(&plan),
      meter_(&meter),
      backup_(repository, layout, plan.backup.id),
      archive_(layout, identity_of(layout)),
      paths_(plan) {
  require_packs();
  survey_ = survey_backup(backup_.files(), plan, paths_);
  read_control_file();
  prepare_wal();
  read_wal_to_consistency();
  prepare_tablespace_map();
  prepare_manifest();
  prepare_settings();
  prepare_roots();
}

std::optional<std::string> PreparedRecovery::small_text_file(std::string_view path, std::uint64_t limit) {
  if (!survey_.top_files.contains(path)) return std::nullopt;
  return std::string(io::as_text(backup_.read_small_file(path, limit)));
}

DeliveredFile PreparedRecovery::file_of_backup(store::FileEntry&& entry) {
  DeliveredFile file{.path = paths_.of(entry.path),
                     .size = entry.size,
                     .mode = delivered_mode(entry.mode),
                     .modified = entry.modified,
                     .content = {}};
  file.content = [this, shared = std::make_shared<store::FileEntry>(std::move(entry))](io::ByteSink& out,
                                                                                       unsigned number) {
    MeteredSink metered(out, *meter_);
    auto& worker = workers_[number];
    store::read_file(*shared, worker.reader, worker.buffer, metered);
  };
  return file;
}

DeliveredFile PreparedRecovery::made(std::string_view path, std::uint64_t size,
                                     std::function<void(io::ByteSink&)> content) const {
  const auto now = std::chrono::floor<std::chrono::seconds>(io::now()).time_since_epoch().count();
  return {.path = paths_.of(path),
          .size = size,
          .mode = delivered_mode(plan_->backup.directory_mode) & 0666,
          .modified = now,
          .content = [content = std::move(content)](io::ByteSink& out, unsigned) { content(out); }};
}

DeliveredFile PreparedRecovery::made_text(std::string_view path, std::string text) const {
  const auto size = text.size();
  return made(path, size, [text = std::move(text)](io::ByteSink& out) { out.write(io::as_bytes(text)); });
}

/// PostgreSQL sends with a backup only what lies in the data directory.
void PreparedRecovery::review_missing_configuration(bool has_main) {
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
  settings_.start_options.emplace_back("data_directory", data_directory());
}

void PreparedRecovery::prepare_settings() {
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
  made_.push_back(made_text("postgresql.auto.conf", settings_.auto_conf));
  made_.push_back(made_text(plan_->request.standby ? "standby.signal" : "recovery.signal", ""));
}

/// The map and the symbolic links must agree: PostgreSQL makes the links again from the map when it starts.
void PreparedRecovery::prepare_tablespace_map() {
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
  made_.push_back(made_text("tablespace_map", *std::move(text)));
}

void PreparedRecovery::write_manifest(io::ByteSink& out) {
  auto plain = backup_.manifest();
  if (manifest_as_stored_) {
    io::ByteVector buffer(kCopyBytes);
    while (const auto n = plain.read(buffer)) out.write(io::ByteView(buffer).first(n));
    return;
  }
  const ManifestOwner owner{.major_version = plan_->backup.major_version, .system = plan_->backup.system};
  rewrite_manifest(plain, out, owner, changed_files_);
}

/// Made twice, once to know its size: it may be far larger than what we want to hold.
void PreparedRecovery::prepare_manifest() {
  CountingSink size;
  try {
    write_manifest(size);
  } catch (const postgres::UnknownManifest&) {
    if (postgres::formats_known(plan_->backup.major_version)) throw;
    manifest_as_stored_ = true;
    size = {};
    write_manifest(size);
  }
  made_.push_back(made("backup_manifest", size.count(), [this](io::ByteSink& out) { write_manifest(out); }));
}

void PreparedRecovery::prepare_wal() {
  for (const auto timeline : plan_->histories) {
    const auto content = archive_.sound_history(timeline);
    if (!content && !archive_.inventory().damaged_histories.contains(timeline))
      throw Corruption(fmt::format("{} was there when recovery was planned, and is not any more",
                                   timeline.history_file()));
    // PostgreSQL looks only whether the number is taken: no timeline of the plan is damaged.
    made_.push_back(made_text("pg_wal/" + timeline.history_file(),
                              content.value_or("# the archive's copy of this history is damaged\n")));
  }
  const auto size = archive_.identity().wal_segment_size;
  for (const auto& file : plan_->wal) {
    made_.push_back(made("pg_wal/" + file.segment.name(size), size.bytes(), [this, file](io::ByteSink& out) {
      MeteredSink metered(out, *meter_);
      deliver_planned(archive_, file, metered);
    }));
  }
}

/// Without this WAL the backup is worth nothing, and there is little of it: better to know that it is sound
/// before anything is written.
void PreparedRecovery::read_wal_to_consistency() {
  const auto last = postgres::WalSegment::ending(plan_->backup.end, plan_->backup.wal_segment_size).number;
  for (const auto& file : plan_->wal) {
    CountingSink nowhere;
    if (file.segment.number <= last) deliver_planned(archive_, file, nowhere);
  }
}

/// That a pack is missing, cut or not ours shows in its directory: better now than half-way. Damaged frames
/// show when they are read.
void PreparedRecovery::require_packs() {
  store::PackUse::Packs packs;
  try {
    packs = backup_.pack_use();
  } catch (const Corruption&) {
    return;  // the files are read without that list
  }
  for (const auto& [number, used] : packs) {
    const auto pack = backup_.packs().open(number);
    if (used.size() > (std::size_t{pack->objects()} + 7) / 8) {
      throw Corruption(fmt::format("{}: it has {} objects, but backup {} names more; use another backup",
                                   pack->path().native(), pack->objects(), plan_->backup.id.to_string()));
    }
  }
}

void PreparedRecovery::read_control_file() {
  control_ = backup_.read_small_file("global/pg_control", kControlBytes);
  if (const auto system = postgres::ControlFile::system_of(control_); system != plan_->backup.system) {
    throw Corruption(fmt::format("backup {}: pg_control belongs to system {}, the backup to {}",
                                 plan_->backup.id.to_string(), system.to_string(),
                                 plan_->backup.system.to_string()));
  }
}

void PreparedRecovery::prepare_roots() {
  roots_.push_back({.directory = data_directory(),
                    .what = "the destination",
                    .way_out = "",
                    .bytes_needed = survey_.root_bytes[data_directory()]});
  for (const auto& file : made_) roots_.front().bytes_needed += file.size;
  for (const auto& tablespace : plan_->tablespaces) {
    if (!tablespace.location.starts_with('/')) continue;
    roots_.push_back({.directory = tablespace.location,
                      .what = fmt::format("tablespace {} ({})", tablespace.name, tablespace.oid),
                      .way_out = "--tablespace NAME:DIRECTORY puts a tablespace elsewhere",
                      .bytes_needed = survey_.root_bytes[tablespace.location]});
  }
  for (const auto& created : plan_->created_tablespaces) {
    // Dropped and created again in the same place.
    if (std::ranges::find(roots_, created.location, &DeliveryRoot::directory) != roots_.end()) continue;
    roots_.push_back({.directory = created.location,
                      .what = "tablespace " + created.describe(),
                      .way_out = why_created(created),
                      .bytes_needed = 0,
                      .named = false});
  }
}

std::vector<std::pair<std::string, std::uint32_t>> PreparedRecovery::directories() const {
  std::vector<std::pair<std::string, std::uint32_t>> directories;
  const auto mode = delivered_mode(plan_->backup.directory_mode);
  for (const auto& root : roots_)
    if (root.directory != data_directory()) directories.emplace_back(root.directory, mode);
  directories.emplace_back(data_directory(), mode);
  for (const auto& [path, own_mode] : survey_.directories) {
    auto place = paths_.of(path);
    if (place != paths_.root_of(path)) directories.emplace_back(std::move(place), own_mode);
  }
  return directories;
}

std::vector<std::pair<std::string, std::string>> PreparedRecovery::links() const {
  std::vector<std::pair<std::string, std::string>> links;
  for (const auto& tablespace : plan_->tablespaces) {
    if (tablespace.location.starts_with('/'))
      links.emplace_back(fmt::format("{}/pg_tblspc/{}", data_directory(), tablespace.oid),
                         tablespace.location);
  }
  return links;
}

/// The backup's files, then what is made for this recovery.
void PreparedRecovery::give_files(unsigned workers, const Delivery::Give& give) {
  while (workers_.size() < workers) workers_.emplace_back(backup_.packs());
  for_each_delivered(backup_.files(), survey_,
                     [&](store::FileEntry&& entry) { give(file_of_backup(std::move(entry))); });
  for (auto& file : made_) give(std::move(file));
}

DeliveredFile PreparedRecovery::control_file() const {
  return made_text("global/pg_control", std::string(io::as_text(control_)));
}

}  // namespace pgkeep::recover
