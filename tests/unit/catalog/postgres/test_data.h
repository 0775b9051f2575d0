#pragma once

#include <string>
#include <string_view>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::postgres {

/// A file of data/, as a real server wrote it.
inline std::string read_test_data(std::string_view name) {
  constexpr std::uint64_t kLimit = 1 << 20;
  const auto path = std::filesystem::path(PGKEEP_POSTGRES_DATA) / name;
  return std::string(io::as_text(io::read_whole_file(path, kLimit)));
}

/// The message of the Corruption that `act` throws; when it throws none, a text that says so.
template <typename Act>
std::string corruption_from(Act&& act) {
  try {
    act();
  } catch (const Corruption& corruption) {
    return corruption.what();
  }
  return "(no Corruption)";
}

}  // namespace pgkeep::postgres
