#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <vector>

#include "catalog/store/pack.h"
#include "catalog/store/pack_numbers.h"

namespace pgkeep::store {

/// The packs that one backup writes: an open one of each kind, finished in the background when it is full, so
/// that its fsync holds nothing up. One thread at a time.
class PackSeries {
 public:
  PackSeries(const Repository& repository, const ServerLayout& layout, const BackupId& made_by);
  ~PackSeries();
  PackSeries(const PackSeries&) = delete;
  PackSeries& operator=(const PackSeries&) = delete;

  ObjectRef add(PackKind kind, const ObjectEntry& entry, io::ByteView frame,
                std::span<const std::uint64_t> digests);
  /// All packs are in place and durable after it.
  void finish();
  /// Bytes of all packs so far, the open ones included.
  std::uint64_t bytes() const noexcept;
  /// Removes every pack that was begun; for a backup that is given up. Errors are left to the sweep.
  void remove_all() noexcept;

 private:
  void seal(std::unique_ptr<PackWriter>& pack);
  void wait_for(std::size_t at_most_running);

  const Repository* repository_;
  const ServerLayout* layout_;
  BackupId made_by_;
  PackNumbers numbers_;
  std::map<PackKind, std::unique_ptr<PackWriter>> open_;
  std::uint64_t sealed_bytes_ = 0;
  std::vector<std::filesystem::path> paths_;
  std::deque<std::future<std::uint64_t>> sealing_;
};

}  // namespace pgkeep::store
