#include "catalog/verify/concerned_backups.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "catalog/io/error.h"
#include "catalog/store/backup_reader.h"
#include "catalog/store/living_objects.h"
#include "catalog/verify/damage_finder.h"
#include "catalog/verify/wal_verification.h"
#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {
namespace {

constexpr std::string_view kWhatSaysWhichFiles = "(its lists)";

/// Of a pack that is named so; 0, which none has, for another name.
std::uint32_t pack_number(const std::string& name) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

/// Of the objects that are damaged, those in use.
std::vector<store::ObjectRef> used_of(const store::PackUse::Packs& use, const StoredDamage& damage) {
  std::vector<store::ObjectRef> used;
  if (damage.kind != StoredKind::pack) return used;
  if (!damage.objects.empty()) {
    for (const auto ref : damage.objects) {
      const auto pack = use.find(ref.pack);
      if (pack != use.end() && store::is_used(pack->second, ref.object)) used.push_back(ref);
    }
    return used;
  }
  const auto pack = use.find(pack_number(damage.name));
  if (pack == use.end()) return used;
  for (std::uint32_t object = 0; object < pack->second.size() * 8; ++object)
    if (store::is_used(pack->second, object)) used.push_back({pack->first, object});
  return used;
}

/// In a handler: a backup that is damaged, lacks a file or goes meanwhile is passed over.
void require_passing(const Error& error) {
  if (is_denied(error) || dynamic_cast<const Interrupted*>(&error) != nullptr) throw;
}

class Search {
 public:
  Search(const store::Repository& repository, const store::ServerLayout& layout,
         std::vector<StoredDamage>& damage, const std::stop_token& stop)
      : repository_(&repository), layout_(layout), damage_(&damage), stop_(&stop), files_(damage.size()) {}

  void run() {
    const auto backups = store::list_backup_records(layout_).backups;
    const auto lines = read_set_aside_lines(layout_);
    for (auto& damage : *damage_)
      if (damage.kind != StoredKind::backup) damage.backups.clear();
    for (const auto& backup : backups) {
      note_wal(backup, line_of(lines, backup.id));
      note_packs(backup.id);
    }
    for (auto backup = needing_.rbegin(); backup != needing_.rend(); ++backup) look_for_files(*backup);
    for (std::size_t i = 0; i < files_.size(); ++i) write_files(files_[i], (*damage_)[i]);
  }

 private:
  struct Needing {
    store::BackupId id;
    std::vector<store::ObjectRef> objects;  // damaged ones
  };

  bool has(StoredKind kind) const {
    return std::ranges::find(*damage_, kind, &StoredDamage::kind) != damage_->end();
  }

  void note_wal(const store::BackupRecord& backup, std::optional<unsigned> line) {
    if (!has(StoredKind::wal)) return;
    const auto layout = line ? layout_.of_line(*line) : layout_;
    const auto history = held_line(layout, backup).value_or(postgres::TimelineHistory(backup.end.timeline));
    std::set<std::string> names;
    for (const auto& needed : needed_wal(backup, history))
      names.insert(needed.segment.name(backup.wal_segment_size));
    for (auto& damage : *damage_) {
      if (damage.kind == StoredKind::wal && damage.line == line && names.contains(damage.name))
        damage.backups.push_back(backup.id);
    }
  }

  void note_packs(const store::BackupId& id) {
    if (!has(StoredKind::pack)) return;
    store::PackUse::Packs use;
    try {
      use = store::objects_needed_by(layout_, {&id, 1});
    } catch (const Error& error) {
      require_passing(error);
      return;
    }
    Needing needing{id, {}};
    for (std::size_t i = 0; i < damage_->size(); ++i) {
      const auto used = used_of(use, (*damage_)[i]);
      if (used.empty()) continue;
      (*damage_)[i].backups.push_back(id);
      for (const auto ref : used) objects_.emplace(ref, i);
      needing.objects.insert(needing.objects.end(), used.begin(), used.end());
    }
    if (!needing.objects.empty()) needing_.push_back(std::move(needing));
  }

  void look_for_files(const Needing& backup) {
    const bool can_tell_more =
        std::ranges::any_of(backup.objects, [&](store::ObjectRef ref) { return !found_.contains(ref); });
    if (!can_tell_more) return;
    try {
      store::BackupReader reader(*repository_, layout_, backup.id);
      look_through(reader);
    } catch (const Error& error) {
      require_passing(error);
    }
  }

  void look_through(store::BackupReader& backup) {
    for (const auto list : store::kLists) {
      for (const auto& section : backup.contents().*list) {
        note(section.object, std::string(kWhatSaysWhichFiles));
        note(section.base, std::string(kWhatSaysWhichFiles));
      }
    }
    const auto visit = [&](store::FileEntry&& file) {
      if (stop_->stop_requested()) throw Interrupted("stopped while looking for what is concerned");
      for (const auto ref : file.pieces) {
        note(ref, file.path);
        note(base_of(backup.packs(), ref), file.path);
      }
    };
    backup.files().for_each(visit, [](const store::Section&, const Corruption&) {});
  }

  void note(store::ObjectRef ref, const std::string& path) {
    if (ref.is_zero()) return;
    for (auto object = objects_.lower_bound({ref, 0}); object != objects_.end() && object->first == ref;
         ++object) {
      found_.insert(ref);
      files_[object->second].insert(path);
    }
  }

  static void write_files(const std::set<std::string>& paths, StoredDamage& damage) {
    damage.files.clear();
    damage.file_count = paths.size();
    for (const auto& path : paths) {
      if (damage.files.size() == StoredDamage::kNamedFiles) break;
      damage.files.push_back(path);
    }
  }

  const store::Repository* repository_;
  store::ServerLayout layout_;
  std::vector<StoredDamage>* damage_;
  const std::stop_token* stop_;
  std::vector<Needing> needing_;                                // oldest first
  std::set<std::pair<store::ObjectRef, std::size_t>> objects_;  // damaged and needed; by which damage
  std::set<store::ObjectRef> found_;                            // of these, of which a file is known
  std::vector<std::set<std::string>> files_;                    // of each damage
};

}  // namespace

bool is_concerned(const store::ServerLayout& layout, const store::BackupRecord& backup,
                  const StoredDamage& damage) {
  if (damage.kind == StoredKind::backup) return damage.name == backup.id.to_string();
  if (damage.kind == StoredKind::pack)
    return !used_of(store::objects_needed_by(layout, {&backup.id, 1}), damage).empty();
  const auto segment = postgres::WalSegment::parse(damage.name, backup.wal_segment_size);
  return !damage.line && segment && segment->end(backup.wal_segment_size) > backup.start.lsn;
}

void find_concerned(const store::Repository& repository, const store::ServerLayout& layout,
                    std::vector<StoredDamage>& damage, const std::stop_token& stop) {
  if (damage.empty()) return;
  Search(repository, layout, damage, stop).run();
}

}  // namespace pgkeep::catalog
