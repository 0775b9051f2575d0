#include "streaming/backup/room_for_backup.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/units.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kBackupsThatTell = 7;
// Of what a server has, zstd leaves a half at most as a rule. One that takes more ends at the reserve.
constexpr std::uint64_t kCompressedTo = 2;

std::uint64_t added_by(const store::BackupRecord& backup) {
  return add_up(backup.cost.pack_bytes, backup.cost.metadata_bytes);
}

std::string describe_sources(std::span<const store::BackupRecord* const> newest_first) {
  const auto newest = newest_first.front()->id.to_string();
  if (newest_first.size() == 1) return fmt::format("as backup {} added", newest);
  return fmt::format("the median of the last {} backups, {} to {}", newest_first.size(),
                     newest_first.back()->id.to_string(), newest);
}

std::string way_out(const std::string& server) {
  return fmt::format(
      "Make room: `pgkeep expire {0}`, `pgkeep compact {0}` (`--dry-run` tells what they free), "
      "`pgkeep delete {0} BACKUP --now` (`pgkeep list-backups {0}` tells what each frees), or a larger disk; "
      "see the runbook \"The disk is nearly full\"",
      server);
}

std::string describe_reserve(const RoomFacts& facts) {
  return fmt::format("the reserve of {} that is kept for WAL", describe(facts.reserve, facts.disk));
}

}  // namespace

std::uint64_t add_up(std::uint64_t a, std::uint64_t b) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  return b > kMost - a ? kMost : a + b;
}

std::optional<ExpectedGrowth> expected_growth(std::span<const store::BackupRecord> backups) {
  std::vector<const store::BackupRecord*> newest;
  for (auto backup = backups.rbegin(); backup != backups.rend() && newest.size() < kBackupsThatTell; ++backup)
    if (backup->compared_with && backup->checksum_failures == 0) newest.push_back(&*backup);
  if (newest.empty()) return std::nullopt;
  std::vector<std::uint64_t> added;
  for (const auto* backup : newest) added.push_back(added_by(*backup));
  const auto median = added.begin() + static_cast<std::ptrdiff_t>((added.size() - 1) / 2);
  std::ranges::nth_element(added, median);
  return ExpectedGrowth{.bytes = *median, .why = describe_sources(newest)};
}

ExpectedGrowth growth_of_first(std::uint64_t announced_bytes) {
  return {.bytes = announced_bytes / kCompressedTo,
          .why = fmt::format("half of the {} that the server has, since it is stored compressed",
                             io::format_bytes(announced_bytes))};
}

std::optional<std::string> why_not_begun(const RoomFacts& facts, const ExpectedGrowth& growth) {
  const auto wanted = add_up(facts.reserve.bytes_of(facts.disk), growth.bytes);
  if (facts.reserve.amount == 0 || facts.disk.free >= wanted) return std::nullopt;
  const auto expected = growth.bytes == 0 ? std::string()
                                          : fmt::format(" and {} that the backup is expected to add ({})",
                                                        io::format_bytes(growth.bytes), growth.why);
  return fmt::format("{}: no backup of {} is taken, since {} are free and {} are wanted: {}{}. {}",
                     facts.root.native(), facts.server, io::format_bytes(facts.disk.free),
                     io::format_bytes(wanted), describe_reserve(facts), expected, way_out(facts.server));
}

std::optional<std::string> why_ended(const RoomFacts& facts) {
  if (facts.reserve.amount == 0 || facts.disk.free >= facts.reserve.bytes_of(facts.disk)) return std::nullopt;
  return fmt::format(
      "{}: the backup of {} is ended and nothing of it is kept, since {} are free, which is less than {}. {}",
      facts.root.native(), facts.server, io::format_bytes(facts.disk.free), describe_reserve(facts),
      way_out(facts.server));
}

}  // namespace pgkeep::streaming
