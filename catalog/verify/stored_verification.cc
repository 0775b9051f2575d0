#include "catalog/verify/stored_verification.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <semaphore>
#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/work_queue.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack_files.h"
#include "catalog/verify/pack_verification.h"
#include "catalog/verify/small_files.h"
#include "catalog/verify/verification.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/stored_segment_check.h"

namespace pgkeep::catalog {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSaveEvery{10};
/// Each opens packs of its own, hundreds of them.
constexpr std::ptrdiff_t kBackupsAtOnce = 2;

/// Keeps what was said in other threads than the caller's.
class KeptWords final : public io::ProgressObserver {
 public:
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view /*message*/) override {}
  void warning(std::string_view message) override {
    warnings_.with([&](auto& all) { all.emplace(message); });
  }
  std::set<std::string> warnings() const {
    return warnings_.with([](const auto& all) { return all; });
  }

 private:
  io::Guarded<std::set<std::string>> warnings_;
};

using Turns = std::counting_semaphore<kBackupsAtOnce>;

/// Waits for one of several turns, and gives it back.
class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(&turns) { turns.acquire(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_->release(); }

 private:
  Turns* turns_;
};

/// The WAL of one line.
struct LineOfWal {
  explicit LineOfWal(WalArchive of_line)
      : archive(std::move(of_line)), check(archive), names(archive.inventory()) {}
  /// Without its history nobody can say whether WAL is what it should be; examine_small_files() tells of it.
  bool can_judge(postgres::TimelineId timeline) const {
    return timeline == postgres::TimelineId(1) || names.histories.contains(timeline);
  }
  WalArchive archive;
  StoredSegmentCheck check;
  WalInventory names;
};

class StoredVerification {
 public:
  StoredVerification(const store::Repository& repository, const store::ServerLayout& layout, unsigned jobs,
                     io::ProgressObserver& observer, const std::stop_token& stop)
      : repository_(&repository),
        layout_(layout),
        jobs_(jobs),
        observer_(&observer),
        stop_(&stop),
        packs_(repository, layout) {}

  StoredReport run(VerificationLimits limits, const NameFiles& name);

 private:
  void require_going_on() const;
  void tick();
  VerificationMemory remember(VerificationLimits& limits);
  void open_lines();
  void read_back(const VerificationPlan& plan);
  void check(const StoredUnit& unit, const store::PackName& pack);
  void check(const StoredUnit& unit, const SegmentOfLine& segment);
  void check(const StoredUnit& unit, const store::BackupId& backup);
  void mark_suspects(const std::set<store::ObjectRef>& objects);
  void check_partials();
  void find_missing_packs();
  StoredReport conclude(const std::vector<StoredUnit>& units, const VerificationPlan& plan);

  const store::Repository* repository_;
  store::ServerLayout layout_;
  unsigned jobs_;
  io::ProgressObserver* observer_;
  const std::stop_token* stop_;
  store::PackSet packs_;
  store::LivingObjects living_;
  std::map<std::optional<unsigned>, LineOfWal> lines_;
  std::set<std::optional<unsigned>> unseen_lines_;  // whose identity cannot be read
  KeptWords words_;
  io::TimePoint began_ = io::now();
  std::optional<VerificationNotes> notes_;
  Turns backups_at_once_{kBackupsAtOnce};
  std::atomic<std::uint64_t> packs_read_{0};
  std::atomic<std::uint64_t> segments_read_{0};
  std::atomic<std::uint64_t> backups_read_{0};
  std::atomic<std::uint64_t> done_{0};
  std::uint64_t total_ = 0;
  Clock::time_point save_at_ = Clock::now() + kSaveEvery;
};

StoredReport StoredVerification::run(VerificationLimits limits, const NameFiles& name) {
  observer_->progress({.phase = "looking at what is stored"});
  notes_.emplace(remember(limits), began_);
  living_ = store::living_objects(layout_);
  open_lines();
  const auto units = list_stored_units(layout_);
  const auto plan = plan_verification(units, notes_->memory(), limits, began_);
  try {
    read_back(plan);
    check_partials();
    find_missing_packs();
    notes_->forget_others(units, unseen_lines_);
    observer_->progress({.phase = "looking for the backups that are concerned"});
    notes_->attribute(*repository_, layout_, name, living_.unknown.empty(), *stop_);
  } catch (const std::exception&) {
    try {
      notes_->save(layout_);  // what has been read need not be read again, and damage is damage
    } catch (const Error& error) {
      observer_->warning(fmt::format("what was read back could not be noted: {}", error.what()));
    }
    throw;
  }
  notes_->save(layout_);
  for (const auto& warning : words_.warnings()) observer_->warning(warning);
  return conclude(units, plan);
}

