#pragma once

#include <filesystem>

#include "tests/support/process.h"

namespace pgkeep::test {

/// Makes a data directory that nobody has started, as initdb would: it is the copy of one that initdb made
/// once for all tests, with a system identifier of its own, in a tenth of the time. `initdb`: its command
/// line but for --pgdata. What is copied stays in the build directory.
void make_data_directory(const std::filesystem::path& directory, const Command& initdb);

}  // namespace pgkeep::test
