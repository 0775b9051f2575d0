#include "catalog/verify/verification.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/guarded.h"
#include "catalog/io/work_queue.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/backup_manifest.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/versions.h"
#include "catalog/store/commit_chain.h"
#include "catalog/verify/damage_finder.h"
#include "catalog/verify/manifest_meaning.h"
#include "catalog/verify/passing.h"
#include "catalog/verify/wal_verification.h"
#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {

namespace {

constexpr std::string_view kLabel = "backup_label";
constexpr std::string_view kControl = "global/pg_control";
constexpr std::uint64_t kMaxSmallFileBytes = 1u << 20;
/// A bit is kept for each file; a number beyond this is damage of the table.
constexpr std::int64_t kMaxFiles = std::int64_t{1} << 30;

/// Takes the content of files and only counts it.
class CountingSink final : public io::ByteSink {
 public:
  CountingSink(std::atomic<std::uint64_t>& bytes, std::stop_token stop)
      : bytes_(&bytes), stop_(std::move(stop)) {}
  void write(io::ByteView bytes) override {
    if (stop_.stop_requested()) throw Interrupted("stopped while reading back the files");
    *bytes_ += bytes.size();
  }

 private:
  std::atomic<std::uint64_t>* bytes_;
  std::stop_token stop_;
};

class Verification {
 public:
  Verification(const store::Repository& repository, const store::ServerLayout& layout,
               const store::BackupId& id, unsigned jobs, io::ProgressObserver& observer, std::stop_token stop,
               Depth depth)
      : repository_(&repository),
        layout_(layout),
        jobs_(jobs),
        depth_(depth),
        observer_(&observer),
        stop_(std::move(stop)),
        report_{.backup = id, .findings = {}} {}

  VerificationReport run();

 private:
  void add(std::string_view path, std::string message) {
    findings_.with([&](auto& all) { all.push_back({std::string(path), std::move(message)}); });
  }
  /// In a handler of `error`, which is thrown on when it is no finding.
  void add_or_throw(std::string_view path, const Error& error);
  /// Runs a part of the verification: what is wrong there is a finding, and the other parts continue.
  template <typename Part>
  void attempt(std::string_view path, Part&& part);
  void tick(std::string_view phase, std::uint64_t done, std::uint64_t total);

  /// With the WAL of the backup's own line, which may have been set aside.
  store::ServerLayout own_layout() const {
    return layout_of_backup(layout_, read_set_aside_lines(layout_), report_.backup);
  }
  std::unique_ptr<store::BackupReader> open();
  void check_manifest(store::BackupReader& backup);
  void check_chain();
  void check_lists(store::BackupReader& backup);
  void compare(store::FileTable& files, const postgres::ManifestFile& listed);
  void check_summary(const postgres::ManifestSummary& summary, const store::BackupRecord& record);
  void check_files(store::BackupReader& backup);
  void check_file(const store::FileEntry& file, store::PackSet& packs, store::ObjectReader& reader,
                  io::ByteVector& buffer);
  void check_use(const store::FileEntry& file, store::PackSet& packs);
  std::shared_ptr<const store::PackReader> open_to_look(store::PackSet& packs, std::uint32_t pack) const;
  void check_label(store::BackupReader& backup);
  void check_control(store::BackupReader& backup);
  void check_checkpoint(store::BackupReader& backup);
  void mark_damaged();

