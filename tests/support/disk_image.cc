#include "tests/support/disk_image.h"

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;  // what a disk writes whole

ino_t number_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error(path.native() + " is not there");
  return status.st_ino;
}

void write_into(std::string& content, std::uint64_t at, std::string_view bytes) {
  if (content.size() < at + bytes.size()) content.resize(at + bytes.size());
  std::ranges::copy(bytes, content.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

std::string Fate::describe() const {
  switch (kind) {
    case Kind::everything_is_kept:
      return "everything unsynced was kept";
    case Kind::nothing_is_kept:
      return "nothing unsynced was kept";
    case Kind::names_are_kept:
      return "unsynced names were kept, and no bytes";
    case Kind::contents_are_kept:
      return "unsynced bytes were kept, and no names";
    case Kind::each_by_chance:
      return fmt::format("each unsynced change was kept by chance {}", seed);
    case Kind::the_first_names:
      return fmt::format("the first unsynced names and some bytes were kept by chance {}", seed);
  }
  return {};
}

/// Decides for one fate.
class DiskImage::Chance {
 public:
  explicit Chance(const Fate& fate) : kind_(fate.kind), random_(fate.seed) {}

  std::vector<bool> names(std::size_t number) {
    using enum Fate::Kind;
    std::vector<bool> kept(number, kind_ == everything_is_kept || kind_ == names_are_kept);
    for (std::size_t i = 0; kind_ == each_by_chance && i < number; ++i) kept[i] = coin();
    if (kind_ == the_first_names)
      std::fill_n(kept.begin(), std::uniform_int_distribution<std::size_t>(0, number)(random_), true);
    return kept;
  }
  bool all_bytes() const {
    return kind_ == Fate::Kind::everything_is_kept || kind_ == Fate::Kind::contents_are_kept;
  }
  bool no_bytes() const {
    return kind_ == Fate::Kind::nothing_is_kept || kind_ == Fate::Kind::names_are_kept;
  }
  bool coin() { return (random_() & 1) != 0; }

 private:
  Fate::Kind kind_;
  std::mt19937 random_;
};

DiskImage::DiskImage(const fs::path& root) {
  read_folder(add(DiskTree::Kind::folder, number_of(root)), root);
}

DiskImage::Id DiskImage::add(DiskTree::Kind kind, ino_t file) {
  nodes_.push_back({.kind = kind});
  ids_[file] = nodes_.size() - 1;  // of one that is no more, maybe: numbers are given again
  return nodes_.size() - 1;
}

DiskImage::Id DiskImage::id_of(ino_t file) const {
  const auto found = ids_.find(file);
  if (found == ids_.end())
    throw std::logic_error(fmt::format("a step is about file {}, which no step made", file));
  return found->second;
}

std::string DiskImage::name_of(ino_t file) const {
  const auto found = ids_.find(file);
  return found == ids_.end() ? fmt::format("file {}", file) : nodes_[found->second].path;
}

void DiskImage::read_folder(Id folder, const fs::path& path) {
  for (const auto& entry : fs::directory_iterator(path)) {
    const auto kind = entry.is_symlink()     ? DiskTree::Kind::link
                      : entry.is_directory() ? DiskTree::Kind::folder
                                             : DiskTree::Kind::file;
    const auto id = add(kind, number_of(entry.path()));
    nodes_[id].path = (fs::path(nodes_[folder].path) / entry.path().filename()).native();
    nodes_[folder].durable_names[entry.path().filename()] = id;
    if (kind == DiskTree::Kind::folder) {
      read_folder(id, entry.path());
    } else {
      const auto content = DiskTree::read_file(entry.path());
      nodes_[id].seen = std::make_shared<FileContent>(content);
      nodes_[id].durable = nodes_[id].seen;
    }
  }
  nodes_[folder].seen_names = nodes_[folder].durable_names;
}

void DiskImage::go_on_in(const fs::path& copy) {
  ids_.clear();
  bind_folder(0, copy);
}

void DiskImage::bind_folder(Id folder, const fs::path& path) {
  ids_[number_of(path)] = folder;
  for (const auto& [name, id] : nodes_[folder].seen_names) {
    if (nodes_[id].kind == DiskTree::Kind::folder)
      bind_folder(id, path / name);
    else
      ids_[number_of(path / name)] = id;
  }
}

// --------------------------------------------------------------------------------------------- steps

void DiskImage::apply(const DiskStep& step) {
  using Kind = DiskStep::Kind;
  const auto give_name = [&](Id id) {
    if (step.folder != 0) change_names({{{id_of(step.folder), step.name, id}}, id});
  };
  const auto make = [&](DiskTree::Kind kind) {
    const auto id = add(kind, step.file);
    if (kind != DiskTree::Kind::folder) {
      nodes_[id].seen = std::make_shared<FileContent>(step.bytes);
      nodes_[id].durable = nodes_[id].seen;
    }
    give_name(id);
  };
  switch (step.kind) {
    case Kind::make_file:
      return make(DiskTree::Kind::file);
    case Kind::make_folder:
      return make(DiskTree::Kind::folder);
    case Kind::make_link:
      return make(DiskTree::Kind::link);
    case Kind::add_name:
      return give_name(id_of(step.file));
    case Kind::remove:
      return remove(step);
    case Kind::rename:
      return rename(step);
    case Kind::write:
      return change_bytes(nodes_[id_of(step.file)], {step.number, step.bytes});
    case Kind::set_length:
      return change_bytes(nodes_[id_of(step.file)], {step.number, {}});
    case Kind::sync:
      return sync(id_of(step.file));
    case Kind::sync_all:
      for (Id id = 0; id < nodes_.size(); ++id) sync(id);
      return;
    case Kind::note:
      return;
  }
}

void DiskImage::remove(const DiskStep& step) {
  const auto folder = id_of(step.folder);
  change_names({{{folder, step.name, {}}}, nodes_[folder].seen_names.at(step.name)});
}

void DiskImage::rename(const DiskStep& step) {
  const auto from = id_of(step.folder);
  const auto to = id_of(step.to_folder);
  const auto id = nodes_[from].seen_names.at(step.name);
  const auto target = nodes_[to].seen_names.find(step.to_name);
  if (target != nodes_[to].seen_names.end() && target->second == id) return;  // so says POSIX
  change_names({{{from, step.name, {}}, {to, step.to_name, id}}, id});
}

void DiskImage::change_names(Renaming renaming) {
  for (const auto& [folder, name, node] : renaming.names) {
    auto& names = nodes_[folder].seen_names;
    if (!node) {
      names.erase(name);
      continue;
    }
    names[name] = *node;
    nodes_[*node].path = (fs::path(nodes_[folder].path) / name).native();
  }
  unsynced_names_.push_back(std::move(renaming));
}

void DiskImage::change_bytes(Node& node, Change change) {
  if (node.seen.use_count() > 1) node.seen = std::make_shared<FileContent>(*node.seen);  // others share it
  auto& content = node.seen->change();
  change.bytes ? write_into(content, change.at, *change.bytes) : content.resize(change.at);
  node.unsynced.push_back(std::move(change));
}

void DiskImage::sync(Id id) {
  auto& node = nodes_[id];
  if (node.kind == DiskTree::Kind::folder) {
    sync_names([id](const Renaming& renaming) {
      return std::ranges::find(renaming.names, id, &Renaming::Name::folder) != renaming.names.end();
    });
  } else {
    node.durable = node.seen;
    node.unsynced.clear();
  }
}

void DiskImage::sync_names(const std::function<bool(const Renaming&)>& of) {
  std::vector<bool> kept;
  for (const auto& renaming : unsynced_names_) kept.push_back(of(renaming));
  keep_what_others_need(kept);
  std::vector<Renaming> left;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) {
      left.push_back(std::move(unsynced_names_[i]));
      continue;
    }
    for (const auto& [folder, name, node] : unsynced_names_[i].names) {
      auto& names = nodes_[folder].durable_names;
      node ? void(names[name] = *node) : void(names.erase(name));
      for (auto& earlier : left)  // it must not come back over the later one
        std::erase_if(earlier.names,
                      [&](const auto& other) { return other.folder == folder && other.name == name; });
    }
  }
  unsynced_names_ = std::move(left);
}

