#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/support/disk_steps.h"
#include "tests/support/disk_tree.h"

namespace pgkeep::test {

/// What becomes of that which was not synced, when the power fails.
struct Fate {
  enum class Kind {
    everything_is_kept,  // as after a kill
    nothing_is_kept,
    names_are_kept,     // and no bytes: what a rename without an fsync of the file comes to
    contents_are_kept,  // and no names: what a new file without an fsync of its folder comes to
    each_by_chance,     // every write, or a part of it, and every change of a name by itself
    the_first_names     // changes of names up to some moment, as a journal keeps them; bytes by chance
  };
  Kind kind = Kind::everything_is_kept;
  unsigned seed = 0;  // of the two with chance
  std::string describe() const;
};

/// The files below a directory as the kernel has them, and what of it is on the disk: a model of a file
/// system that keeps only what POSIX promises.
///
/// - fsync or fdatasync of a file makes its bytes and its length durable, and not its name.
/// - fsync of a folder makes durable what was made, removed and renamed in it.
/// - What was not synced may be on the disk or not, each write and each change of a name by itself; of a
///   write, it may be some of its sectors. A file may have its new length without the bytes: then they are
///   zeroes.
/// - Changes of one file's names come in order. Those of different files do not: what was moved away and what
///   then took its name may be there both, or only the second, and the first one nowhere.
/// - A rename is one change: afterwards the file has its old name or its new one. So it is with every file
///   system that has a journal, ext4, XFS and btrfs among them; POSIX promises it to who looks while the
///   system runs.
///
/// ext4 and XFS keep more than that in their default modes (the order of changes to names, the name of a new
/// file with its fsync), and nothing that is not allowed here.
class DiskImage {
 public:
  /// What stands below `root` is taken to be durable.
  explicit DiskImage(const std::filesystem::path& root);

  /// The next step. Throws when it does not fit what is there: then something was not recorded.
  void apply(const DiskStep& step);
  /// What is there when the power fails now.
  DiskTree after_power_cut(const Fate& fate) const;
  /// All that was done is seen, as by a process that goes on after another was killed.
  DiskTree as_it_is_seen() const { return after_power_cut({}); }
  /// From now on the steps are those of a process that works on a copy of what is seen, which was written
  /// there. What is durable and what is not stays as it was.
  void go_on_in(const std::filesystem::path& copy);
  /// A path for people, of whatever still has or had a name.
  std::string name_of(ino_t file) const;

 private:
  using Id = std::size_t;  // a place in nodes_
  using Names = std::map<std::string, Id>;
  struct Change {  // of the bytes of a file
    std::uint64_t at = 0;
    std::optional<std::string> bytes{};  // none: `at` is the new length
  };
  struct Node {
    DiskTree::Kind kind = DiskTree::Kind::file;
    std::string path{};  // where it was last, for people
    // Of a file; a link has its target in both.
    std::shared_ptr<const FileContent> durable{};
    std::shared_ptr<FileContent> seen{};
    std::vector<Change> unsynced{};
    // Of a folder.
    Names durable_names{};
    Names seen_names{};
  };
  /// Names that change together or not at all: each is given to a node, or taken away.
  struct Renaming {
    struct Name {
      Id folder;
      std::string name;
      std::optional<Id> node;
    };
    std::vector<Name> names;
    Id node;  // that they are about
  };
  class Chance;

  Id add(DiskTree::Kind kind, ino_t file);
  Id id_of(ino_t file) const;
  void read_folder(Id folder, const std::filesystem::path& path);
  void bind_folder(Id folder, const std::filesystem::path& path);
  void change_names(Renaming renaming);
  void change_bytes(Node& node, Change change);
  void remove(const DiskStep& step);
  void rename(const DiskStep& step);
  void sync(Id id);
  void sync_names(const std::function<bool(const Renaming&)>& of);
  void keep_what_others_need(std::vector<bool>& kept) const;
  std::shared_ptr<const FileContent> bytes_of(const Node& node, Chance& chance) const;

  std::vector<Node> nodes_;  // the first is the root
  std::unordered_map<ino_t, Id> ids_;
  std::vector<Renaming> unsynced_names_;  // in order
};

}  // namespace pgkeep::test