void StoredVerification::require_going_on() const {
  if (stop_->stop_requested())
    throw Interrupted("stopped while reading back what is stored; the next one goes on");
}

void StoredVerification::tick() {
  require_going_on();
  observer_->progress(
      {.phase = "reading back", .done_bytes = std::min<std::uint64_t>(done_, total_), .total_bytes = total_});
  if (Clock::now() < save_at_) return;
  notes_->save(layout_);
  save_at_ = Clock::now() + kSaveEvery;
}

/// Without what was remembered, all is due, and what was found damaged comes first.
VerificationMemory StoredVerification::remember(VerificationLimits& limits) {
  try {
    return read_verification_memory(layout_);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    observer_->warning(fmt::format("{}; all that is stored counts from when it was written", error.what()));
  }
  limits.older_than = {};
  VerificationMemory memory;
  try {
    for (const auto ref : store::read_suspects(layout_)) {
      memory.note_damage({.kind = StoredKind::pack,
                          .name = fmt::format("{:08}", ref.pack),
                          .line = {},
                          .what = "it was found damaged before",
                          .since = began_});
    }
  } catch (const Error& error) {
    if (!is_damage(error)) throw;  // examine_small_files() tells of it
  }
  return memory;
}

void StoredVerification::open_lines() {
  for (const auto& line : layouts_of_lines(layout_)) {
    try {
      if (const auto identity = read_identity(line))
        lines_.try_emplace(line.line(), WalArchive(line, *identity));
    } catch (const Error& error) {  // examine_small_files() tells of it
      if (!is_damage(error)) throw;
      unseen_lines_.insert(line.line());
    }
  }
}

void StoredVerification::read_back(const VerificationPlan& plan) {
  total_ = plan.bytes;
  io::WorkQueue<const StoredUnit*> queue(
      jobs_,
      [&](unsigned) {
        return [this](const StoredUnit* unit) {
          require_going_on();
          std::visit([&](const auto& what) { check(*unit, what); }, unit->what);
        };
      },
      [&] { tick(); });
  for (const auto* unit : plan.units) queue.push(unit);
  queue.finish();
}

/// In a worker's thread, like the next three. What no backup needs is left alone: it goes, or a backup that
/// is being taken has just written it.
void StoredVerification::check(const StoredUnit& unit, const store::PackName& pack) {
  const auto used = living_.packs.find(pack.number);
  const bool needs_are_known = living_.unknown.empty();
  if (used == living_.packs.end() && needs_are_known) {
    done_ += unit.bytes;
    return;
  }
  std::uint64_t read = 0;
  auto report = verify_pack(packs_, pack.number, needs_are_known ? std::optional(used->second) : std::nullopt,
                            [&](std::uint64_t bytes) {
                              require_going_on();
                              done_ += bytes;
                              read += bytes;
                            });
  done_ += unit.bytes - std::min(read, unit.bytes);
  ++packs_read_;
  if (report.good()) {
    notes_->sound(unit);
    return;
  }
  const auto files = store::list_pack_files(layout_);
  const auto file = files.find(pack.number);
  if (file == files.end() || file->second.back() != pack) return;  // a compaction or the sweep was here
  StoredDamage damage{.kind = StoredKind::pack,
                      .name = name_of(unit),
                      .line = {},
                      .what = std::move(report.damage),
                      .since = {},
                      .whole = !report.opens};
  damage.objects.assign(report.objects.begin(), report.objects.end());
  notes_->damaged(std::move(damage));
  mark_suspects(report.objects);
}

void StoredVerification::mark_suspects(const std::set<store::ObjectRef>& objects) {
  if (objects.empty()) return;
  try {
    store::mark_suspects(layout_, objects);
  } catch (const Error& error) {
    words_.warning(
        fmt::format("damaged objects could not be marked, so that the next backup may rely on them again: {}",
                    error.what()));
  }
}

