#include "catalog/verify/concerned_backups.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "catalog/io/error.h"
#include "catalog/store/backup_reader.h"
#include "catalog/store/contents.h"
#include "catalog/store/living_objects.h"
#include "catalog/verify/damage_finder.h"
#include "catalog/verify/passing.h"
#include "catalog/verify/wal_verification.h"
#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {
namespace {

/// Of a pack that is named so; 0, which none has, for another name.
std::uint32_t pack_number(const std::string& name) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

bool has(const std::vector<StoredDamage>& damage, StoredKind kind) {
  return std::ranges::find(damage, kind, &StoredDamage::kind) != damage.end();
}

/// In a handler: what is wrong with a backup is told elsewhere, and one that goes needs nothing.
void pass_over(const Error& error) {
  if (is_passing(error) && dynamic_cast<const Busy*>(&error) == nullptr) throw;
}

/// What a backup needs of packs, as far as that can be read.
store::PackUse::Packs use_of(const store::ServerLayout& layout, const store::BackupRecord& record) {
  store::PackUse use;
  try {
    const auto contents = store::read_contents(layout, record);
    for (const auto list : store::kLists) {
      for (const auto& section : contents.*list) {
        use.mark(section.object);
        use.mark(section.base);
      }
    }
    for (const auto& [pack, used] : store::objects_needed_by(layout, {&record.id, 1})) use.mark(pack, used);
  } catch (const Error& error) {
    pass_over(error);
  }
  return use.packs();
}

bool needs(const store::PackUse::Packs& use, const StoredDamage& damage) {
  if (damage.kind != StoredKind::pack) return false;
  if (damage.whole) return use.contains(pack_number(damage.name));
  return std::ranges::any_of(damage.objects, [&](store::ObjectRef ref) {
    const auto pack = use.find(ref.pack);
    return pack != use.end() && store::is_used(pack->second, ref.object);
  });
}

/// The damage of packs, by what a file may need of them.
class DamagedObjects {
 public:
  explicit DamagedObjects(const std::vector<StoredDamage>& damage) {
    for (std::size_t i = 0; i < damage.size(); ++i) {
      if (damage[i].kind != StoredKind::pack) continue;
      if (damage[i].whole) packs_.emplace(pack_number(damage[i].name), i);
      for (const auto ref : damage[i].objects) objects_.emplace(ref, i);
    }
  }

  template <typename Visit>
  void for_each(store::ObjectRef ref, Visit&& visit) const {
    if (ref.is_zero()) return;
    if (const auto pack = packs_.find(ref.pack); pack != packs_.end()) visit(pack->second);
    for (auto object = objects_.lower_bound({ref, 0}); object != objects_.end() && object->first == ref;
         ++object)
      visit(object->second);
  }

 private:
  std::map<std::uint32_t, std::size_t> packs_;  // that are damaged as a whole; which damage
  std::set<std::pair<store::ObjectRef, std::size_t>> objects_;
};

class Search {
 public:
  Search(const store::Repository& repository, const store::ServerLayout& layout,
         std::vector<StoredDamage>& damage, const std::stop_token& stop)
      : repository_(&repository),
        layout_(layout),
        damage_(&damage),
        stop_(&stop),
        objects_(damage),
        files_(damage.size()) {}

  void run() {
    const auto backups = store::list_backup_records(layout_).backups;
    const auto lines = read_set_aside_lines(layout_);
    for (auto& damage : *damage_)
      if (damage.kind != StoredKind::backup) damage.backups.clear();
    for (const auto& backup : backups) {
      require_going_on();
      if (has(*damage_, StoredKind::wal)) note_wal(backup, line_of(lines, backup.id));
      if (has(*damage_, StoredKind::pack)) note_packs(backup);
    }
    for (auto backup = backups.rbegin(); backup != backups.rend(); ++backup) look_for_files(backup->id);
    for (std::size_t i = 0; i < files_.size(); ++i) write_files(files_[i], (*damage_)[i]);
    for (auto& damage : *damage_) damage.attributed = true;
  }

 private:
  void require_going_on() const {
    if (stop_->stop_requested()) throw Interrupted("stopped while looking for what is concerned");
  }

  void note_wal(const store::BackupRecord& backup, std::optional<unsigned> line) {
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

  void note_packs(const store::BackupRecord& backup) {
    const auto use = use_of(layout_, backup);
    for (auto& damage : *damage_)
      if (needs(use, damage)) damage.backups.push_back(backup.id);
  }

  /// Of the damage of which no file is known yet.
  void look_for_files(const store::BackupId& id) {
    bool can_tell_more = false;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const auto& damage = (*damage_)[i];
      const bool concerned = std::ranges::find(damage.backups, id) != damage.backups.end();
      is_looked_for_[i] = damage.kind == StoredKind::pack && files_[i].empty() && concerned;
      can_tell_more = can_tell_more || is_looked_for_[i];
    }
    if (!can_tell_more) return;
    try {
      store::BackupReader reader(*repository_, layout_, id);
      look_through(reader);
    } catch (const Error& error) {
      pass_over(error);
    }
  }

  void look_through(store::BackupReader& backup) {
    const auto visit = [&](store::FileEntry&& file) {
      require_going_on();
      const auto note = [&](std::size_t damage) {
        if (is_looked_for_[damage]) files_[damage].insert(file.path);
      };
      for (const auto ref : file.pieces) {
        objects_.for_each(ref, note);
        objects_.for_each(base_of(backup.packs(), ref), note);
      }
    };
    backup.files().for_each(visit, [](const store::Section&, const Corruption&) {});
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
  DamagedObjects objects_;
  std::vector<std::set<std::string>> files_;  // of each damage
  std::map<std::size_t, bool> is_looked_for_;
};

}  // namespace

std::vector<bool> concerns(const store::ServerLayout& layout, const store::BackupRecord& backup,
                           const postgres::TimelineHistory& line, const std::vector<StoredDamage>& damage) {
  const auto use = has(damage, StoredKind::pack) ? use_of(layout, backup) : store::PackUse::Packs();
  const auto size = backup.wal_segment_size;
  const auto is_passed = [&](const StoredDamage& one) {
    const auto segment = postgres::WalSegment::parse(one.name, size);
    if (one.line || !segment || segment->end(size) <= backup.start.lsn) return false;
    const postgres::Lsn last(segment->end(size).value() -
                             1);  // the line may enter the timeline in the middle
    return line.timeline_at(segment->begin(size)) == segment->timeline ||
           line.timeline_at(last) == segment->timeline;
  };
  std::vector<bool> concerned;
  for (const auto& one : damage) {
    concerned.push_back(one.kind == StoredKind::backup ? one.name == backup.id.to_string()
                        : one.kind == StoredKind::pack ? needs(use, one)
                                                       : is_passed(one));
  }
  return concerned;
}

void find_concerned(const store::Repository& repository, const store::ServerLayout& layout,
                    std::vector<StoredDamage>& damage, const std::stop_token& stop) {
  if (damage.empty()) return;
  Search(repository, layout, damage, stop).run();
}

}  // namespace pgkeep::catalog
