#include "tests/support/chance.h"

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace pgkeep::test {
namespace {

unsigned seed() {
  const auto seed = seed_of_environment().value_or(20'261'120u);
  std::printf("PGKEEP_SEED=%u\n", seed);
  return seed;
}

}  // namespace

std::optional<unsigned> seed_of_environment() {
  const char* text = std::getenv("PGKEEP_SEED");
  if (text == nullptr) return std::nullopt;
  return static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

int rounds_of_chance() {
  const char* text = std::getenv("PGKEEP_KILLS");
  return text == nullptr ? 10 : std::atoi(text);
}

Chance::Chance() : random_(seed()) {}

int Chance::number(int least, int most) {
  return std::uniform_int_distribution<int>(least, most)(random_);
}

std::chrono::milliseconds Chance::moment(std::chrono::milliseconds within) {
  return std::chrono::milliseconds(number(1, static_cast<int>(within.count())));
}

void Chance::wait(std::chrono::milliseconds within) {
  std::this_thread::sleep_for(moment(within));
}

}  // namespace pgkeep::test
