#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "catalog/io/disk_space.h"
#include "catalog/store/backup_record.h"

namespace pgkeep::streaming {

/// Of sizes that a server or a record told, whatever they are: where the sum is more than can be, the most
/// that can.
std::uint64_t add_up(std::uint64_t a, std::uint64_t b);

/// What a backup will add to the repository, as far as that can be told before it is taken.
struct ExpectedGrowth {
  std::uint64_t bytes = 0;
  std::string why;  // "as the last 7 backups added (20261120T020000Z to 20261126T020000Z)"
};

/// From the good ones of `backups` (oldest first, of one cluster) that were compared with another: the median
/// of what the newest seven added, so that one that stored a rewritten table does not keep all later ones
/// from being taken. Nothing where there is none. Pure.
std::optional<ExpectedGrowth> expected_growth(std::span<const store::BackupRecord> backups);

/// For one that is compared with none, when the server has told the size of its files. Pure.
ExpectedGrowth growth_of_first(std::uint64_t announced_bytes);

/// Where a backup is to go, and what has to stay free there for WAL.
struct RoomFacts {
  std::string server;
  std::filesystem::path root;  // of the repository
  io::DiskSpace disk;
  io::Reserve reserve;
};

/// Why no backup may begin that is expected to add so much, with the way out; nothing where it may. Pure.
std::optional<std::string> why_not_begun(const RoomFacts& facts, const ExpectedGrowth& growth);

/// Why one that runs has to end, likewise. Pure.
std::optional<std::string> why_ended(const RoomFacts& facts);

}  // namespace pgkeep::streaming
