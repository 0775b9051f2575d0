#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace pgkeep::test {

struct RoomReport {
  std::size_t files = 0;            // sources and headers that were read
  std::size_t includes = 0;         // of our own headers
  std::vector<std::string> faults;  // "server/x.cc:3: includes …", in the order of the files' names
};

/// Reads every source under catalog/, streaming/, recover/ and server/ of the tree, and finds each #include
/// that does not go down: from one floor to a lower one (streaming and recover stand side by side), or inside
/// a floor from one room to a lower one. A room is known by its exact folder; a folder that is none is a
/// fault. Throws std::runtime_error when a file cannot be read.
RoomReport check_includes(const std::filesystem::path& root);

/// Compares the link line of each room's library with what the room includes: a fault for each room that is
/// included and not linked, or linked and not included. A floor that the tree builds and that is not known is
/// one too. Throws as check_includes().
std::vector<std::string> check_link_lines(const std::filesystem::path& root);

/// Folders below tests/unit that have tests and are named for no room.
std::vector<std::string> check_test_folders(const std::filesystem::path& root);

/// Tests that no CMakeLists.txt beside them names, so that they are never built: below tests/, by name.
std::vector<std::string> check_tests_are_built(const std::filesystem::path& root);

}  // namespace pgkeep::test
