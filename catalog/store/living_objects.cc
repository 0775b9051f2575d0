#include "catalog/store/living_objects.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/store/contents.h"

namespace pgkeep::store {
namespace {

constexpr std::string_view kGiveBack = "Give the file back to the owner of the repository";

std::string give_up_or_restore(const ServerLayout& layout, const BackupId& id) {
  return fmt::format(
      "Bring the file back from another copy of the repository, or give the backup up: `pgkeep delete {} {}`",
      layout.root().filename().native(), id.to_string());
}

/// Gathers what one backup after the other needs.
class Gatherer {
 public:
  explicit Gatherer(const ServerLayout& layout)
      : layout_(layout), repository_(Repository::of(layout)), packs_(repository_, layout), reader_(packs_) {}

  void add(const BackupId& id) {
    const auto record = read_backup_record(layout_, id);
    if (!record) return;
    const auto contents = read_contents(layout_, *record);
    for (const auto list : kLists) {
      for (const auto& section : contents.*list) {
        use_.mark(section.object);
        use_.mark(section.base);
      }
    }
    for (const auto& section : contents.packs) {
      if (read_.contains(section.object)) continue;
      const auto bytes = reader_.read(section);
      for_each_pack(*bytes, [this](std::uint32_t pack, io::ByteView used) { use_.mark(pack, used); });
      read_.insert(section.object);
    }
  }
  /// What keeps it from being said what the backup needs is noted.
  void add(const BackupId& id, LivingObjects& living) {
    try {
      add(id);
    } catch (const Error& error) {
      // Its record goes first, then its packs: without it, it is being deleted, and was no damaged one.
      if (io::is_there(layout_.record(id))) living.unknown.push_back(why_unknown(layout_, id, error));
    }
  }
  const PackUse::Packs& packs() const { return use_.packs(); }

 private:
  ServerLayout layout_;
  Repository repository_;
  PackSet packs_;
  SectionReader reader_;
  PackUse use_;
  std::set<ObjectRef> read_;  // sections of lists of packs
};

}  // namespace

std::string why_unknown(const ServerLayout& layout, const BackupId& id, const Error& error) {
  return fmt::format("{}; so nobody can say which packs backup {} needs, and none is removed. {}",
                     error.what(), id.to_string(),
                     is_denied(error) ? std::string(kGiveBack) : give_up_or_restore(layout, id));
}

LivingObjects living_objects(const ServerLayout& layout, std::span<const BackupId> without) {
  LivingObjects living;
  Gatherer gatherer(layout);
  for (const auto& entry : io::entries_there(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id || std::find(without.begin(), without.end(), *id) != without.end()) continue;
    gatherer.add(*id, living);
  }
  living.packs = gatherer.packs();
  return living;
}

LivingObjects living_objects_of(const ServerLayout& layout, std::span<const BackupId> ids) {
  LivingObjects living;
  Gatherer gatherer(layout);
  for (const auto& id : ids) gatherer.add(id, living);
  living.packs = gatherer.packs();
  return living;
}

PackUse::Packs objects_needed_by(const ServerLayout& layout, std::span<const BackupId> ids) {
  Gatherer gatherer(layout);
  for (const auto& id : ids) gatherer.add(id);
  return gatherer.packs();
}

}  // namespace pgkeep::store
