#include "catalog/wal/wal_replacement.h"

#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/wal/stored_segment_check.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;

}  // namespace

/// Why a copy must not take the place of the damaged segment; empty when it may.
std::string WalReplacement::why_not(const WalSegment& segment, const PushedCopy& copy) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto name = segment.name(size);
  auto left = Joins::not_known;
  std::optional<postgres::WalCarry> carry;
  try {
    SegmentFileReader reader(copy.path);
    carry = reader.header().carry;
    const auto before = archive_->carry_into(segment);
    if (before) left = continues(reader, *before);
    SegmentFileReader whole(copy.path);
    if (archive_->contradicts_partial(segment, whole, size.bytes()))
      return fmt::format("{} differs from what was received of {}", copy.id(), name);
    SegmentFileReader again(copy.path);
    io::read_to_end(again);
  } catch (const Error& error) {
    return error.what();
  }
  const auto right = carry ? archive_->continues(segment.next(), *carry) : Joins::not_known;
  if (left == Joins::no)
    return fmt::format("the records of {} do not continue those of the segment before it", copy.id());
  if (right == Joins::no)
    return fmt::format("the records of {} do not join those of the segment after it", copy.id());
  if (left != Joins::yes && right != Joins::yes)
    return fmt::format("neither the segment before {} nor the one after it is here and sound", name);
  return {};
}

WalReplacement::Offer WalReplacement::offer(const std::optional<WalSegment>& only) const {
  std::map<WalSegment, std::vector<PushedCopy>> copies;
  for (auto& one : waiting_.list())
    if (!only || one.segment == *only) copies[one.segment].push_back(std::move(one.copy));
  Offer offer;
  for (const auto& [segment, waiting] : copies) {
    const auto damage = damage_of(*archive_, segment);
    if (!damage) continue;
    std::vector<Candidate> fit;
    for (const auto& copy : waiting) {
      auto why = why_not(segment, copy);
      why.empty() ? fit.push_back({{segment, copy}, *damage}) : offer.why_not.push_back(std::move(why));
    }
    if (fit.size() == 1) offer.segments.push_back(std::move(fit.front()));
    if (fit.size() > 1) {
      offer.why_not.push_back(
          fmt::format("{} different copies of {} would do; "
                      "`pgkeep pushed-wal` lists them, and deletes those that are wrong",
                      fit.size(), segment.name(archive_->identity().wal_segment_size)));
    }
  }
  return offer;
}

std::filesystem::path WalReplacement::damaged_file(const WalSegment& segment, unsigned number) const {
  auto place = archive_->layout().archived(segment, archive_->identity().wal_segment_size);
  return place.replace_extension(fmt::format(".damaged.{}", number));
}

/// Under a name that nothing has: what was set aside before stays too.
std::filesystem::path WalReplacement::place_for_damaged(const WalSegment& segment) const {
  for (unsigned number = 1;; ++number)
    if (auto place = damaged_file(segment, number); !io::is_there(place)) return place;
}

SegmentFileHeader WalReplacement::take(const Candidate& candidate, const WaitingWal::Record& record) {
  const auto& [segment, copy] = candidate.waiting;
  const auto& layout = archive_->layout();
  const auto size = archive_->identity().wal_segment_size;
  const auto name = segment.name(size);
  SegmentFileHeader header;
  {
    // From the look at both to the end: the archived one may have been replaced since it was offered.
    const WalArchiveWriter writer(*archive_);
    const auto damage = damage_of(*archive_, segment);
    const auto why = damage ? why_not(segment, copy) : fmt::format("{} is not damaged any more", name);
    if (!why.empty()) throw Refused(fmt::format("{}; nothing was changed", why));
    header = SegmentFileReader(copy.path).header();
    const auto place = layout.archived(segment, size);
    const auto aside = place_for_damaged(segment);
    // Recorded first, so that no WAL that the stream did not bring is in the archive without a trace.
    record({io::now(), EventKind::adopted,
            fmt::format("the archived {} is damaged ({}) and is set aside as {}; "
                        "the copy of it that was pushed takes its place, "
                        "as an operator decided (`pgkeep adopt-wal`)",
                        name, *damage, aside.native()),
            WalRange{segment.timeline, segment.begin(size), segment.end(size)}});
    if (const auto event = event_in(header)) record(*event);
    // The damaged one goes first, and durably: nothing may be renamed over it. Killed after that, there is a
    // gap that the copy, which joins its neighbours, fills with the next session of the stream.
    io::rename_durably(place, aside);
    io::rename_durably(copy.path, place);
    writer.sync_name(segment);
  }
  waiting_.settle(segment, record);  // other copies of it become conflicts; what fails waits on
  return header;
}

}  // namespace pgkeep::catalog
