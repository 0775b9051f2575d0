// What the archive makes of random histories on the level of the WAL, thousands of them: pages and records as
// PostgreSQL writes them, sent by a walsender over loopback to the receiver that is shipped.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <malloc.h>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/judgement/story.h"
#include "tests/support/chance.h"

namespace pgkeep::test {
namespace {

constexpr unsigned kFirstSeed = 1;
constexpr unsigned kHistories = 1000;
constexpr int kStepsOfAHistory = 9;
constexpr std::size_t kMostTold = 3;
constexpr unsigned kPlayers = 4;  // at a time: each mostly waits for a message or a thread

/// As many as PGKEEP_HISTORIES says, from PGKEEP_SEED on; one when only the seed is given.
unsigned number_of_histories() {
  if (const char* number = std::getenv("PGKEEP_HISTORIES"))
    return static_cast<unsigned>(std::strtoul(number, nullptr, 10));
  return seed_of_environment() ? 1 : kHistories;
}

/// What all stories come to.
class Results {
 public:
  void add(unsigned seed, const Story& story, const std::string& broken_off, const Tally& tally, bool tell) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [what, times] : tally) tally_[what] += times;
    const bool bad = !story.faults().empty() || !broken_off.empty();
    if (bad) {
      red_.insert(seed);
      ADD_FAILURE() << "PGKEEP_SEED=" << seed << ": "
                    << (story.faults().empty() ? broken_off : story.faults().front());
    }
    if (tell || (bad && red_.size() <= kMostTold))
      fmt::print("PGKEEP_SEED={}:\n{}{}\n", seed, story.told(), broken_off);
  }
  void print() const {
    fmt::print("red seeds ({}): {}\n", red_.size(), fmt::join(red_, " "));
    for (const auto& [what, times] : tally_) fmt::print("  {:6} {}\n", times, what);
  }

 private:
  std::mutex mutex_;
  std::set<unsigned> red_;
  Tally tally_;
};

TEST(Judgement, AcceptsNothingThatNoServerHadAndLosesNothingThatWasAcknowledged) {
  const auto first = seed_of_environment().value_or(kFirstSeed);
  const auto number = number_of_histories();
  std::atomic<unsigned> next = first;
  Results results;
  const auto play = [&] {
    streaming::WalWorkers workers(1, 1);
    for (auto seed = next++; seed < first + number; seed = next++) {
      Tally tally;
      std::string broken_off;
      Story story(seed, workers, tally);
      try {
        story.run(kStepsOfAHistory);
      } catch (const std::exception& failure) {
        broken_off = failure.what();
      }
      results.add(seed, story, broken_off, tally, number == 1);
    }
  };
  {
    std::vector<std::jthread> players;
    for (unsigned i = 0; i < std::min(number, kPlayers); ++i) players.emplace_back(play);
  }
  results.print();
}

}  // namespace
}  // namespace pgkeep::test

/// What is kept in memory is synced at once: thousands of histories on a disk would take hours.
int main(int count, char** arguments) {
  // Servers are copied all the time: what is freed is not given back to the system each time.
  ::mallopt(M_MMAP_THRESHOLD, 256 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::testing::InitGoogleTest(&count, arguments);
  if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm"))
    ::setenv("TMPDIR", "/dev/shm", 1);
  return RUN_ALL_TESTS();
}
