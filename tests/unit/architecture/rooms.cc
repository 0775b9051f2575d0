#include "tests/unit/architecture/rooms.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

struct Room {
  std::string_view folder;
  int floor;
  int place;  // inside the floor, from below; two with the same one do not know each other
};

// The same drawing as in docs/architecture.md.
constexpr std::array kRooms{
    Room{"catalog/io", 0, 0},        Room{"catalog/postgres", 0, 1},  Room{"catalog/store", 0, 2},
    Room{"catalog/records", 0, 3},   Room{"catalog/wal", 0, 4},       Room{"catalog/index", 0, 5},
    Room{"catalog/verify", 0, 6},    Room{"catalog/retention", 0, 7}, Room{"streaming/wire", 1, 0},
    Room{"streaming/receive", 1, 1}, Room{"streaming/backup", 1, 2},  Room{"recover/plan", 1, 0},
    Room{"recover/deliver", 1, 1},   Room{"recover", 1, 2},           Room{"server/schedule", 2, 0},
    Room{"server/config", 2, 1},     Room{"server/terminal", 2, 1},   Room{"server/http", 2, 2},
    Room{"server/hooks", 2, 2},      Room{"server/fleet", 2, 3},      Room{"server/health", 2, 4},
    Room{"server/report", 2, 5},     Room{"server/metrics", 2, 6},    Room{"server/notify", 2, 6},
    Room{"server/web", 2, 7},        Room{"server/daemon", 2, 8},     Room{"server/cli", 2, 9},
};

constexpr std::array<std::string_view, 4> kFloors{"catalog", "streaming", "recover", "server"};
/// Folders that are built as well: what is installed, and the tests.
constexpr std::array<std::string_view, 2> kWithoutRooms{"etc", "tests"};

/// Nothing for a file that lies in no room.
std::optional<Room> room_of(const fs::path& file) {
  const auto folder = file.parent_path().generic_string();
  const auto room = std::ranges::find(kRooms, folder, &Room::folder);
  return room == kRooms.end() ? std::nullopt : std::optional(*room);
}

std::string_view floor_of(std::string_view path) {
  return path.substr(0, path.find('/'));
}

bool is_ours(const std::string& include) {
  return include.find('/') != include.npos && std::ranges::find(kFloors, floor_of(include)) != kFloors.end();
}

/// What is wrong with this include in this room; empty when nothing is.
std::string fault_of(const Room& from, const std::string& include) {
  const auto to = room_of(include);
  if (!to) return "which is in no room that is known; our headers are named from the root of the tree";
  if (to->folder == from.folder) return "";
  const bool same_floor = floor_of(to->folder) == floor_of(from.folder);
  const auto below = same_floor ? from.place - to->place : from.floor - to->floor;
  if (below > 0) return "";
  return below == 0 ? "but these two do not know each other" : "which is above it";
}

struct Include {
  int line = 0;
  std::string path;
};

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Include> our_includes(const fs::path& path) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*(["<])([^">]+)[">].*)re");
  std::istringstream in(read_file(path));
  std::vector<Include> found;
  std::smatch match;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (!std::regex_match(line, match, kInclude)) continue;
    auto include = fs::path(match[2].str()).lexically_normal().generic_string();
    if (match[1] == "<" && !is_ours(include)) continue;  // a system's or a library's
    found.push_back({number, std::move(include)});
  }
  return found;
}

bool is_source(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cc";
}

/// By name, relative to the root.
std::vector<fs::path> sources_below(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto floor : kFloors) {
    if (!fs::exists(root / floor)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / floor))
      if (is_source(entry.path())) files.push_back(entry.path().lexically_relative(root));
  }
  std::ranges::sort(files);
  return files;
}

void check_file(const fs::path& root, const fs::path& file, RoomReport& report) {
  ++report.files;
  const auto from = room_of(file);
  if (!from) {
    report.faults.push_back(file.generic_string() + ": is in no room that is known");
    return;
  }
  for (const auto& include : our_includes(root / file)) {
    ++report.includes;
    const auto fault = fault_of(*from, include.path);
    if (fault.empty()) continue;
    std::ostringstream text;
    text << file.generic_string() << ":" << include.line << ": includes " << include.path << ", " << fault;
    report.faults.push_back(text.str());
  }
}

