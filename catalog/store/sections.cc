#include "catalog/store/sections.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::store {

bool begins_section(std::string_view key, std::uint32_t mean) {
  return (io::crc32c(io::as_bytes(key)) & (mean - 1)) == 0;
}

SectionWriter::SectionWriter(const Repository& repository, PackSeries& packs, PackSet* previous,
                             int compression_level)
    : packs_(&packs), encoder_(repository.digest_key(), previous, compression_level) {
  if (previous != nullptr) previous_.emplace(*previous);
}

bool SectionWriter::reads_back(ObjectRef ref, io::ByteView expected) {
  read_.resize(expected.size());
  try {
    previous_->read(ref, read_);
    return std::ranges::equal(read_, expected);
  } catch (const Corruption&) {
    return false;
  }
}

const Section* SectionWriter::same(const SectionList& before, std::string_view first) {
  if (looked_up_ != &before) {
    looked_up_ = &before;
    by_key_.clear();
    for (const auto& section : before) by_key_.emplace(section.first, &section);
  }
  const auto found = by_key_.find(first);
  return found == by_key_.end() ? nullptr : found->second;
}

Section SectionWriter::store(std::string first, io::ByteView bytes, std::uint32_t entries,
                             const SectionList& before) {
  if (bytes.empty() || bytes.size() > kPieceBytes)
    throw std::logic_error(fmt::format("a section of {} bytes", bytes.size()));
  std::optional<PreviousPiece> previous;
  if (const auto* section = same(before, first)) previous = {section->object, section->crc32c};
  encoder_.encode(bytes, previous, encoded_);
  bool healed = encoded_.healed;
  if (encoded_.outcome == PieceOutcome::reused && !reads_back(encoded_.reused, bytes)) {
    encoder_.encode(bytes, {}, encoded_);
    healed = true;
  }
  if (healed) ++healed_;
  Section section{.first = std::move(first),
                  .object = {},
                  .base = encoded_.base.value_or(ObjectRef{}),
                  .bytes = static_cast<std::uint32_t>(bytes.size()),
                  .crc32c = encoded_.crc32c,
                  .entries = entries};
  if (encoded_.outcome == PieceOutcome::reused) {
    section.object = encoded_.reused;
  } else if (encoded_.outcome != PieceOutcome::zero) {
    section.object = packs_->add(PackKind::meta, encoded_.entry, encoded_.frame,
                                 std::span(encoded_.digests).first(encoded_.digest_count));
  }
  return section;
}

SectionReader::SectionReader(PackSet& packs, std::size_t kept_bytes)
    : packs_(&packs), most_bytes_(kept_bytes), objects_(packs) {}

std::shared_ptr<const io::ByteVector> SectionReader::read(const Section& section) {
  const auto known = kept_.find(section.object);
  if (known != kept_.end() && known->second.bytes->size() == section.bytes) {
    recent_.splice(recent_.begin(), recent_, known->second.place);
    return known->second.bytes;
  }
  auto bytes = std::make_shared<io::ByteVector>(section.bytes);
  objects_.read(section.object, *bytes);
  if (io::crc32c(*bytes) != section.crc32c) {
    throw Corruption(fmt::format("{}: object {} of pack {:08} is not the section that was stored",
                                 packs_->layout().packs().native(), section.object.object,
                                 section.object.pack));
  }
  if (known != kept_.end()) return bytes;
  recent_.push_front(section.object);
  kept_.emplace(section.object, Kept{bytes, recent_.begin()});
  kept_bytes_ += bytes->size();
  while (kept_bytes_ > most_bytes_ && recent_.size() > 1) {
    const auto oldest = kept_.find(recent_.back());
    kept_bytes_ -= oldest->second.bytes->size();
    kept_.erase(oldest);
    recent_.pop_back();
  }
  return bytes;
}

}  // namespace pgkeep::store
