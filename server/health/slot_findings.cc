#include <fmt/format.h>

#include "server/health/findings.h"

namespace pgkeep::server {
namespace {

using streaming::SlotView;
using streaming::WalStatus;

constexpr std::chrono::hours kShortIdleTimeout{1};

bool passes_limit(const SlotFacts& facts) {
  return facts.limit > 0 && facts.slot && facts.slot->physical &&
         facts.slot->retained_bytes.value_or(0) >= facts.limit;
}

std::string describe(const std::string& name, const SlotView& slot) {
  const auto status = slot.wal_status.value_or(WalStatus::none);
  auto text =
      fmt::format("{} {}, {}", name, status == WalStatus::none ? "reserves nothing" : to_string(status),
                  slot.active ? "active" : "not active");
  if (!slot.invalidation.empty()) text += fmt::format(" ({})", slot.invalidation);
  if (slot.retained_bytes)
    text += fmt::format(", the server keeps {} for it", io::format_bytes(*slot.retained_bytes));
  if (slot.safe_wal_bytes)
    text += fmt::format(", {} until WAL is lost", io::format_bytes(*slot.safe_wal_bytes));
  return text;
}

std::string describe_kept(const SlotFacts& facts) {
  return fmt::format("the server keeps {} of WAL for the slot",
                     io::format_bytes(facts.slot->retained_bytes.value_or(0)));
}

/// What is wrong with a slot, by what it does for WAL. Empty: nothing.
std::string hint_for(const std::string& name, const SlotView& slot) {
  if (!slot.physical) return fmt::format("{} is a logical slot; choose another name for `slot`", name);
  switch (slot.wal_status.value_or(WalStatus::none)) {
    case WalStatus::lost:
      return "the server has invalidated it; the receiver makes another when it connects, "
             "and a gap in the WAL calls for a new backup, which `pgkeep serve` takes by itself";
    case WalStatus::unreserved:
      return "max_slot_wal_keep_size is passed: the server removes WAL at its next checkpoint that was not "
             "received yet; start the receiver, or see what holds it up";
    case WalStatus::none:
      return "the slot keeps no WAL; drop it and let the receiver make it";
    case WalStatus::reserved:
    case WalStatus::extended:
      break;
  }
  return {};
}

Finding examine_view(const ServerConfig& server, const SlotFacts& facts) {
  Finding finding{.key = "slot", .severity = Severity::failed, .what = {}};
  if (!facts.slot) {
    finding.what = fmt::format("slot {} does not exist", server.slot);
    finding.hint = server.create_slot ? "the receiver makes it when it connects: start `pgkeep serve`"
                                      : fmt::format("make it by `pgkeep create-slot {}`", server.name);
    return finding;
  }
  const auto& slot = *facts.slot;
  finding.what = describe(server.slot, slot);
  finding.hint = hint_for(server.slot, slot);
  if (!finding.hint.empty()) return finding;
  finding.severity = Severity::ok;
  if (!facts.grows || !slot.is(WalStatus::extended)) return finding;
  finding.severity = Severity::warning;
  finding.what += "; that is more than max_wal_size, and it has grown";
  finding.hint = slot.safe_wal_bytes
                     ? "see what holds the receiver up"
                     : "see what holds the receiver up; nothing limits it (max_slot_wal_keep_size)";
  return finding;
}

/// `facts.limit` is set, and what the slot keeps is known.
Finding examine_limit(const ServerConfig& server, const SlotFacts& facts) {
  const auto retained = *facts.slot->retained_bytes;
  const auto limit = io::format_bytes(facts.limit);
  Finding finding{.key = "slot_limit", .what = fmt::format("{} of {}", io::format_bytes(retained), limit)};
  if (retained < facts.limit / 5 * 4) return finding;
  if (!facts.made_here && !passes_limit(facts)) return finding;
  finding.severity = Severity::warning;
  if (!passes_limit(facts)) {
    finding.what = fmt::format("{}; at {} the slot is dropped to protect the server, and WAL is lost",
                               describe_kept(facts), limit);
    finding.hint = "see what holds the receiver up";
    return finding;
  }
  finding.what = why_to_be_dropped(server, facts);
  if (is_to_be_dropped(facts)) {
    finding.severity = Severity::failed;
    finding.hint = "the daemon drops the slot, and takes a new backup of what is lost";
    return finding;
  }
  // It may be anybody's: only who made it may drop it.
  finding.hint =
      "pgkeep has not made the slot, so it is not dropped: when nobody else needs it, drop it "
      "(`pgkeep drop-slot --force`), and pgkeep makes one that it may drop";
  return finding;
}

/// The server keeps WAL for the slot as long as it must, and nobody set an end to that.
bool is_unlimited(const SlotFacts& facts) {
  return facts.limit == 0 && facts.slot && facts.slot->physical && !facts.slot->safe_wal_bytes &&
         (facts.slot->is(WalStatus::reserved) || facts.slot->is(WalStatus::extended));
}

Finding unlimited() {
  return {.key = "slot_keep_size",
          .severity = Severity::advice,
          .what = "unlimited: while nobody receives, the server keeps WAL until its disk is full",
          .hint =
              "set it on the server to what its disk can bear, or `protect_primary` here, "
              "by which the slot is dropped before that"};
}

Finding examine_idle_timeout(std::chrono::seconds timeout) {
  const bool is_short = timeout < kShortIdleTimeout;
  return {.key = "slot_idle_timeout",
          .severity = is_short ? Severity::warning : Severity::advice,
          .what = fmt::format("{} on the server", io::format_duration(timeout)),
          .hint = fmt::format("a receiver that is away that long loses the slot, and with it WAL{}",
                              is_short ? "; set it to 0 or to days" : "")};
}

}  // namespace

bool is_to_be_dropped(const SlotFacts& facts) {
  return passes_limit(facts) && facts.made_here;
}

std::string why_to_be_dropped(const ServerConfig& server, const SlotFacts& facts) {
  return fmt::format("{}, and protect_primary allows {}", describe_kept(facts),
                     io::format_bytes(server.retain_at_most));
}

std::vector<Finding> examine_slot(const ServerConfig& server, const SlotFacts& facts) {
  std::vector<Finding> findings;
  findings.push_back(examine_view(server, facts));
  if (facts.limit > 0 && facts.slot && facts.slot->retained_bytes)
    findings.push_back(examine_limit(server, facts));
  if (is_unlimited(facts)) findings.push_back(unlimited());
  if (facts.idle_timeout) findings.push_back(examine_idle_timeout(*facts.idle_timeout));
  return findings;
}

}  // namespace pgkeep::server
