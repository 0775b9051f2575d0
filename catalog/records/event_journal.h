#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/records/wal_range.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What happened to a server's WAL that somebody has to know later: with its cause, when it was noticed.
enum class EventKind : std::uint8_t {
  gap,            // WAL is missing and cannot be had any more: `range`
  slot_created,   // by us, or again after it was lost
  slot_dropped,   // by us
  slot_lost,      // the server invalidated it
  slot_given_up,  // protect_primary: it held back too much
  branch_left,    // the server left a timeline before the end of what was received of it: `range` is off its
                  // line
  split_brain,    // a server claims a timeline that was left: nothing of it is stored
  conflict,       // WAL was pushed that differs from what is stored
  rolled_back,    // a server has another history of its timeline than was received: `range` is not on it. No
                  // WAL is received until somebody decides (see undecided_rollback())
  unproved,       // a server continued where its history could not be compared with what is held
  minimal_wal,    // the WAL of `range` was written with wal_level = minimal: no recovery passes it
  line_kept,      // decided: what is held is the right history, and the server was the wrong one
  line_begun,     // decided: what was held is set aside, and this journal is that of a new line
  adopted,        // pushed WAL was taken into the archive: `range`; proved by its neighbours, or decided.
                  // Without a range: that it is going to be, or why no more of it was
  removed,        // retention let go of the WAL of `range`, from between backups that keep no more than what
                  // makes them consistent: nobody looks for it, and it is not lost. Noted before it goes, so
                  // that some of it may be held
};
std::string_view to_string(EventKind kind);
std::optional<EventKind> parse_event_kind(std::string_view text);

struct Event {
  io::TimePoint at;
  EventKind kind = EventKind::gap;
  std::string cause;              // one line for people
  std::optional<WalRange> range;  // the WAL it is about
  bool operator==(const Event&) const = default;
};

/// The newest rolled_back about which nobody has decided since; null when there is none. `events`: oldest
/// first.
const Event* undecided_rollback(std::span<const Event> events);

/// events.jsonl: an append-only journal beside runs.jsonl and written like it, one sealed JSON object
/// (io/sealed_json.h) a line:
///
///     {"at":RFC 3339,"kind":…,"cause":…,"timeline":number or null,"begin":LSN or null,"end":LSN or null}
///
/// A line that was cut by a crash or damaged, or has a kind that this program does not know, is passed over.
/// Thread-safe; several processes may append.
class EventJournal {
 public:
  explicit EventJournal(store::ServerLayout layout) : layout_(std::move(layout)) {}
  /// So many of a kind are looked at: several servers may say the same of each other, in turns.
  static constexpr int kRemembered = 32;
  /// Durable before it returns. Throws Busy when another process holds the journal for io::kLockPatience. An
  /// event that repeats one of the newest kRemembered of its kind, with the
  /// same cause and range, is not written again: what is tried again for ever would fill the disk. False
  /// then. Not so what was done to a slot, a decision, and a rolled_back that was decided about since.
  bool append(const Event& event);
  /// All, oldest first.
  std::vector<Event> read() const;

 private:
  store::ServerLayout layout_;
};

}  // namespace pgkeep::catalog
