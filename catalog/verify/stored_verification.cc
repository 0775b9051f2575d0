#include "catalog/verify/stored_verification.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/guarded.h"
#include "catalog/io/lock.h"
#include "catalog/io/work_queue.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack_files.h"
#include "catalog/verify/concerned_backups.h"
#include "catalog/verify/pack_verification.h"
#include "catalog/verify/small_files.h"
#include "catalog/verify/verification.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/stored_segment_check.h"

namespace pgkeep::catalog {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSaveEvery{10};

/// Keeps what was said in other threads than the caller's.
class KeptWords final : public io::ProgressObserver {
 public:
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view /*message*/) override {}
  void warning(std::string_view message) override {
    warnings_.with([&](auto& all) { all.emplace(message); });
  }
  std::set<std::string> take_warnings() {
    return warnings_.with([](auto& all) { return std::exchange(all, {}); });
  }

 private:
  io::Guarded<std::set<std::string>> warnings_;
};

/// The WAL of one line.
struct LineOfWal {
  explicit LineOfWal(WalArchive of_line) : archive(std::move(of_line)), check(archive) {}
  WalArchive archive;
  StoredSegmentCheck check;
};

/// The new ones, but for those of which less is said than before.
std::vector<std::string> keep_names(const std::vector<std::string>& before, std::vector<std::string> files) {
  for (auto& file : files) {
    const auto same =
        std::ranges::find_if(before, [&](const std::string& old) { return old.starts_with(file); });
    if (same != before.end()) file = *same;
  }
  return files;
}

using Key = std::tuple<StoredKind, std::string, std::optional<unsigned>>;

class StoredVerification {
 public:
  StoredVerification(const store::Repository& repository, const store::ServerLayout& layout, unsigned jobs,
                     const NameFiles& name, io::ProgressObserver& observer, const std::stop_token& stop)
      : repository_(&repository),
        layout_(layout),
        jobs_(jobs),
        name_(&name),
        observer_(&observer),
        stop_(&stop),
        packs_(repository, layout) {}

  StoredReport run(const VerificationLimits& limits);

 private:
  struct State {
    VerificationMemory memory;
    StoredReport report;
    std::set<Key> damaged;  // noted by this run
  };

  void require_going_on() const;
  void tick();
  void save();
  void open_lines();
  void read_back(const VerificationPlan& plan);
  void check(const StoredUnit& unit, const store::PackName& pack);
  void check(const StoredUnit& unit, const SegmentOfLine& segment);
  void check(const StoredUnit& unit, const store::BackupId& backup);
  void sound(const StoredUnit& unit);
  void damaged(StoredDamage damage);
  void check_partials();
  void find_missing_packs();
  void forget_what_is_gone(const std::vector<StoredUnit>& units);
  void tell_who_is_concerned();
  StoredReport conclude(const std::vector<StoredUnit>& units, const VerificationPlan& plan);

  const store::Repository* repository_;
  store::ServerLayout layout_;
  unsigned jobs_;
  const NameFiles* name_;
  io::ProgressObserver* observer_;
  const std::stop_token* stop_;
  store::PackSet packs_;
  store::LivingObjects living_;
  std::map<std::optional<unsigned>, LineOfWal> lines_;
  KeptWords words_;
  io::TimePoint began_ = io::now();
  io::Guarded<State> state_;
  std::atomic<std::uint64_t> done_{0};
  std::uint64_t total_ = 0;
  Clock::time_point save_at_ = Clock::now() + kSaveEvery;
};

StoredReport StoredVerification::run(const VerificationLimits& limits) {
  const auto lock = io::FileLock::acquire(layout_.verify_lock(), "verify");
  observer_->progress({.phase = "looking at what is stored"});
  VerificationMemory memory;
  try {
    memory = read_verification_memory(layout_);
  } catch (const Corruption& damage) {
    observer_->warning(fmt::format("{}; all that is stored counts from when it was written", damage.what()));
  }
  living_ = store::living_objects(layout_);
  open_lines();
  auto units = list_stored_units(layout_);
  const auto plan = plan_verification(units, memory, limits, began_);
  state_.with([&](State& state) { state.memory = std::move(memory); });
  try {
    read_back(plan);
    check_partials();
    find_missing_packs();
    forget_what_is_gone(units);
    tell_who_is_concerned();
  } catch (...) {
    save();  // what has been read need not be read again
    throw;
  }
  save();
  for (const auto& warning : words_.take_warnings()) observer_->warning(warning);
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
  save();
  save_at_ = Clock::now() + kSaveEvery;
}

