#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <vector>

#include "catalog/store/pack.h"

namespace pgkeep::store {

/// The packs that one backup writes: an open one for FULL objects and one for DELTAs, each finished in the
/// background when it is full, so that its fsync holds nothing up. Numbers its packs from the first free one.
/// One thread at a time.
class PackSeries {
 public:
  PackSeries(const Repository& repository, const ServerLayout& layout, const BackupId& made_by);
  ~PackSeries();
  PackSeries(const PackSeries&) = delete;
  PackSeries& operator=(const PackSeries&) = delete;

  ObjectRef add(const ObjectEntry& entry, io::ByteView frame, std::span<const std::uint64_t> digests);
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
  std::uint32_t next_number_;
  std::unique_ptr<PackWriter> full_;
  std::unique_ptr<PackWriter> delta_;
  std::uint64_t sealed_bytes_ = 0;
  std::vector<std::filesystem::path> paths_;
  std::deque<std::future<std::uint64_t>> sealing_;
};

/// Which objects of which packs a backup needs; becomes the table `packs` of its files.db.
class ObjectUse {
 public:
  void mark(ObjectRef ref);
  const std::map<std::uint32_t, io::ByteVector>& packs() const noexcept { return packs_; }

 private:
  std::map<std::uint32_t, io::ByteVector> packs_;
};

/// Above every number that a pack, a file table or a suspect of this server has. Throws Refused when no
/// number is left.
std::uint32_t next_pack_number(const ServerLayout& layout);
/// The number and kind that a pack's file name says; nothing for other names.
struct PackName {
  std::uint32_t number = 0;
  PackKind kind = PackKind::full;
};
std::optional<PackName> parse_pack_name(std::string_view name);

}  // namespace pgkeep::store
