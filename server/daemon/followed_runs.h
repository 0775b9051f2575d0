#pragma once

#include <cstdint>
#include <vector>

#include "catalog/records/run_journal.h"

namespace pgkeep::server {

/// The runs that decide what a schedule runs next, of a journal that grows: each time only what was added is
/// read, and what newer successes have made pointless is forgotten. One thread.
class FollowedRuns {
 public:
  explicit FollowedRuns(store::ServerLayout layout) : layout_(std::move(layout)) {}

  /// As the journal is now, with their current outcome. Throws StorageError.
  std::vector<catalog::RunRecord> read();
  /// Of the journal as it was read: another when anything was recorded since.
  std::uint64_t bytes_read() const noexcept { return end_; }

 private:
  void take_in(std::vector<catalog::RunRecord> lines);
  void forget_old();

  store::ServerLayout layout_;
  std::vector<catalog::RunRecord> runs_;
  std::uint64_t end_ = 0;  // of what was read, in the journal
};

}  // namespace pgkeep::server