std::string library_of(std::string_view folder) {
  return "pgkeep_" + std::string(folder.substr(folder.rfind('/') + 1));
}

/// The libraries of rooms on the link line of this library, in a CMakeLists.txt.
std::set<std::string> linked(const std::string& cmake, const std::string& library) {
  std::set<std::string> found;
  std::smatch line;
  if (!std::regex_search(cmake, line, std::regex("target_link_libraries\\(" + library + "\\s([^)]*)\\)")))
    return found;
  const std::string words = line[1];
  static const std::regex kLibrary("pgkeep_[a-z]+");
  for (std::sregex_iterator at(words.begin(), words.end(), kLibrary), end; at != end; ++at)
    if (at->str() != "pgkeep_flags") found.insert(at->str());
  return found;
}

/// What add_subdirectory() names in a CMakeLists.txt.
std::vector<std::string> added_folders(const std::string& cmake) {
  static const std::regex kAdded("add_subdirectory\\(([^)]*)\\)");
  std::vector<std::string> folders;
  for (std::sregex_iterator at(cmake.begin(), cmake.end(), kAdded), end; at != end; ++at)
    folders.push_back((*at)[1]);
  return folders;
}

}  // namespace

RoomReport check_includes(const fs::path& root) {
  RoomReport report;
  for (const auto& file : sources_below(root)) check_file(root, file, report);
  return report;
}

std::vector<std::string> check_link_lines(const fs::path& root) {
  std::vector<std::string> faults;
  for (const auto& folder : added_folders(read_file(root / "CMakeLists.txt")))
    if (std::ranges::find(kWithoutRooms, folder) == kWithoutRooms.end() &&
        std::ranges::find(kFloors, folder) == kFloors.end())
      faults.push_back("CMakeLists.txt: adds " + folder + ", which is no floor that is known");
  for (const auto& room : kRooms) {
    std::set<std::string> included;
    for (const auto& file : sources_below(root)) {
      if (file.parent_path() != room.folder) continue;
      for (const auto& include : our_includes(root / file)) {
        const auto to = room_of(include.path);
        if (to && to->folder != room.folder) included.insert(library_of(to->folder));
      }
    }
    const auto cmake = fs::path(room.folder) / "CMakeLists.txt";
    const auto links = linked(read_file(root / cmake), library_of(room.folder));
    for (const auto& library : included)
      if (!links.contains(library))
        faults.push_back(cmake.generic_string() + ": does not link " + library + ", which the room includes");
    for (const auto& library : links)
      if (!included.contains(library))
        faults.push_back(cmake.generic_string() + ": links " + library + ", which the room does not include");
  }
  return faults;
}

std::vector<std::string> check_test_folders(const fs::path& root) {
  std::set<std::string> faults;
  const auto tests = root / "tests/unit";
  for (const auto& entry : fs::recursive_directory_iterator(tests)) {
    if (!entry.path().filename().string().ends_with("_test.cc")) continue;
    const auto file = entry.path().lexically_relative(tests);
    if (!room_of(file) && file.parent_path() != "architecture")
      faults.insert("tests/unit/" + file.parent_path().generic_string() +
                    ": has tests of no room that is known");
  }
  return {faults.begin(), faults.end()};
}

std::vector<std::string> check_tests_are_built(const fs::path& root) {
  std::vector<std::string> faults;
  for (const auto& entry : fs::recursive_directory_iterator(root / "tests")) {
    const auto name = entry.path().filename().string();
    if (!name.ends_with("_test.cc")) continue;
    const auto cmake = entry.path().parent_path() / "CMakeLists.txt";
    const std::regex named("\\s" + std::regex_replace(name, std::regex("\\."), "\\.") + "[\\s)]");
    static const std::regex kComment("#[^\n]*");
    if (fs::exists(cmake) && std::regex_search(std::regex_replace(read_file(cmake), kComment, ""), named))
      continue;
    faults.push_back(entry.path().lexically_relative(root).generic_string() + ": is never built");
  }
  std::ranges::sort(faults);
  return faults;
}

}  // namespace pgkeep::test
