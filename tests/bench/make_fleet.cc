// make_fleet - a repository of a fleet with a year of history, to measure on (tests/bench/scale).
//
//   make_fleet FOLDER SERVERS SEGMENTS BACKUPS RUNS
//
// Makes FOLDER/repository and FOLDER/pgkeep.yaml. Server s000 has so many archived segments, backups and runs
// in its journal. All others have what a policy of daily, weekly and monthly backups leaves of a year: s001,
// of which the rest are copies under names of their own. None can be connected to.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <malloc.h>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "tests/support/server_history.h"

// A million files are made, and none has to outlive a power cut: in this program, these take the place of the
// C library's.
extern "C" int fsync(int) {
  return 0;
}
extern "C" int fdatasync(int) {
  return 0;
}

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr int kKeepMemory = 1 << 30;
constexpr HistorySize kModest{.segments = 500, .backups = 36, .deleted = 329, .runs = 730};

std::uint64_t number(const char* text) {
  std::uint64_t value = 0;
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Error(fmt::format("{} is no number", text));
  return value;
}

std::string name_of(std::uint64_t place) {
  return fmt::format("s{:03}", place);
}

void write_configuration(const fs::path& folder, std::uint64_t servers) {
  std::ofstream file(folder / "pgkeep.yaml");
  file << fmt::format(R"(repository: {}
defaults:
  retention:
    keep: {{daily: 14, weekly: 8, monthly: 12, yearly: 2}}
    recovery_window: 14d
  schedule:
    backup: "02:00"
    expire: after backup
servers:
)",
                      (folder / "repository").native());
  for (std::uint64_t place = 0; place < servers; ++place)
    file << fmt::format("  {}:\n    conninfo: host=127.0.0.1 port=1 user=pgkeep\n", name_of(place));
}

void make(const fs::path& folder, std::uint64_t servers, const HistorySize& large) {
  fs::create_directories(folder);
  write_configuration(folder, servers);
  const auto repository = store::Repository::open_or_create(folder / "repository");
  const auto now = io::now();
  std::exception_ptr failure;
  const ServerHistory first(repository, name_of(0), large, now);
  std::thread wal([&] {  // by far the most
    try {
      first.store_wal();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  const auto rest = [](const ServerHistory& history) {
    history.store_backups();
    history.store_deletions();
    history.store_runs();
  };
  try {
    rest(first);
    if (servers > 1) {
      const ServerHistory modest(repository, name_of(1), kModest, now);
      modest.store_wal();
      rest(modest);
      for (std::uint64_t place = 2; place < servers; ++place)
        fs::copy(modest.layout().root(), repository.server(name_of(place)).root(),
                 fs::copy_options::recursive);
    }
  } catch (...) {
    wal.join();
    throw;
  }
  wal.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace
}  // namespace pgkeep::test

int main(int count, char** words) {
  using namespace pgkeep::test;
  if (count != 6) {
    fmt::print(stderr, "use: make_fleet FOLDER SERVERS SEGMENTS BACKUPS RUNS\n");
    return EXIT_FAILURE;
  }
  // Buffers of some megabytes come and go with every backup and segment.
  mallopt(M_MMAP_THRESHOLD, kKeepMemory);
  mallopt(M_TRIM_THRESHOLD, kKeepMemory);
  try {
    const auto backups = number(words[4]);
    make(
        words[1], number(words[2]),
        {.segments = number(words[3]), .backups = backups, .deleted = 3 * backups, .runs = number(words[5])});
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_fleet: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
