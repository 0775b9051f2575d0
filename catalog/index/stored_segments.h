#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catalog/index/server_catalog.h"

namespace pgkeep::catalog {

/// What is stored of the archived segments of a server, asked of as many at a time as somebody wants to know
/// of: what it takes in memory does not follow how many there are. Those that cannot be read are as if they
/// were not there. One thread.
class StoredSegments {
 public:
  StoredSegments() = default;
  StoredSegments(const StoredSegments&) = delete;
  StoredSegments& operator=(const StoredSegments&) = delete;
  virtual ~StoredSegments() = default;

  /// Of each run.
  virtual std::vector<SegmentSum> sums(std::span<const SegmentRun> runs) = 0;
  /// Of all runs together.
  SegmentSum sum(std::span<const SegmentRun> runs);
  /// All of them, by timeline and number.
  virtual void for_each(const std::function<void(const SegmentRow&)>& visit) = 0;
};

/// Out of the index, which is borrowed. It may not know all of them yet, or still know what has gone: what it
/// lacks of `segments` is read from the files, once, and kept; nothing is written. `unreadable` gets a
/// message for each file that cannot be understood or may not be opened. Each call throws what the index
/// does: Busy, and Corruption where that is damaged.
class IndexedSegments final : public StoredSegments {
 public:
  /// `known`: of `segments` (ServerCatalog::known_of()).
  IndexedSegments(ServerCatalog& index, const WalArchive& archive, const SegmentSet& segments,
                  const SegmentSet& known, std::vector<std::string>& unreadable);
  std::vector<SegmentSum> sums(std::span<const SegmentRun> runs) override;
  void for_each(const std::function<void(const SegmentRow&)>& visit) override;

 private:
  ServerCatalog* index_;
  SegmentSet known_;
  std::vector<SegmentRow> read_;  // from the files, in order
};

/// Out of the files of an archive, without times: asks for the size of each of `segments` whenever it is
/// asked for. Throws StorageError.
class SegmentFiles final : public StoredSegments {
 public:
  SegmentFiles(WalArchive archive, const SegmentSet& segments)
      : archive_(std::move(archive)), segments_(segments) {}
  std::vector<SegmentSum> sums(std::span<const SegmentRun> runs) override;
  void for_each(const std::function<void(const SegmentRow&)>& visit) override;

 private:
  std::optional<SegmentRow> row_of(const postgres::WalSegment& segment) const;

  WalArchive archive_;
  SegmentSet segments_;
};

}  // namespace pgkeep::catalog