void StoredVerification::save() {
  write_verification_memory(layout_, state_.with([](const State& state) { return state.memory; }));
}

void StoredVerification::open_lines() {
  for (const auto& line : layouts_of_lines(layout_)) {
    try {
      if (const auto identity = read_identity(line))
        lines_.try_emplace(line.line(), WalArchive(line, *identity));
    } catch (const Corruption&) {  // examine_small_files() tells of it
    }
  }
}

void StoredVerification::read_back(const VerificationPlan& plan) {
  total_ = plan.bytes;
  io::WorkQueue<StoredUnit> queue(
      jobs_,
      [&](unsigned) {
        return [this](const StoredUnit& unit) {
          std::visit([&](const auto& what) { check(unit, what); }, unit.what);
        };
      },
      [&] { tick(); });
  for (const auto& unit : plan.units) queue.push(unit);
  queue.finish();
}

void StoredVerification::sound(const StoredUnit& unit) {
  const auto name = name_of(unit);
  state_.with([&](State& state) {
    std::visit([&](const auto& what) { state.memory.note_sound(what, began_); }, unit.what);
    if (state.memory.forget_damage(kind_of(unit), name, line_of(unit)))
      state.report.sound_again.push_back(fmt::format("{} {}", to_string(kind_of(unit)), name));
    state.report.bytes += unit.bytes;
  });
}

void StoredVerification::damaged(StoredDamage damage) {
  damage.since = began_;
  state_.with([&](State& state) {
    state.damaged.emplace(damage.kind, damage.name, damage.line);
    state.memory.note_damage(std::move(damage));
  });
}

/// In a worker's thread, like the next two.
void StoredVerification::check(const StoredUnit& unit, const store::PackName& pack) {
  const auto used = living_.packs.find(pack.number);
  const auto is_needed = [&](std::uint32_t object) {
    return used != living_.packs.end() && store::is_used(used->second, object);
  };
  std::uint64_t read = 0;
  auto report = verify_pack(packs_, pack.number, is_needed, [&](std::uint64_t bytes) {
    require_going_on();
    done_ += bytes;
    read += bytes;
  });
  done_ += unit.bytes - std::min(read, unit.bytes);
  state_.with([](State& state) { ++state.report.packs; });
  if (report.good()) {
    sound(unit);
    return;
  }
  const auto files = store::list_pack_files(layout_);
  const auto file = files.find(pack.number);
  if (file == files.end() || file->second.back() != pack) return;  // a compaction or the sweep was here
  if (!report.objects.empty()) store::mark_suspects(layout_, report.objects);
  StoredDamage damage{.kind = StoredKind::pack,
                      .name = name_of(unit),
                      .line = {},
                      .what = std::move(report.damage),
                      .since = {}};
  if (report.opens) damage.objects.assign(report.objects.begin(), report.objects.end());
  damaged(std::move(damage));
}

void StoredVerification::check(const StoredUnit& unit, const SegmentOfLine& segment) {
  require_going_on();
  try {
    if (lines_.at(segment.line).check.check_archived(segment.segment)) {
      sound(unit);
      state_.with([](State& state) { ++state.report.segments; });
    }
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    damaged({.kind = StoredKind::wal,
             .name = name_of(unit),
             .line = segment.line,
             .what = error.what(),
             .since = {}});
  }
  done_ += unit.bytes;
}

