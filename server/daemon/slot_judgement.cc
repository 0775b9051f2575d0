#include "server/daemon/slot_judgement.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using streaming::WalStatus;

constexpr std::chrono::hours kShortIdleTimeout{1};

/// Each function looks at one thing. `verdict.warning` is of the gravest: the last that sets it wins.
void judge_idle_timeout(const SlotFacts& now, SlotMemory& memory, SlotVerdict& verdict) {
  const bool is_short = now.idle_timeout && *now.idle_timeout < kShortIdleTimeout;
  if (is_short) {
    const auto text = fmt::format(
        "idle_replication_slot_timeout is {} on the server: "
        "when pgkeep is away for longer, the slot is lost, and with it WAL; set it to 0 or to days",
        io::format_duration(*now.idle_timeout));
    if (!memory.said_idle_timeout) verdict.lines.push_back({false, text});
    verdict.warning = text;
  }
  memory.said_idle_timeout = is_short;
}

void judge_status(const SlotFacts& now, SlotMemory& memory, SlotVerdict& verdict) {
  const auto& slot = *now.slot;
  const auto retained = slot.retained_bytes.value_or(0);
  if (slot.wal_status != memory.wal_status) memory.loss_to_act_on = slot.is(WalStatus::lost);
  verdict.lost = memory.loss_to_act_on;
  if (slot.is(WalStatus::unreserved)) {
    verdict.warning = fmt::format(
        "the server will remove WAL at its next checkpoint that is not stored here yet ({} are not): "
        "max_slot_wal_keep_size is passed",
        io::format_bytes(retained));
    if (!memory.said_unreserved) verdict.lines.push_back({true, verdict.warning});
  }
  memory.said_unreserved = slot.is(WalStatus::unreserved);
  const bool growing = slot.is(WalStatus::extended) && memory.wal_status == WalStatus::extended &&
                       retained > memory.retained_bytes && retained > 0;
  if (growing) {
    verdict.warning = fmt::format(
        "the server keeps {} of WAL for the slot, more than max_wal_size, and it grows{}",
        io::format_bytes(retained),
        slot.safe_wal_bytes
            ? fmt::format("; {} more and the slot is lost", io::format_bytes(*slot.safe_wal_bytes))
            : "; nothing limits it (max_slot_wal_keep_size)");
    if (!memory.said_growing) verdict.lines.push_back({false, verdict.warning});
    memory.said_growing = true;
  }
  if (slot.is(WalStatus::reserved)) memory.said_growing = false;
}

/// It may be anybody's: only who made it may drop it.
void judge_limit_of_others(std::uint64_t retained, std::uint64_t limit, SlotMemory& memory,
                           SlotVerdict& verdict) {
  const bool passed = retained >= limit;
  if (passed) {
    verdict.warning = fmt::format(
        "the server keeps {} of WAL for the slot, and protect_primary allows {}; "
        "pgkeep has not made the slot, so it is not given up: "
        "when nobody else needs it, drop it (`pgkeep drop-slot --force`), "
        "and pgkeep makes one that it may drop",
        io::format_bytes(retained), io::format_bytes(limit));
    if (!memory.said_not_ours) verdict.lines.push_back({false, verdict.warning});
  }
  memory.said_not_ours = passed;
}

void judge_limit(const SlotFacts& now, std::uint64_t retain_at_most, SlotMemory& memory,
                 SlotVerdict& verdict) {
  if (retain_at_most == 0 || !now.slot->retained_bytes) return;
  const auto retained = *now.slot->retained_bytes;
  if (std::exchange(memory.given_up, false)) memory.limit_after_giving_up = retained + retain_at_most;
  if (retained < retain_at_most / 2) memory.limit_after_giving_up.reset();
  const auto limit = std::max(retain_at_most, memory.limit_after_giving_up.value_or(0));
  if (!now.made_here) return judge_limit_of_others(retained, retain_at_most, memory, verdict);
  if (retained >= limit) {
    verdict.give_up = fmt::format("the server kept {} of WAL for the slot, and protect_primary allows {}",
                                  io::format_bytes(retained), io::format_bytes(retain_at_most));
    verdict.warning = *verdict.give_up;
    return;
  }
  const bool near = retained >= limit / 5 * 4;
  if (near) {
    verdict.warning = fmt::format(
        "the server keeps {} of WAL for the slot; "
        "at {} it is given up to protect the server (protect_primary), and WAL is lost",
        io::format_bytes(retained), io::format_bytes(limit));
    if (!memory.said_near_limit) verdict.lines.push_back({true, verdict.warning});
  }
  memory.said_near_limit = near;
}

}  // namespace

SlotVerdict judge_slot(const SlotFacts& now, std::uint64_t retain_at_most, SlotMemory& memory) {
  SlotVerdict verdict;
  if (!now.slot) {
    SlotMemory kept;
    kept.said_idle_timeout = memory.said_idle_timeout;
    kept.given_up = memory.given_up;
    kept.limit_after_giving_up = memory.limit_after_giving_up;
    memory = kept;
    return verdict;
  }
  judge_idle_timeout(now, memory, verdict);
  judge_status(now, memory, verdict);
  judge_limit(now, retain_at_most, memory, verdict);
  memory.wal_status = now.slot->wal_status;
  memory.retained_bytes = now.slot->retained_bytes.value_or(0);
  return verdict;
}

}  // namespace pgkeep::server
