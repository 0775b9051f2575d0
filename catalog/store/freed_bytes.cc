#include "catalog/store/freed_bytes.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <unordered_map>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/contents.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack_files.h"

namespace pgkeep::store {
namespace {

/// Which of the backups need a thing: none, one, or several. Backups are told apart by their place in a list.
class Users {
 public:
  void add(std::size_t backup) { one_ = one_ == kNone || one_ == backup ? backup : kSeveral; }
  void add(const Users& others) {
    if (others.one_ == kSeveral) one_ = kSeveral;
    if (others.is_one()) add(others.one_);
  }
  bool is_one() const { return one_ < kSeveral; }
  std::size_t one() const { return one_; }

 private:
  static constexpr auto kNone = std::numeric_limits<std::size_t>::max();
  static constexpr auto kSeveral = kNone - 1;
  std::size_t one_ = kNone;
};

/// Gathers which backups need which packs.
class PackUsers {
 public:
  explicit PackUsers(const ServerLayout& layout)
      : layout_(layout), repository_(Repository::of(layout)), packs_(repository_, layout), reader_(packs_) {}

  void add(const BackupRecord& record) {
    const auto backup = backups_.size();
    const auto contents = read_contents(layout_, record);
    for (const auto list : kLists) {
      for (const auto& section : contents.*list) {
        users_[section.object.pack].add(backup);
        users_[section.base.pack].add(backup);
      }
    }
    for (const auto& section : contents.packs) {
      auto& listed = sections_[section.object];
      listed.section = section;
      listed.users.add(backup);
    }
    backups_.push_back(record.id);
  }

  /// What the sections of the lists name, each read once: in the order in which they lie in their packs.
  void read_lists() {
    for (const auto& section : sections_) {
      const auto& listed = section.second;
      const auto bytes = reader_.read(listed.section);
      for_each_pack(*bytes, [&](std::uint32_t pack, io::ByteView) { users_[pack].add(listed.users); });
    }
  }

  /// The backup that alone needs that pack.
  std::optional<BackupId> only_user(std::uint32_t pack) const {
    const auto found = users_.find(pack);
    if (found == users_.end() || !found->second.is_one()) return std::nullopt;
    return backups_[found->second.one()];
  }
  const std::vector<BackupId>& backups() const { return backups_; }

 private:
  struct Listed {
    Section section;
    Users users;
  };
  ServerLayout layout_;
  Repository repository_;
  PackSet packs_;
  SectionReader reader_;
  std::vector<BackupId> backups_;
  std::map<ObjectRef, Listed> sections_;  // of lists of packs
  std::unordered_map<std::uint32_t, Users> users_;
};

/// 0 for one that has gone meanwhile.
std::uint64_t bytes_of(const std::filesystem::path& file) {
  std::error_code gone;
  const auto bytes = std::filesystem::file_size(file, gone);
  return gone ? 0 : bytes;
}

/// Likewise.
std::uint64_t bytes_in(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : io::entries(folder)) bytes += bytes_of(entry.path());
  return bytes;
}

void add_up(const ServerLayout& layout, const PackUsers& users, FreedBytes& freed) {
  for (const auto& id : users.backups()) freed.of_each[id] = bytes_in(layout.backup(id));
  for (const auto& [number, files] : list_pack_files(layout)) {
    const auto backup = users.only_user(number);
    if (!backup) continue;
    for (const auto& name : files) freed.of_each[*backup] += bytes_of(layout.pack(name));
  }
}

/// One pass over all that is there.
FreedBytes look(const ServerLayout& layout, const std::map<BackupId, const BackupRecord*>& known,
                PackUsers& users) {
  FreedBytes freed;
  for (const auto& entry : io::entries_there(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id || !io::is_there(layout.record(*id))) continue;
    try {
      const auto found = known.find(*id);
      if (found != known.end()) {
        users.add(*found->second);
      } else if (const auto record = read_backup_record(layout, *id)) {
        users.add(*record);
      }
    } catch (const Error& error) {
      if (!io::is_there(layout.record(*id))) continue;  // it is being deleted
      freed.unknown.push_back(why_unknown(layout, *id, error));
    }
  }
  try {
    users.read_lists();
  } catch (const Error& error) {
    freed.unknown.emplace_back(error.what());
  }
  if (freed.unknown.empty()) add_up(layout, users, freed);
  return freed;
}

bool has_gone_meanwhile(const ServerLayout& layout, const PackUsers& users) {
  return std::ranges::any_of(users.backups(),
                             [&](const BackupId& id) { return !io::is_there(layout.record(id)); });
}

}  // namespace

std::optional<std::uint64_t> FreedBytes::of(const BackupId& id) const {
  const auto found = of_each.find(id);
  return found == of_each.end() ? std::nullopt : std::optional(found->second);
}

FreedBytes freed_bytes(const ServerLayout& layout, std::span<const BackupRecord> known) {
  std::map<BackupId, const BackupRecord*> records;
  for (const auto& record : known) records.emplace(record.id, &record);
  try {
    while (true) {
      PackUsers users(layout);
      auto freed = look(layout, records, users);
      // Each time there is one backup less.
      if (freed.unknown.empty() || !has_gone_meanwhile(layout, users)) return freed;
    }
  } catch (const Error& error) {
    return {.of_each = {}, .unknown = {error.what()}};
  }
}

}  // namespace pgkeep::store
