#include "catalog/verify/small_files.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/records/made_slots.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/pack_set.h"
#include "catalog/wal/held_wal.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/stored_segment_check.h"

namespace pgkeep::catalog {
namespace {

class Examination {
 public:
  explicit Examination(const store::ServerLayout& layout) : layout_(layout) {}

  std::vector<std::string> run() {
    attempt([&] { store::read_suspects(layout_); });
    attempt([&] { store::read_chain_head(layout_); });
    attempt([&] { MadeSlots(layout_).read(); });
    attempt([&] { examine_chain(); });
    for (const auto& line : read_set_aside_lines(layout_))
      if (!line.damage.empty()) found_.push_back(line.damage);
    for (const auto& line : layouts_of_lines(layout_)) attempt([&] { examine_wal(line); });
    return std::move(found_);
  }

 private:
  template <typename Part>
  void attempt(Part&& part) {
    try {
      part();
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      found_.emplace_back(error.what());
    }
  }

  void examine_chain() {
    for (const auto& backup : store::list_backup_records(layout_).unread)
      if (!backup.denied) found_.push_back(describe(backup));
    const auto chain = store::examine_chain(layout_);
    for (const auto& missing : chain.missing) found_.push_back(describe(missing));
    for (const auto& replaced : chain.replaced) found_.push_back(describe(replaced));
  }

  void examine_wal(const store::ServerLayout& line) {
    const auto identity = read_identity(line);
    if (!identity) return;
    const WalArchive archive(line, *identity);
    const auto held = HeldWal::read(archive);
    const auto& names = held.names();
    for (const auto& [timeline, damage] : names.damaged_histories) found_.push_back(damage);
    for (const auto timeline : timelines_of(held)) {
      if (timeline == postgres::TimelineId(1) || names.histories.contains(timeline) ||
          names.damaged_histories.contains(timeline))
        continue;
      found_.push_back(describe_missing_history(line, timeline));
    }
    auto gaps = gaps_in(line, held);
    if (gaps.empty()) return;
    // Not those that there were only while old WAL was being removed.
    const auto again = gaps_in(line, HeldWal::read(archive));
    std::set_intersection(gaps.begin(), gaps.end(), again.begin(), again.end(), std::back_inserter(found_));
  }

  static std::set<postgres::TimelineId> timelines_of(const HeldWal& held) {
    std::set<postgres::TimelineId> timelines;
    for (const auto& range : held.ranges()) timelines.insert(range.timeline);
    return timelines;
  }

  /// Each once: lines of timelines have stretches in common.
  static std::set<std::string> gaps_in(const store::ServerLayout& line, const HeldWal& held) {
    const auto events = EventJournal(line).read();
    std::set<std::string> gaps;
    for (const auto timeline : timelines_of(held)) {
      for (const auto& gap : held.along(held.names().line_of(timeline)).gaps(events)) {
        if (gap.event) continue;
        gaps.insert(
            fmt::format("{}: WAL from {} to {} of timeline {} is missing between other WAL, and nothing "
                        "tells that it is lost",
                        line.wal().native(), gap.range.begin.to_string(), gap.range.end.to_string(),
                        gap.range.timeline.to_string()));
      }
    }
    return gaps;
  }

  store::ServerLayout layout_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> examine_small_files(const store::ServerLayout& layout) {
  return Examination(layout).run();
}

}  // namespace pgkeep::catalog
