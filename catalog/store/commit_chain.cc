#include "catalog/store/commit_chain.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/sealed_json.h"
#include "catalog/store/json.h"

namespace pgkeep::store {
namespace {

/// As many readers of JSON know whole numbers.
constexpr std::uint64_t kHighestSequence = std::uint64_t{1} << 53;

constexpr std::uint64_t kMaxHeadBytes = 1u << 16;

/// One backup of which the number is known.
struct Known {
  std::optional<BackupId> id;            // nothing: it was given up as missing
  std::optional<std::string> sha256{};   // of its record
  const BackupRecord* record = nullptr;  // null: it was deleted
};

/// The backups of a server of which the number is known, by number. Two may have one number: where the newest
/// could not be read, or not be found, when the next was taken, and came back later.
class Chain {
 public:
  Chain(const BackupListing& listing, std::span<const Deletion> deletions,
        const std::optional<ChainHead>& head)
      : head_(head) {
    for (const auto& backup : listing.unread) unnumbered_.insert(backup.id);
    for (const auto& deletion : deletions) {
      if (deletion.sequence)
        known_.emplace(*deletion.sequence, Known{deletion.id, deletion.record_sha256});
      else if (deletion.id)
        unnumbered_.insert(*deletion.id);
    }
    for (const auto& record : listing.backups) {
      known_.emplace(record.sequence, Known{record.id, record.record_sha256, &record});
      unnumbered_.erase(record.id);  // its deletion was cut, and its record can be read again
    }
  }

  /// Backups of which it is not known which number they have.
  std::uint64_t unnumbered() const { return unnumbered_.size(); }
  /// The link after the newest, whether that is there, was deleted or is missing.
  ChainLink next() const {
    std::uint64_t newest = 0;
    std::optional<std::string> sha256;
    if (!known_.empty()) {
      newest = known_.rbegin()->first;
      sha256 = known_.rbegin()->second.sha256;
    }
    if (head_ && head_->sequence > newest) {
      newest = head_->sequence;
      sha256 = head_->record_sha256;
    }
    return {.sequence = newest + 1, .previous_record_sha256 = sha256};
  }

  std::vector<MissingBackups> missing() const {
    std::vector<MissingBackups> found;
    std::uint64_t expected = 1;
    std::optional<BackupId> before;
    for (const auto& [sequence, known] : known_) {
      if (sequence > expected) found.push_back({expected, sequence - 1, before, known.id});
      expected = sequence + 1;
      if (known.id) before = known.id;
    }
    if (head_ && head_->sequence >= expected)
      found.push_back({expected, head_->sequence, before, {}, head_->id});
    return found;
  }

  std::vector<ReplacedRecord> replaced() const {
    std::vector<ReplacedRecord> found;
    for (const auto& [sequence, known] : known_) {
      if (known.record == nullptr || !known.record->previous_record_sha256) continue;
      const auto* other = other_record(sequence - 1, *known.record->previous_record_sha256);
      if (other != nullptr) found.push_back({other->id, known.record->id});
    }
    if (head_)
      if (const auto* other = other_record(head_->sequence, head_->record_sha256))
        found.push_back({other->id, {}});
    return found;
  }

 private:
  /// The record with that number, when it is known and none with the number has that digest.
  const BackupRecord* other_record(std::uint64_t sequence, const std::string& sha256) const {
    const BackupRecord* other = nullptr;
    for (auto at = known_.lower_bound(sequence); at != known_.end() && at->first == sequence; ++at) {
      if (at->second.sha256 == sha256) return nullptr;
      if (at->second.record != nullptr) other = at->second.record;
    }
    return other;
  }

  std::multimap<std::uint64_t, Known> known_;
  std::set<BackupId> unnumbered_;
  std::optional<ChainHead> head_;
};

}  // namespace

std::optional<ChainHead> read_chain_head(const ServerLayout& layout) {
  const auto parse = [](const nlohmann::json& json) {
    ChainHead head{.sequence = io::whole_number<std::uint64_t>(json.at("sequence")),
                   .id = json.at("id").get<BackupId>(),
                   .record_sha256 = json.at("record_sha256").get<std::string>()};
    require_possible(head.sequence);
    return head;
  };
  return io::read_sealed_json(
      layout.chain_head(), kMaxHeadBytes,
      "it tells which backup is the newest. Remove it; the next backup writes another", parse);
}

std::optional<ChainHead> sound_chain_head(const ServerLayout& layout) {
  try {
    return read_chain_head(layout);
  } catch (const Error& error) {
    if (!is_damage(error) && !is_denied(error)) throw;
    return std::nullopt;
  }
}

void write_chain_head(const ServerLayout& layout, const ChainHead& head) {
  io::write_sealed_json(
      layout.chain_head(),
      {{"sequence", head.sequence}, {"id", head.id}, {"record_sha256", head.record_sha256}});
}

ChainReport examine_chain(const BackupListing& listing, std::span<const Deletion> deletions,
                          const std::optional<ChainHead>& head) {
  const Chain chain(listing, deletions, head);
  ChainReport report{
      .missing = chain.missing(), .unnumbered = chain.unnumbered(), .replaced = chain.replaced()};
  std::uint64_t count = 0;
  for (const auto& stretch : report.missing) count += stretch.last - stretch.first + 1;
  if (count <= report.unnumbered) report.missing.clear();
  return report;
}

ChainReport examine_chain(const ServerLayout& layout) {
  const auto head = sound_chain_head(layout);
  // The records before the deletions: one that is deleted meanwhile was noted before it went.
  const auto listing = list_backup_records(layout);
  return examine_chain(listing, read_deletions(layout), head);
}

std::string describe(const MissingBackups& missing) {
  const auto numbers = missing.first == missing.last
                           ? fmt::format("backup number {}", missing.first)
                           : fmt::format("backups number {} to {}", missing.first, missing.last);
  const auto before = missing.before ? ", taken after " + missing.before->to_string() : std::string();
  const auto after = missing.after ? fmt::format("{} before {}", missing.before ? " and" : ", taken",
                                                 missing.after->to_string())
                                   : std::string();
  const bool is_one = missing.first == missing.last;
  const auto id = missing.last_id
                      ? fmt::format(" ({}{})", is_one ? "" : "the last is ", missing.last_id->to_string())
                      : std::string();
  return fmt::format("{}{}{}{}, {} neither there nor deleted", numbers, id, before, after,
                     is_one ? "is" : "are");
}

std::string describe(const ReplacedRecord& replaced) {
  if (!replaced.next)
    return fmt::format("the record of backup {} is not the one that was committed, as chain.json says",
                       replaced.id.to_string());
  return fmt::format(
      "the record of backup {} is not the one after which backup {} was taken: one of the two "
      "was changed or replaced",
      replaced.id.to_string(), replaced.next->to_string());
}

void require_possible(std::uint64_t sequence) {
  if (sequence == 0 || sequence > kHighestSequence)
    throw std::invalid_argument(fmt::format("{} is no number of a backup", sequence));
}

ChainLink next_link(const BackupListing& listing, std::span<const Deletion> deletions,
                    const std::optional<ChainHead>& head) {
  const auto link = Chain(listing, deletions, head).next();
  if (link.sequence > kHighestSequence) {
    throw Refused(fmt::format(
        "a commit record, chain.json or deletions.jsonl says that backup number {} was taken, and there are "
        "no numbers after that. No server comes so far by itself: remove what says so",
        link.sequence - 1));
  }
  return link;
}

}  // namespace pgkeep::store
