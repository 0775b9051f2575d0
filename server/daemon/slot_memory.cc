#include "server/daemon/slot_memory.h"

#include <algorithm>
#include <utility>

namespace pgkeep::server {

using streaming::WalStatus;

void SlotMemory::see(SlotFacts& now, std::uint64_t retain_at_most) {
  if (!now.slot || !now.slot->physical) {
    wal_status.reset();
    retained_bytes = 0;
    grows = loss_to_act_on = false;
    return;
  }
  const auto& slot = *now.slot;
  const auto retained = slot.retained_bytes.value_or(0);
  if (slot.wal_status != wal_status) loss_to_act_on = slot.is(WalStatus::lost);
  if (slot.is(WalStatus::extended) && wal_status == WalStatus::extended && retained > retained_bytes)
    grows = true;
  if (slot.is(WalStatus::reserved)) grows = false;
  now.grows = grows;
  wal_status = slot.wal_status;
  retained_bytes = retained;
  if (retain_at_most == 0 || !slot.retained_bytes) return;
  if (std::exchange(given_up, false)) limit_after_giving_up = retained + retain_at_most;
  if (retained < retain_at_most / 2) limit_after_giving_up.reset();
  now.limit = now.made_here ? std::max(retain_at_most, limit_after_giving_up.value_or(0)) : retain_at_most;
}

}  // namespace pgkeep::server