  const store::Repository* repository_;
  store::ServerLayout layout_;
  unsigned jobs_;
  Depth depth_;
  io::ProgressObserver* observer_;
  std::stop_token stop_;
  VerificationReport report_;
  io::Guarded<std::vector<Finding>> findings_;
  io::Guarded<std::set<store::ObjectRef>> damaged_;
  std::atomic<std::uint64_t> bytes_{0};
  enum List : std::size_t { kFiles, kPacks, kManifest };  // as store::kLists has them
  std::array<bool, 3> sound_{true, true, true};
  std::optional<store::PackUse::Packs> needed_;
  bool manifest_read_ = false;  // to its end, so that what it does not list is known
  std::vector<bool> listed_;    // by the number of the file in the table
};

template <typename Part>
void Verification::attempt(std::string_view path, Part&& part) {
  try {
    part();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    add_or_throw(path, error);
  }
}

void Verification::tick(std::string_view phase, std::uint64_t done, std::uint64_t total) {
  if (stop_.stop_requested()) throw Interrupted(fmt::format("verification stopped while {}", phase));
  observer_->progress({.phase = phase, .done_bytes = done, .total_bytes = total});
}

/// What we may not open, or have no memory for, is not damaged for that.
void Verification::add_or_throw(std::string_view path, const Error& error) {
  if (is_passing(error)) throw;
  add(path, error.what());
}

VerificationReport Verification::run() {
  const store::BackupLease lease(layout_, report_.backup);
  std::optional<store::BackupRecord> record;
  try {
    record = store::read_backup_record(layout_, report_.backup);
    if (!record) {
      throw NotFound(fmt::format("no backup {} in {}; list-backups shows those there are",
                                 report_.backup.to_string(), layout_.backups().native()));
    }
  } catch (const Corruption& damage) {
    add("", damage.what());  // which says nothing about the rest, so nothing more can be checked
  }
  if (record) {
    report_.formats_known = postgres::formats_known(record->major_version);
    if (const auto backup = open()) {
      check_lists(*backup);
      attempt("", [&] { check_manifest(*backup); });
      attempt("", [&] { check_files(*backup); });
      attempt(kLabel, [&] { check_label(*backup); });
      attempt(kControl, [&] { check_control(*backup); });
      attempt(kLabel, [&] { check_checkpoint(*backup); });
    }
    attempt("", [&] {
      report_.wal_segments = verify_wal(own_layout(), *record, depth_, jobs_, findings_,
                                        [&](auto done, auto total) { tick("checking WAL", done, total); });
    });
    if (depth_ == Depth::everything) attempt("", [&] { check_chain(); });
    mark_damaged();
  }
  report_.bytes = bytes_;
  report_.findings = findings_.with([](auto& all) { return std::move(all); });
  const auto key = [](const Finding& finding) { return std::tie(finding.path, finding.message); };
  std::ranges::sort(report_.findings, {}, key);
  // The label's file is read twice: as one of the files, and to be understood.
  const auto same = [&key](const Finding& a, const Finding& b) { return key(a) == key(b); };
  report_.findings.erase(std::unique(report_.findings.begin(), report_.findings.end(), same),
                         report_.findings.end());
  return std::move(report_);
}

/// Nothing, and a finding, when it cannot be told where anything of the backup lies.
std::unique_ptr<store::BackupReader> Verification::open() {
  try {
    return std::make_unique<store::BackupReader>(*repository_, layout_, report_.backup);
  } catch (const Error& error) {
    add_or_throw("", error);
    return nullptr;
  }
}

/// What says which files there are, and where. Damage in it is told here, once.
void Verification::check_lists(store::BackupReader& backup) {
  constexpr std::array<std::string_view, 3> kNames{"the list of files", "the list of packs",
                                                   "PostgreSQL's manifest"};
  for (std::size_t list = 0; list < kNames.size(); ++list) {
    for (const auto& section : backup.contents().*store::kLists[list]) {
      tick("reading the lists of files", 0, 0);
      try {
        backup.sections().read(section);
      } catch (const Corruption& damage) {
        sound_[list] = false;
        add("", fmt::format("a part of {} cannot be read: {}", kNames[list], damage.what()));
        damaged_.with(
            [&](auto& all) { DamageFinder(backup.packs()).find(section.object, section.bytes, all); });
      } catch (const Error& error) {
        sound_[list] = false;
        add_or_throw("", error);
      }
    }
  }
  if (sound_[kPacks]) attempt("", [&] { needed_ = backup.pack_use(); });
}

/// What the list of packs does not name, a compaction removes.
void Verification::check_use(const store::FileEntry& file, store::PackSet& packs) {
  const auto require_listed = [this](store::ObjectRef ref) {
    const auto used = needed_->find(ref.pack);
    if (used != needed_->end() && store::is_used(used->second, ref.object)) return;
    throw Corruption(
        fmt::format("needs object {} of pack {:08}, which the backup's list of packs lacks, "
                    "so that a compaction may remove it",
                    ref.object, ref.pack));
  };
  auto left = file.size;
  for (const auto ref : file.pieces) {
    const auto length = std::min<std::uint64_t>(left, store::kPieceBytes);
    left -= length;
    if (ref.is_zero()) continue;
    require_listed(ref);
    const auto pack = open_to_look(packs, ref.pack);
    if (!pack) continue;
    const auto& entry = pack->entry(ref.object);
    if (entry.length != length)
      throw Corruption(fmt::format("needs object {} of pack {:08} to have {} bytes, and it has {}",
                                   ref.object, ref.pack, length, entry.length));
    if (entry.kind == store::ObjectKind::delta) require_listed(entry.base);
  }
}

/// Nothing for one that cannot be opened where packs are read back by themselves, which tells of it.
std::shared_ptr<const store::PackReader> Verification::open_to_look(store::PackSet& packs,
                                                                    std::uint32_t pack) const {
  try {
    return packs.open(pack);
  } catch (const Error& error) {
    if (depth_ == Depth::everything || !is_damage(error)) throw;
    return nullptr;
  }
}

/// Whether the record is the one after which the next backup was taken.
void Verification::check_chain() {
  for (const auto& replaced : store::examine_chain(layout_).replaced)
    if (replaced.id == report_.backup) add("", store::describe(replaced));
}

void Verification::check_manifest(store::BackupReader& backup) {
  if (!sound_[kManifest]) return;
  tick("comparing with the manifest", 0, 0);
  auto stored = backup.manifest();
  io::HashingSource source(stored);
  try {
    const auto summary = postgres::read_manifest(
        source, [&](postgres::ManifestFile&& listed) { compare(backup.files(), listed); });
    manifest_read_ = true;
    check_summary(summary, backup.record());
  } catch (const postgres::UnknownManifest& unknown) {
    if (postgres::formats_known(backup.record().major_version)) throw;
    observer_->note(fmt::format("{}: the files were not compared with it", unknown.what()));
  }
  if (source.finish() != backup.record().manifest_sha256)
    throw Corruption(
        "PostgreSQL's manifest is not what was stored (its SHA-256 differs from the backup's record)");
}

void Verification::compare(store::FileTable& files, const postgres::ManifestFile& listed) {
  if (stop_.stop_requested()) throw Interrupted("stopped while comparing with the manifest");
  std::optional<store::FileEntry> file;
  try {
    file = files.find(listed.path);
  } catch (const Corruption&) {
    if (sound_[kFiles]) throw;
    return;  // it is in a part that cannot be read
  }
  if (!file || file->kind != store::EntryKind::file) {
    return add(listed.path, "is in PostgreSQL's manifest, but not in the backup");
  }
  if (file->id <= 0 || file->id > kMaxFiles) {
    throw Corruption(
        fmt::format("{} is file number {} of the table, which cannot be", listed.path, file->id));
  }
  const auto number = static_cast<std::size_t>(file->id);
  if (number >= listed_.size()) listed_.resize(number + 1);
  if (listed_[number]) return add(listed.path, "is in PostgreSQL's manifest twice");
  listed_[number] = true;
  if (file->size != listed.size) {
    add(listed.path, fmt::format("has {} bytes, PostgreSQL's manifest says {}", file->size, listed.size));
  } else if (listed.checksum_algorithm !=
             "CRC32C") {  // what pgkeep asks for; others could not be compared here
    add(listed.path, fmt::format("has no CRC32C in PostgreSQL's manifest (algorithm \"{}\"), "
                                 "so nothing proves that it is what the server sent",
                                 listed.checksum_algorithm));
  } else if (const auto crc = postgres::crc32c_checksum_text(file->crc32c); crc != listed.checksum) {
    add(listed.path, fmt::format("has the checksum {}, PostgreSQL's manifest says {}", crc, listed.checksum));
  }
}

void Verification::check_summary(const postgres::ManifestSummary& summary,
                                 const store::BackupRecord& record) {
  for (const auto& problem : contradictions(summary, record, held_line(own_layout(), record)))
    add("", problem);
  const auto same = [](const postgres::ManifestWalRange& a, const postgres::ManifestWalRange& b) {
    return a.timeline == b.timeline && a.start == b.start && a.end == b.end;
  };
  if (!std::ranges::equal(summary.wal_ranges, record.wal_ranges, same)) {
    add("", "the WAL ranges of PostgreSQL's manifest are not those of the backup's record");
  }
}

void Verification::check_files(store::BackupReader& backup) {
  const auto& record = backup.record();
  io::WorkQueue<store::FileEntry> queue(
      jobs_,
      [&](unsigned) {
        // A function must be copyable, what it works with is not.
        const auto reader = std::make_shared<store::ObjectReader>(backup.packs());
        return [this, &backup, reader, buffer = io::ByteVector()](const store::FileEntry& file) mutable {
          check_file(file, backup.packs(), *reader, buffer);
        };
      },
      [&] { tick("reading back files", bytes_, record.data_bytes); });
  std::uint64_t data_bytes = 0;
  const auto visit = [&](store::FileEntry&& entry) {
    if (entry.kind != store::EntryKind::file) return;
    ++report_.files;
    data_bytes += entry.size;
    const auto number = static_cast<std::size_t>(entry.id);
    if (manifest_read_ && (number >= listed_.size() || !listed_[number])) {
      add(entry.path, "is in the backup, but not in PostgreSQL's manifest");
    }
    queue.push(std::move(entry));
  };
  // What of the table can be read is checked.
  attempt("", [&] {
    backup.files().for_each(visit, [&](const store::Section&, const Corruption& damage) {
      if (sound_[kFiles]) add("", damage.what());
    });
  });
  queue.finish();
  if (sound_[kFiles] && (report_.files != record.file_count || data_bytes != record.data_bytes)) {
    add("", fmt::format("the file table has {} files with {} bytes, the backup's record says {} with {}",
                        report_.files, data_bytes, record.file_count, record.data_bytes));
  }
}

/// In a worker's thread.
void Verification::check_file(const store::FileEntry& file, store::PackSet& packs,
                              store::ObjectReader& reader, io::ByteVector& buffer) {
  CountingSink sink(bytes_, stop_);
  try {
    if (depth_ == Depth::everything) store::read_file(file, reader, buffer, sink);
    if (needed_) check_use(file, packs);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    add_or_throw(file.path, error);
    if (!is_damage(error)) return;
    std::set<store::ObjectRef> damaged;
    DamageFinder(packs).find(file, damaged);
    damaged_.with([&](auto& all) { all.merge(damaged); });
  }
}

void Verification::check_label(store::BackupReader& backup) {
  const auto content = backup.read_small_file(kLabel, kMaxSmallFileBytes);
  const auto label = postgres::BackupLabel::parse(io::as_text(content));
  const auto& start = backup.record().start;
  if (label.start == start) return;
  throw Corruption(fmt::format("starts at {} on timeline {}, the backup's record says {} on timeline {}",
                               label.start.lsn.to_string(), label.start.timeline.to_string(),
                               start.lsn.to_string(), start.timeline.to_string()));
}

void Verification::check_control(store::BackupReader& backup) {
  const auto content = backup.read_small_file(kControl, kMaxSmallFileBytes);
  const auto& record = backup.record();
  if (postgres::formats_known(record.major_version)) postgres::ControlFile::decode(content);
  const auto system = postgres::ControlFile::system_of(content);
  if (system == record.system) return;
  throw Corruption(fmt::format("is of system {}, the backup's record of {}", system.to_string(),
                               record.system.to_string()));
}

/// Damage of the two files is told by their own checks.
void Verification::check_checkpoint(store::BackupReader& backup) {
  if (!postgres::formats_known(backup.record().major_version)) return;
  const auto label = backup.read_small_file(kLabel, kMaxSmallFileBytes);
  verify_checkpoint(own_layout(), backup.record(), postgres::BackupLabel::parse(io::as_text(label)),
                    postgres::ControlFile::decode(backup.read_small_file(kControl, kMaxSmallFileBytes)),
                    findings_);
}

void Verification::mark_damaged() {
  const auto damaged = damaged_.with([](const auto& all) { return all; });
  if (damaged.empty()) return;
  try {
    store::mark_suspects(layout_, damaged);
    observer_->note(fmt::format("{} damaged objects are marked; the next backup stores those pieces again",
                                damaged.size()));
  } catch (const Error& error) {
    observer_->warning(fmt::format(
        "the damaged objects could not be marked, so that the next backup may rely on them again: {}",
        error.what()));
  }
}

}  // namespace

std::string describe(const std::vector<Finding>& findings) {
  const auto& [path, message] = findings.front();
  const auto place = path.empty() || message.starts_with(path) ? "" : path + ": ";
  if (findings.size() == 1) return place + message;
  return fmt::format("{} findings, the first: {}{}", findings.size(), place, message);
}

VerificationReport verify_backup(const store::Repository& repository, const store::ServerLayout& layout,
                                 const store::BackupId& id, unsigned jobs, io::ProgressObserver& observer,
                                 std::stop_token stop, Depth depth) {
  return Verification(repository, layout, id, jobs, observer, std::move(stop), depth).run();
}

}  // namespace pgkeep::catalog
