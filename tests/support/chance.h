#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace pgkeep::test {

/// How often a test that fails things at random does so: 10 times, or the environment's PGKEEP_KILLS, which
/// makes a longer night of it.
int rounds_of_chance();

/// PGKEEP_SEED of the environment.
std::optional<unsigned> seed_of_environment();

/// What happens at random in a test. The seed is the same in every run unless PGKEEP_SEED says otherwise, and
/// is printed.
class Chance {
 public:
  Chance();
  /// The test chooses the seed.
  explicit Chance(unsigned seed) : random_(seed) {}

  /// From `least` to `most`, both included.
  int number(int least, int most);
  bool coin() { return number(0, 1) == 1; }
  /// Each as often as its weight says; some are not zero.
  template <typename Choice>
  Choice one_of(const std::vector<std::pair<int, Choice>>& choices) {
    int total = 0;
    for (const auto& [weight, choice] : choices) total += weight;
    auto chosen = number(1, total);
    auto at = choices.begin();
    for (; chosen > at->first; ++at) chosen -= at->first;
    return at->second;
  }
  std::chrono::milliseconds moment(std::chrono::milliseconds within);
  /// Lets such a moment pass. Only where time itself is what is tested: when a kill or a cut comes.
  void wait(std::chrono::milliseconds within);

 private:
  std::mt19937 random_;
};

}  // namespace pgkeep::test
