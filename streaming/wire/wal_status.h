#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pgkeep::streaming {

/// What a slot does for WAL that was not sent over it yet: wal_status of pg_replication_slots.
enum class WalStatus : std::uint8_t {
  none,        // it never held any back
  reserved,    // all of it is kept
  extended,    // more of it than max_wal_size
  unreserved,  // more than max_slot_wal_keep_size: it is removed at the next checkpoint
  lost,        // the server has invalidated the slot
};
/// PostgreSQL's word; empty for `none`.
std::string_view to_string(WalStatus status);
std::optional<WalStatus> parse_wal_status(std::string_view text);

}  // namespace pgkeep::streaming
