#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace pgkeep::test {

struct FloorReport {
  std::size_t files = 0;            // sources and headers that were read
  std::size_t includes = 0;         // of our own headers
  std::vector<std::string> faults;  // "server/x.cc:3: includes …", in the order of the files' names
};

/// Reads every source under catalog/, streaming/, recover/ and server/ of the tree, and finds each #include
/// that does not go down the floors: the rooms of catalog, then streaming and recover side by side,
/// then server. Throws std::runtime_error when a file cannot be read.
FloorReport check_floors(const std::filesystem::path& root);

}  // namespace pgkeep::test
