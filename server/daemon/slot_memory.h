#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "server/health/finding.h"
#include "server/health/slot_facts.h"

namespace pgkeep::server {

/// What earlier looks at a slot tell about it. Touches nothing.
struct SlotMemory {
  std::optional<streaming::WalStatus> wal_status;
  std::uint64_t retained_bytes = 0;
  bool grows = false;           // since it was well
  bool loss_to_act_on = false;  // the server has invalidated it: until who acts on that resets it
  bool given_up = false;        // set by who has dropped it, for the next look
  /// The slot that is made after one was given up may keep much from the beginning, which giving up again
  /// would not change; so that much more.
  std::optional<std::uint64_t> limit_after_giving_up;
  std::vector<Finding> findings;  // of the last look that found the slot

  /// Fills in what only earlier looks tell, and remembers this one. `retain_at_most`: protect_primary's limit
  /// in bytes, 0: none.
  void see(SlotFacts& now, std::uint64_t retain_at_most);
};

}  // namespace pgkeep::server