void StoredVerification::check(const StoredUnit& unit, const SegmentOfLine& segment) {
  const auto line = lines_.find(segment.line);
  if (line != lines_.end() && line->second.can_judge(segment.segment.timeline)) {
    try {
      if (line->second.check.check_archived(segment.segment)) {
        notes_->sound(unit);
        ++segments_read_;
      }
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      notes_->damaged({.kind = StoredKind::wal,
                       .name = name_of(unit),
                       .line = segment.line,
                       .what = error.what(),
                       .since = {}});
    }
  }
  done_ += unit.bytes;
}

void StoredVerification::check(const StoredUnit& unit, const store::BackupId& backup) {
  const Turn turn(backups_at_once_);
  try {
    const auto report = verify_backup(*repository_, layout_, backup, 1, words_, *stop_, Depth::lists);
    ++backups_read_;
    if (report.good()) {
      notes_->sound(unit);
    } else {
      StoredDamage damage{.kind = StoredKind::backup,
                          .name = backup.to_string(),
                          .line = {},
                          .what = describe(report.findings),
                          .since = {}};
      damage.backups.push_back(backup);
      notes_->damaged(std::move(damage));
    }
  } catch (const NotFound&) {  // it goes
  } catch (const Busy&) {
  }
  done_ += unit.bytes;
}

/// What is still being received.
void StoredVerification::check_partials() {
  for (auto& [number, line] : lines_) {
    HeldWal held;
    try {
      held = HeldWal::read(line.archive);
    } catch (const Error& error) {  // examine_small_files() tells of it
      if (!is_damage(error)) throw;
      continue;
    }
    for (const auto& segment : held.names().partials) {
      tick();
      const auto file = held.file_of(segment);
      if (!file || !file->partial || !line.can_judge(segment.timeline)) continue;
      try {
        line.check.check(*file, file->end);
      } catch (const Error& error) {
        if (!is_damage(error)) throw;
        notes_->damaged({.kind = StoredKind::wal,
                         .name = segment.name(held.segment_size()),
                         .line = number,
                         .what = error.what(),
                         .since = {}});
      }
    }
  }
}

void StoredVerification::find_missing_packs() {
  const auto are_missing = [this] {
    const auto living = store::living_objects(layout_);  // backups may have gone, and packs with them
    const auto files = store::list_pack_files(layout_);
    std::set<std::uint32_t> missing;
    for (const auto& [number, used] : living.packs)
      if (!files.contains(number)) missing.insert(number);
    return missing;
  };
  const auto missing = are_missing();
  if (missing.empty()) return;
  // A listing may show neither generation of a pack that is being compacted.
  const auto again = are_missing();
  for (const auto number : missing) {
    if (!again.contains(number)) continue;
    notes_->damaged({.kind = StoredKind::pack,
                     .name = fmt::format("{:08}", number),
                     .line = {},
                     .what = fmt::format("{}: pack {:08} is missing", layout_.packs().native(), number),
                     .since = {},
                     .whole = true});
  }
}

StoredReport StoredVerification::conclude(const std::vector<StoredUnit>& units,
                                          const VerificationPlan& plan) {
  const auto memory = notes_->memory();
  StoredReport report{.packs = packs_read_,
                      .segments = segments_read_,
                      .backups = backups_read_,
                      .bytes = done_,
                      .left_units = plan.left_units,
                      .left_bytes = plan.left_bytes,
                      .proved_since = {},
                      .damage = memory.damage(),
                      .sound_again = notes_->sound_again(),
                      .besides = examine_small_files(layout_)};
  report.besides.insert(report.besides.end(), living_.unknown.begin(), living_.unknown.end());
  if (const auto beyond = notes_->beyond(); beyond != 0)
    report.besides.push_back(fmt::format("{} more things are damaged", beyond));
  for (const auto& unit : units) {
    if (!report.damage.empty() && memory.is_damaged(kind_of(unit), name_of(unit), line_of(unit))) continue;
    const auto at = proved_at(unit, memory, began_);
    report.proved_since = std::min(report.proved_since.value_or(at), at);
  }
  return report;
}

}  // namespace

StoredReport verify_stored(const store::Repository& repository, const store::ServerLayout& layout,
                           const VerificationLimits& limits, unsigned jobs, const NameFiles& name,
                           io::ProgressObserver& observer, const std::stop_token& stop) {
  return StoredVerification(repository, layout, jobs, observer, stop).run(limits, name);
}

}  // namespace pgkeep::catalog
