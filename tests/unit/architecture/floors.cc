#include "tests/unit/architecture/floors.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

struct Room {
  std::string_view folder;
  int floor;
  bool with_subfolders;
};

constexpr std::array kRooms{
    Room{"catalog/io", 0, false},      Room{"catalog/postgres", 1, false}, Room{"catalog/store", 2, false},
    Room{"catalog/records", 3, false}, Room{"catalog/wal", 4, false},      Room{"catalog/index", 5, false},
    Room{"catalog/verify", 6, false},  Room{"streaming", 7, true},         Room{"recover", 7, true},
    Room{"server", 8, true},
};

constexpr std::array<std::string_view, 4> kTopFolders{"catalog", "streaming", "recover", "server"};

/// Nothing for a file that belongs to no room.
std::optional<Room> room_of(const fs::path& file) {
  const auto folder = file.parent_path().generic_string();
  const auto room = std::ranges::find_if(kRooms, [&](const Room& candidate) {
    return folder == candidate.folder ||
           (candidate.with_subfolders && folder.starts_with(std::string(candidate.folder) + "/"));
  });
  return room == kRooms.end() ? std::nullopt : std::optional(*room);
}

bool in_a_top_folder(const std::string& include) {
  return std::ranges::any_of(
      kTopFolders, [&](std::string_view top) { return include.starts_with(std::string(top) + "/"); });
}

/// What is wrong with this include in this room; empty when nothing is.
std::string fault_of(const Room& from, const std::string& include) {
  const auto to = room_of(include);
  if (!to) return "which is in no room that is known; our headers are named from the root of the tree";
  if (to->folder == from.folder || to->floor < from.floor) return "";
  if (to->floor == from.floor) return "but these two do not know each other";
  return "which is above it";
}

void check_file(const fs::path& root, const fs::path& file, FloorReport& report) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*(["<])([^">]+)[">].*)re");
  std::ifstream in(root / file);
  if (!in) throw std::runtime_error("cannot read " + (root / file).string());
  ++report.files;
  const auto from = room_of(file);
  if (!from) report.faults.push_back(file.generic_string() + ": is in no room that is known");
  std::smatch match;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (!from || !std::regex_match(line, match, kInclude)) continue;
    const auto include = fs::path(match[2].str()).lexically_normal().generic_string();
    if (match[1] == "<" && !in_a_top_folder(include)) continue;  // a system's or a library's
    ++report.includes;
    const auto fault = fault_of(*from, include);
    if (fault.empty()) continue;
    std::ostringstream text;
    text << file.generic_string() << ":" << number << ": includes " << include << ", " << fault;
    report.faults.push_back(text.str());
  }
}

}  // namespace

FloorReport check_floors(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto top : kTopFolders) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension == ".h" || extension == ".cc") files.push_back(entry.path().lexically_relative(root));
    }
  }
  std::ranges::sort(files);
  FloorReport report;
  for (const auto& file : files) check_file(root, file, report);
  return report;
}

}  // namespace pgkeep::test