void StoredVerification::check(const StoredUnit& unit, const store::BackupId& backup) {
  try {
    const auto report = verify_backup(*repository_, layout_, backup, 1, words_, *stop_, Depth::lists);
    state_.with([](State& state) { ++state.report.backups; });
    if (report.good()) {
      sound(unit);
    } else {
      StoredDamage damage{.kind = StoredKind::backup,
                          .name = backup.to_string(),
                          .line = {},
                          .what = describe(report.findings),
                          .since = {}};
      damage.backups.push_back(backup);
      damaged(std::move(damage));
    }
  } catch (const NotFound&) {  // it goes
  } catch (const Busy&) {
  }
  done_ += unit.bytes;
}

/// What is still being received.
void StoredVerification::check_partials() {
  for (auto& [number, line] : lines_) {
    const auto held = HeldWal::read(line.archive);
    const auto size = held.segment_size();
    for (const auto& segment : held.names().partials) {
      tick();
      const auto file = held.file_of(segment);
      if (!file || !file->partial) continue;
      try {
        line.check.check(*file, file->end);
      } catch (const Error& error) {
        if (!is_damage(error)) throw;
        damaged({.kind = StoredKind::wal,
                 .name = segment.name(size),
                 .line = number,
                 .what = error.what(),
                 .since = {}});
      }
    }
  }
}

void StoredVerification::find_missing_packs() {
  const auto living = store::living_objects(layout_);  // backups may have gone, and packs with them
  const auto files = store::list_pack_files(layout_);
  for (const auto& [number, used] : living.packs) {
    if (files.contains(number)) continue;
    damaged({.kind = StoredKind::pack,
             .name = fmt::format("{:08}", number),
             .line = {},
             .what = fmt::format("{}: pack {:08} is missing", layout_.packs().native(), number),
             .since = {}});
  }
}

void StoredVerification::forget_what_is_gone(const std::vector<StoredUnit>& units) {
  std::vector<store::BackupId> backups;
  for (const auto& unit : units)
    if (const auto* backup = std::get_if<store::BackupId>(&unit.what)) backups.push_back(*backup);
  state_.with([&](State& state) {
    state.memory.keep_backups(backups);
    const auto known = state.memory.damage();
    for (const auto& damage : known)
      if (!state.damaged.contains(Key(damage.kind, damage.name, damage.line)))
        state.memory.forget_damage(damage.kind, damage.name, damage.line);
  });
}

/// What is damaged of a pack and no backup needs, concerns nobody.
void StoredVerification::tell_who_is_concerned() {
  auto damage = state_.with([](const State& state) { return state.memory.damage(); });
  if (damage.empty()) return;
  observer_->progress({.phase = "looking for the backups that are concerned"});
  const auto known = damage;
  find_concerned(*repository_, layout_, damage, *stop_);
  for (std::size_t i = 0; i < damage.size(); ++i)
    if (!damage[i].files.empty()) damage[i].files = keep_names(known[i].files, (*name_)(damage[i].files));
  state_.with([&](State& state) {
    for (auto& one : damage) {
      if (one.kind == StoredKind::pack && one.backups.empty() && living_.unknown.empty()) {
        state.memory.forget_damage(one.kind, one.name, one.line);
      } else {
        state.memory.note_damage(std::move(one));
      }
    }
  });
}

StoredReport StoredVerification::conclude(const std::vector<StoredUnit>& units,
                                          const VerificationPlan& plan) {
  auto& state = state_.with([](State& all) -> State& { return all; });  // no other thread is left
  auto report = std::move(state.report);
  report.left_units = plan.left_units;
  report.left_bytes = plan.left_bytes;
  report.damage = state.memory.damage();
  report.besides = examine_small_files(layout_);
  for (const auto& unit : units) {
    if (!report.damage.empty() && state.memory.is_damaged(kind_of(unit), name_of(unit), line_of(unit)))
      continue;
    const auto at = proved_at(unit, state.memory, began_);
    report.proved_since = std::min(report.proved_since.value_or(at), at);
  }
  return report;
}

}  // namespace

StoredReport verify_stored(const store::Repository& repository, const store::ServerLayout& layout,
                           const VerificationLimits& limits, unsigned jobs, const NameFiles& name,
                           io::ProgressObserver& observer, const std::stop_token& stop) {
  return StoredVerification(repository, layout, jobs, name, observer, stop).run(limits);
}

}  // namespace pgkeep::catalog
