#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "catalog/store/backup_reader.h"
#include "catalog/store/backup_writer.h"
#include "catalog/store/sweep.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {

/// A database directory made up for a test: path → content.
using Content = std::map<std::string, io::ByteVector>;

/// Bytes that do not compress, the same for the same seed.
io::ByteVector noise(std::size_t bytes, std::uint32_t seed);
/// Bytes like rows: compressible, different in every page.
io::ByteVector rows(std::size_t bytes, std::uint32_t seed);
/// PostgreSQL's manifest of that content.
io::ByteVector manifest_of(const Content& content);

/// A repository with one server, and the verbs to keep content in it and read it back.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest();

  /// Takes a backup of the content, compared with the newest one before it.
  BackupRecord backup(const Content& content);
  Content read_back(const BackupId& id);
  std::unique_ptr<BackupReader> open(const BackupId& id);
  /// Of the packs with pages; `kinds` for others.
  std::uint64_t pack_bytes() const;
  std::size_t pack_count(std::initializer_list<PackKind> kinds = {PackKind::full, PackKind::delta}) const;
  std::size_t all_packs() const { return pack_count({PackKind::full, PackKind::delta, PackKind::meta}); }
  std::filesystem::path newest_pack(PackKind kind) const;

  test::TempDirectory folder_;
  Repository repository_;
  ServerLayout layout_;
  BackupId next_id_;
  std::optional<BackupId> newest_;
};

/// Changes one byte of a file.
void flip(const std::filesystem::path& path, std::uint64_t offset);

}  // namespace pgkeep::store
