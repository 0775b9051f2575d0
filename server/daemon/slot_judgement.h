#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/health/slot_facts.h"

namespace pgkeep::server {

/// What is known of a slot from earlier looks, so that each thing is said once.
struct SlotMemory {
  std::optional<streaming::WalStatus> wal_status;
  std::uint64_t retained_bytes = 0;
  bool said_growing = false;
  bool said_unreserved = false;
  bool said_idle_timeout = false;
  bool said_near_limit = false;
  bool said_not_ours = false;
  bool loss_to_act_on = false;  // until who acts on it resets it
  bool given_up = false;        // set by who has dropped it, for the next look
  /// The slot that is made after one was given up may keep much from the beginning, which giving up again
  /// would not change; so that much more.
  std::optional<std::uint64_t> limit_after_giving_up;
};

/// What is to be said and done after a look. Pure data.
struct SlotVerdict {
  struct Line {
    bool grave = false;
    std::string text;
  };
  std::vector<Line> lines;
  std::string warning;                 // for the report, as long as it holds; empty: nothing
  bool lost = false;                   // and nobody has acted on it yet: it has to be made anew
  std::optional<std::string> give_up;  // why: it keeps more than may be
};

/// `retain_at_most`: protect_primary's limit in bytes, 0: none.
SlotVerdict judge_slot(const SlotFacts& now, std::uint64_t retain_at_most, SlotMemory& memory);

}  // namespace pgkeep::server
