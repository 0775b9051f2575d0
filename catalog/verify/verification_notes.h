#pragma once

#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include "catalog/io/guarded.h"
#include "catalog/store/repository.h"
#include "catalog/verify/stored_units.h"

namespace pgkeep::catalog {

/// Says better which files are concerned, for people: each of the paths, or more than that, in their order.
using NameFiles = std::function<std::vector<std::string>(std::vector<std::string> paths)>;

/// What one verification adds to what is remembered. Thread-safe.
class VerificationNotes {
 public:
  /// So much damage is remembered; of more, that there is.
  static constexpr std::size_t kMostDamage = 1000;

  /// What is read back has `began` as its time.
  VerificationNotes(VerificationMemory memory, io::TimePoint began)
      : began_(began),
        before_(memory.damage()),
        state_(State{.memory = std::move(memory), .damaged = {}, .sound_again = {}}) {}

  void sound(const StoredUnit& unit);
  void damaged(StoredDamage damage);
  /// Damage that was known and not found again has gone with what was damaged, or was mended; but not that of
  /// WAL of a line that is in `unseen`. `units`: all there are.
  void forget_others(const std::vector<StoredUnit>& units, const std::set<std::optional<unsigned>>& unseen);
  /// Whom the damage concerns. What is damaged of a pack and no backup needs is forgotten, unless it is not
  /// known what each backup needs.
  void attribute(const store::Repository& repository, const store::ServerLayout& layout,
                 const NameFiles& name, bool needs_are_known, const std::stop_token& stop);
  /// Durable when it returns.
  void save(const store::ServerLayout& layout) const;

  VerificationMemory memory() const {
    return state_.with([](const State& state) { return state.memory; });
  }
  std::vector<std::string> sound_again() const {
    return state_.with([](const State& state) { return state.sound_again; });
  }
  /// Damage beyond what is remembered.
  std::uint64_t beyond() const {
    return state_.with([](const State& state) { return state.beyond; });
  }

 private:
  using Key = std::tuple<StoredKind, std::string, std::optional<unsigned>>;
  struct State {
    VerificationMemory memory;
    std::set<Key> damaged;  // found by this verification
    std::vector<std::string> sound_again;
    std::uint64_t beyond = 0;
  };

  io::TimePoint began_;
  std::vector<StoredDamage> before_;
  io::Guarded<State> state_;
};

}  // namespace pgkeep::catalog
