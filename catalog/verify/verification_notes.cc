#include "catalog/verify/verification_notes.h"

#include <algorithm>

#include "catalog/verify/concerned_backups.h"

namespace pgkeep::catalog {
namespace {

/// The new ones, but for those of which less is said than before.
std::vector<std::string> keep_names(const std::vector<std::string>& before, std::vector<std::string> files) {
  for (auto& file : files) {
    const auto same = std::ranges::find_if(
        before, [&](const std::string& old) { return old == file || old.starts_with(file + " "); });
    if (same != before.end()) file = *same;
  }
  return files;
}

}  // namespace

void VerificationNotes::sound(const StoredUnit& unit) {
  state_.with([&](State& state) {
    std::visit([&](const auto& what) { state.memory.note_sound(what, began_); }, unit.what);
    if (state.memory.damage().empty()) return;
    const auto name = name_of(unit);
    const auto& known = state.memory.damage();
    const auto place = std::ranges::find_if(known, [&](const StoredDamage& damage) {
      return damage.kind == kind_of(unit) && damage.name == name && damage.line == line_of(unit);
    });
    if (place == known.end()) return;
    state.sound_again.push_back(describe_place(*place));
    state.memory.forget_damage(kind_of(unit), name, line_of(unit));
  });
}

void VerificationNotes::damaged(StoredDamage damage) {
  damage.since = began_;
  state_.with([&](State& state) {
    const bool is_known = state.memory.is_damaged(damage.kind, damage.name, damage.line);
    if (!is_known && state.memory.damage().size() >= kMostDamage) {
      ++state.beyond;
      return;
    }
    state.damaged.emplace(damage.kind, damage.name, damage.line);
    state.memory.note_damage(std::move(damage));
  });
}

void VerificationNotes::forget_others(const std::vector<StoredUnit>& units,
                                      const std::set<std::optional<unsigned>>& unseen) {
  std::vector<store::BackupId> backups;
  for (const auto& unit : units)
    if (const auto* backup = std::get_if<store::BackupId>(&unit.what)) backups.push_back(*backup);
  state_.with([&](State& state) {
    state.memory.keep_backups(backups);
    const auto known = state.memory.damage();
    for (const auto& damage : known) {
      if (state.damaged.contains({damage.kind, damage.name, damage.line})) continue;
      if (damage.kind == StoredKind::wal && unseen.contains(damage.line)) continue;
      state.memory.forget_damage(damage.kind, damage.name, damage.line);
    }
  });
}

void VerificationNotes::attribute(const store::Repository& repository, const store::ServerLayout& layout,
                                  const NameFiles& name, bool needs_are_known, const std::stop_token& stop) {
  auto damage = memory().damage();
  find_concerned(repository, layout, damage, stop);
  for (auto& one : damage) {
    if (one.files.empty()) continue;
    const auto known = std::ranges::find(before_, one.key(), &StoredDamage::key);
    one.files =
        keep_names(known == before_.end() ? std::vector<std::string>() : known->files, name(one.files));
  }
  state_.with([&](State& state) {
    for (auto& one : damage) {
      if (one.kind == StoredKind::pack && one.backups.empty() && needs_are_known)
        state.memory.forget_damage(one.kind, one.name, one.line);
      else
        state.memory.note_damage(std::move(one));
    }
  });
}

void VerificationNotes::save(const store::ServerLayout& layout) const {
  write_verification_memory(layout, memory());
}

}  // namespace pgkeep::catalog
