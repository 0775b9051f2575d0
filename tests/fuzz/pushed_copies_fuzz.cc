#include <array>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/wal/waiting_wal.h"
#include "catalog/wal/wal_conflicts.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"
#include "tests/support/sample_wal.h"

// The folders of what was pushed, wal/conflicts and wal/pushed, in which anything may lie under any name:
// copies, damaged ones, links that lead out, directories, FIFOs. Names that are understood are just those
// that are written; every call ends as it should or by one of our errors, and outside of the archive nothing
// is changed.

namespace {

using namespace pgkeep;
using fuzz::require;
namespace fs = std::filesystem;

constexpr postgres::WalSegment kSegment{postgres::TimelineId(1), 5};

const fs::path& outside() {
  static const auto path = [] {
    auto made = fuzz::memory_folder() / "outside";
    fs::create_directory(made);
    io::write_file_durably(made / "file", io::as_bytes("precious"));
    fs::create_directory(made / "empty");
    return made;
  }();
  return path;
}

void require_untouched() {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(outside())) {
    require(entry.path() == outside() / "file" || entry.path() == outside() / "empty",
            "a file was made outside");
    ++count;
  }
  require(count == 2, "a file outside was removed");
  require(io::as_text(io::read_whole_file(outside() / "file", 100)) == "precious",
          "a file outside was changed");
}

/// The file of a segment that differs with `salt`.
const io::ByteVector& segment_file(std::uint8_t salt) {
  static std::map<std::uint8_t, io::ByteVector> made;
  auto& content = made[salt];
  if (content.empty()) {
    const auto folder = fuzz::memory_folder() / "made";
    fs::create_directory(folder);
    auto plain = io::File::open_or_create(folder / "plain");
    plain.write_at(test::sample_wal(kSegment, salt), 0);
    const auto path = folder / (kSegment.name(test::sample_segment_size()) + ".zst");
    catalog::write_segment_file(
        path, {.segment = kSegment, .size = test::sample_segment_size(), .system = test::kSampleSystem},
        plain, 1);
    content = io::read_whole_file(path, test::kSampleSegmentBytes * 2);
  }
  return content;
}

constexpr std::array<std::string_view, 12> kNames{"000000010000000000000005",
                                                  "000000010000000000000005.partial",
                                                  "00000002.history",
                                                  "000000010000000000000005.00000028.backup",
                                                  "000000010000000000000007",
                                                  "FFFFFFFF.history",
                                                  "00000000.history",          // no timeline
                                                  "0000000100000000FFFFFFFF",  // not with segments of 1 MiB
                                                  "0000000100000000FFFFFFFF.partial",
                                                  "000000010000000000000005.partial.zst",
                                                  "..",
                                                  ""};

/// Whether docs/repository-format.md has files of that name in these folders.
bool is_ours(const std::string& file_name) {
  static const std::regex kOurs(
      "([0-9A-F]{24}(\\.partial|\\.[0-9A-F]{8}\\.backup)?|[0-9A-F]{8}\\.history)"
      "\\.[0-9a-f]{16}\\.(zst|settled)");
  return std::regex_match(file_name, kOurs);
}

/// The name of a file in one of the folders: one that is ours, nearly ours, or any.
std::string file_name(fuzz::Input& input) {
  constexpr std::array<std::string_view, 6> kEnds{".zst", ".settled", ".zst.tmp", ".ZST", "", ".zst.zst"};
  const auto kind = input.byte();
  std::string name;
  if (kind % 8 == 7) {
    name = input.text(input.byte() % 64);
  } else {
    name = kNames[input.byte() % kNames.size()];
    name += ".";
    name += kind % 8 == 6
                ? input.text(16)
                : std::string(kind % 8 == 5 ? 15 + kind / 8 % 3 : 16, "0123456789abcdefF"[kind / 8 % 17]);
    name += kEnds[input.byte() % 8 % kEnds.size()];
  }
  std::ranges::replace(name, '/', '_');
  name = name.substr(0, name.find('\0'));
  return name.empty() || name == "." || name == ".." ? "x" : name;
}

/// One server's archive, new for each input.
class Archive {
 public:
  Archive() {
    fs::remove_all(layout_.root());
    layout_.make();
    fs::create_directories(layout_.wal_conflicts());
    fs::create_directories(layout_.wal_pushed());
  }

  void step(fuzz::Input& input) {
    const auto kind = input.byte();
    const auto& folder = (kind & 0x80) != 0 ? layout_.wal_pushed() : layout_.wal_conflicts();
    if (fs::is_symlink(folder) && kind % 12 < 7) return;  // these steps would go through it
    switch (kind % 12) {
      case 0:
        return put(folder / file_name(input), input.bytes(input.byte()));
      case 1:
        return link(input.byte(), folder / file_name(input));
      case 2:
        ::mkdir((folder / file_name(input)).c_str(), 0700);
        return;
      case 3:
        ::mkfifo((folder / file_name(input)).c_str(), 0600);
        return;
      case 4:
        return rename_one(folder, input);
      case 5:
        return damage_one(folder, input);
      case 6:
        return put(folder / file_name(input), segment_file(input.byte() % 2));
      case 7:
        return put(layout_.archived(kSegment, test::sample_segment_size()), segment_file(input.byte() % 2));
      case 8:
        return decide(input);
      case 9:
        if ((kind & 0x40) == 0) return;
        fs::remove_all(folder);
        return link(input.byte(), folder);
      default:
        return keep_aside(input);
    }
  }

