#include "recover/manifest_rewrite.h"

#include <vector>

#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

using postgres::ManifestFile;

constexpr postgres::SystemIdentifier kSystem(7400000000000000001);
const std::vector<postgres::ManifestWalRange> kRanges{
    {postgres::TimelineId(1), postgres::Lsn(0x500028), postgres::Lsn(0x500120)}};

ManifestFile file(const std::string& path, const std::string& algorithm) {
  return {.path = path,
          .size = 10,
          .last_modified = "2026-11-20 02:00:00 GMT",
          .checksum_algorithm = algorithm,
          .checksum = algorithm.empty()       ? ""
                      : algorithm == "SHA256" ? std::string(64, 'a')
                                              : "01020304"};
}

io::ByteVector manifest(int version, const std::vector<ManifestFile>& files) {
  io::MemorySink sink;
  postgres::ManifestWriter writer(sink, version, kSystem);
  for (const auto& one : files) writer.file(one);
  writer.finish(kRanges);
  return sink.bytes();
}

io::ByteVector rewritten(const io::ByteVector& original, int major_version,
                         const std::map<std::string, ChangedFile>& changed,
                         postgres::SystemIdentifier system = kSystem) {
  io::MemorySource source(original);
  io::MemorySink sink;
  rewrite_manifest(source, sink, {.major_version = major_version, .system = system}, changed);
  return sink.bytes();
}

TEST(ManifestRewriteTest, CopiesByteForByteWhenNothingChanges) {
  for (const int major : {16, 17}) {
    const auto original =
        manifest(major < 17 ? 1 : 2, {file("a", "CRC32C"), file("b\xFF", ""), file("c", "SHA256")});
    EXPECT_EQ(rewritten(original, major, {}), original);
  }
}

TEST(ManifestRewriteTest, ChangesTheEntriesNamedAndTheChecksum) {
  auto changed = file("tablespace_map", "CRC32C");
  changed.size = 42;
  changed.checksum = postgres::crc32c_checksum_text(0xAABBCCDD);
  for (const std::string algorithm : {"CRC32C", "SHA256"}) {
    EXPECT_EQ(rewritten(manifest(2, {file("a", algorithm), file("tablespace_map", algorithm)}), 18,
                        {{"tablespace_map", {.size = 42, .crc32c = 0xAABBCCDD}}}),
              manifest(2, {file("a", algorithm), changed}));
  }
}

TEST(ManifestRewriteTest, AddsNoChecksumWhereThereWasNone) {
  auto changed = file("tablespace_map", "");
  changed.size = 42;
  EXPECT_EQ(rewritten(manifest(2, {file("tablespace_map", "")}), 18,
                      {{"tablespace_map", {.size = 42, .crc32c = 1}}}),
            manifest(2, {changed}));
}

TEST(ManifestRewriteTest, AddsNoFiles) {
  const auto original = manifest(2, {file("a", "CRC32C")});
  EXPECT_EQ(rewritten(original, 18, {{"b", {.size = 1, .crc32c = 1}}}), original);
}

TEST(ManifestRewriteTest, RefusesADamagedOrForeignManifest) {
  auto original = manifest(2, {file("a", "CRC32C")});
  EXPECT_THROW(rewritten(original, 16, {}), Corruption);
  EXPECT_THROW(rewritten(original, 18, {}, postgres::SystemIdentifier(1)), Corruption);
  original[original.size() / 2] ^= std::byte{1};
  EXPECT_THROW(rewritten(original, 18, {}), Corruption);
}

}  // namespace
}  // namespace pgkeep::recover