/// What happened before to the same file's names.
void DiskImage::keep_what_others_need(std::vector<bool>& kept) const {
  std::set<Id> moved_later;
  for (auto at = kept.size(); at-- > 0;) {
    if (moved_later.contains(unsynced_names_[at].node)) kept[at] = true;
    if (kept[at]) moved_later.insert(unsynced_names_[at].node);
  }
}

// ----------------------------------------------------------------------------------------- power cut

DiskTree DiskImage::after_power_cut(const Fate& fate) const {
  Chance chance(fate);
  auto kept = chance.names(unsynced_names_.size());
  keep_what_others_need(kept);
  std::map<Id, Names> changed;  // of the folders in which an unsynced name was kept
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    for (const auto& [folder, name, node] : unsynced_names_[i].names) {
      auto& names = changed.try_emplace(folder, nodes_[folder].durable_names).first->second;
      node ? void(names[name] = *node) : void(names.erase(name));
    }
  }
  DiskTree tree;
  const std::function<void(Id, const std::string&)> put = [&](Id folder, const std::string& prefix) {
    const auto found = changed.find(folder);
    for (const auto& [name, id] : found == changed.end() ? nodes_[folder].durable_names : found->second) {
      const auto& node = nodes_[id];
      if (node.kind == DiskTree::Kind::folder) {
        tree.entries[prefix + name] = {node.kind};
        put(id, prefix + name + "/");
      } else {
        tree.entries[prefix + name] = {node.kind, bytes_of(node, chance)};
      }
    }
  };
  put(0, "");
  return tree;
}

std::shared_ptr<const FileContent> DiskImage::bytes_of(const Node& node, Chance& chance) const {
  if (node.unsynced.empty() || chance.no_bytes()) return node.durable;
  if (chance.all_bytes()) return node.seen;
  auto content = node.durable->bytes();
  for (const auto& [at, bytes] : node.unsynced) {
    if (chance.coin()) continue;
    if (!bytes) {
      content.resize(at);
    } else if (chance.coin()) {
      write_into(content, at, *bytes);
    } else {
      for (std::size_t sector = 0; sector < bytes->size(); sector += kSector)
        if (chance.coin()) write_into(content, at + sector, std::string_view(*bytes).substr(sector, kSector));
    }
  }
  if (content.size() < node.seen->bytes().size() && chance.coin()) content.resize(node.seen->bytes().size());
  return std::make_shared<FileContent>(std::move(content));
}

}  // namespace pgkeep::test