  void check() {
    for (const auto& folder : {layout_.wal_conflicts(), layout_.wal_pushed()}) {
      check_names(folder);
      check_understood(folder);
    }
    attempt([&] {
      require(waiting_.list().size() <= copies(layout_.wal_pushed()), "more waits than lies there");
    });
    attempt(
        [&] { require(conflicts_.count_open() <= copies(layout_.wal_conflicts()), "more than lies there"); });
    attempt([&] { conflicts_.list(); });
    attempt([&] { waiting_.settle_all([](const catalog::Event&) {}); });
    for (const auto& folder : {layout_.wal_conflicts(), layout_.wal_pushed()}) check_names(folder);
  }

 private:
  /// What `act` does, but one of our errors ends it.
  template <typename Act>
  static void attempt(Act&& act) {
    try {
      act();
    } catch (const Error&) {
    }
  }
  static void put(const fs::path& path, io::ByteView content) {
    attempt([&] {
      io::make_directories(path.parent_path());
      auto file = io::File::open_or_create(path);
      fs::resize_file(path, 0);
      file.write_at(content, 0);
      file.close();
    });
  }
  static void link(std::uint8_t to, const fs::path& path) {
    const std::array<fs::path, 4> kTargets{outside() / "file", outside(), outside() / "not there",
                                           "../streaming"};
    std::error_code there_already;
    fs::create_symlink(kTargets[to % kTargets.size()], path, there_already);
  }
  static std::size_t copies(const fs::path& folder) { return catalog::list_pushed_copies(folder).size(); }

  /// Each that is understood is called as we would call it; all that we would call so are understood.
  void check_names(const fs::path& folder) const {
    attempt([&] {
      for (const auto& copy : catalog::list_pushed_copies(folder)) {
        const auto named = copy.settled ? layout_.settled_conflict(copy.name, copy.digits)
                                        : layout_.wal_conflict(copy.name, copy.digits);
        require(copy.path == folder / named.filename(), "a copy of another name");
        require(copy.name.find('/') == copy.name.npos, "a name that leads elsewhere");
        const auto again = catalog::parse_pushed_copy(named);
        require(again && again->name == copy.name && again->digits == copy.digits &&
                    again->settled == copy.settled && again->id() == copy.id(),
                "a name does not come back");
      }
    });
  }
  void check_understood(const fs::path& folder) const {
    for (const auto& path : files(folder))
      require(catalog::parse_pushed_copy(path).has_value() == is_ours(path.filename().native()),
              "a name is understood that is not ours, or one of ours is not");
  }
  static std::vector<fs::path> files(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
  }
  static void rename_one(const fs::path& folder, fuzz::Input& input) {
    const auto all = files(folder);
    if (all.empty()) return;
    const auto& from = all[input.byte() % all.size()];
    std::error_code in_the_way;
    auto to = file_name(input);
    const auto own = catalog::parse_pushed_copy(from);
    // The same content under another of these names.
    if (own && input.byte() % 2 == 0)
      to = std::string(kNames[input.byte() % kNames.size()]) + "." + own->digits + ".zst";
    fs::rename(from, folder / to, in_the_way);
  }
  static void damage_one(const fs::path& folder, fuzz::Input& input) {
    const auto all = files(folder);
    if (all.empty()) return;
    attempt([&] {
      auto file = io::File::open_to_change(all[input.byte() % all.size()]);
      file.write_at(input.bytes(1 + input.byte() % 8), input.word() % (file.size() + 1));
      file.close();
    });
  }
  void keep_aside(fuzz::Input& input) {
    const auto& name = kNames[input.byte() % (kNames.size() - 2)];  // but the last two, which are none
    attempt([&] {
      const auto bytes = input.bytes(input.byte());
      io::MemorySource source(bytes);
      const auto pushed = catalog::StagedFile::receive(layout_, source, 1 << 20);
      const bool kept = conflicts_.keep_aside(name, pushed);
      // Damage of it is told; a link or directory in its place has nothing of it.
      if (kept)
        conflicts_.list(std::string(name) + "." + pushed.sha256().substr(0, catalog::kPushedCopyDigits));
    });
  }
  void decide(fuzz::Input& input) {
    attempt([&] {
      auto all = catalog::list_pushed_copies(layout_.wal_conflicts());
      if (all.empty()) return;
      std::ranges::sort(all, {}, &catalog::PushedCopy::path);
      const auto open = conflicts_.list(all[input.byte() % all.size()].id());
      if (open.empty()) return;
      const auto& conflict = open[input.byte() % open.size()];
      if (conflict.settled) {
        conflicts_.is_settled(conflict.name, conflict.sha256);
      } else if (input.byte() % 2 == 0) {
        conflicts_.keep_stored(conflict);
        require(conflicts_.is_settled(conflict.name, conflict.sha256), "what was decided is not known");
      } else {
        conflicts_.keep_pushed(conflict, 1);
      }
    });
  }

  store::ServerLayout layout_{fuzz::memory_folder() / "main"};
  catalog::WalArchive archive_{layout_,
                               {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192}};
  catalog::WalConflicts conflicts_{archive_};
  catalog::WaitingWal waiting_{archive_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  outside();
  Archive archive;
  for (int left = 40; left > 0 && !input.empty(); --left) archive.step(input);
  archive.check();
  require_untouched();
  return 0;
}
