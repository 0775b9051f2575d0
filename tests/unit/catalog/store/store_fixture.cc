#include "tests/unit/catalog/store/store_fixture.h"

#include <algorithm>
#include <random>

#include "catalog/io/file.h"

namespace pgkeep::store {

io::ByteVector noise(std::size_t bytes, std::uint32_t seed) {
  std::mt19937 random(seed);
  io::ByteVector content(bytes);
  for (auto& byte : content) byte = static_cast<std::byte>(random());
  return content;
}

io::ByteVector rows(std::size_t bytes, std::uint32_t seed) {
  std::mt19937 random(seed);
  io::ByteVector content(bytes, std::byte{' '});
  for (std::size_t at = 0; at + 4 <= bytes; at += 100)
    io::store_le<std::uint32_t>(&content[at], static_cast<std::uint32_t>(random()));
  return content;
}

io::ByteVector manifest_of(const Content& content) {
  io::MemorySink sink;
  postgres::ManifestWriter writer(sink, 1, postgres::SystemIdentifier(1));
  for (const auto& [path, bytes] : content) {
    writer.file({.path = path,
                 .size = bytes.size(),
                 .last_modified = "2026-11-20 02:46:58 GMT",
                 .checksum_algorithm = "CRC32C",
                 .checksum = postgres::crc32c_checksum_text(io::crc32c(bytes))});
  }
  writer.finish({{postgres::TimelineId(1), postgres::Lsn(0x2000028), postgres::Lsn(0x2000100)}});
  return sink.bytes();
}

StoreTest::StoreTest()
    : repository_(Repository::open_or_create(folder_ / "repository")),
      layout_(repository_.server("main")),
      next_id_(*BackupId::parse("20261120T020000Z")) {
  layout_.make();
}

BackupRecord StoreTest::backup(const Content& content) {
  std::unique_ptr<BackupReader> previous;
  if (newest_) previous = open(*newest_);
  const auto id = next_id_;
  next_id_ = id.next();
  BackupWriter writer(repository_, layout_, id, previous.get(), {.compression_level = 1, .workers = 2});
  writer.directory("base", 0700, 1);
  for (const auto& [path, bytes] : content) {
    writer.begin_file(path, bytes.size(), 0600, 2);
    // Messages of a stream have no relation to pieces.
    for (io::ByteView left = bytes; !left.empty();) {
      const auto n = std::min<std::size_t>(left.size(), 32749);
      writer.file_data(left.first(n));
      left = left.subspan(n);
    }
    writer.end_file();
  }
  writer.finish_files();
  writer.manifest_data(manifest_of(content));
  EXPECT_EQ(writer.finish_manifest().problem_count, 0u);
  BackupRecord record(id);
  writer.commit(record);
  newest_ = id;
  return record;
}

std::unique_ptr<BackupReader> StoreTest::open(const BackupId& id) {
  return std::make_unique<BackupReader>(repository_, layout_, id);
}

Content StoreTest::read_back(const BackupId& id) {
  auto reader = open(id);
  ObjectReader objects(reader->packs());
  io::ByteVector buffer;
  Content content;
  reader->files().for_each([&](FileEntry&& entry) {
    if (entry.kind != EntryKind::file) return;
    io::MemorySink sink;
    read_file(entry, objects, buffer, sink);
    content[entry.path] = sink.bytes();
  });
  return content;
}

namespace {

/// The packs of these kinds, by number.
std::map<PackName, std::filesystem::path> packs_of(const ServerLayout& layout,
                                                   std::initializer_list<PackKind> kinds) {
  std::map<PackName, std::filesystem::path> packs;
  for (const auto& entry : std::filesystem::directory_iterator(layout.packs())) {
    const auto name = parse_pack_name(entry.path().filename().native());
    if (name && std::ranges::find(kinds, name->kind) != kinds.end()) packs.emplace(*name, entry.path());
  }
  return packs;
}

}  // namespace

std::uint64_t StoreTest::pack_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, path] : packs_of(layout_, {PackKind::full, PackKind::delta}))
    bytes += std::filesystem::file_size(path);
  return bytes;
}

std::size_t StoreTest::pack_count(std::initializer_list<PackKind> kinds) const {
  return packs_of(layout_, kinds).size();
}

std::filesystem::path StoreTest::newest_pack(PackKind kind) const {
  const auto packs = packs_of(layout_, {kind});
  return packs.empty() ? std::filesystem::path() : packs.rbegin()->second;
}

void flip(const std::filesystem::path& path, std::uint64_t offset) {
  auto file = io::File::open_or_create(path);
  std::byte byte[1];
  file.read_exactly_at(byte, offset);
  byte[0] ^= std::byte{0x10};
  file.write_at(byte, offset);
  file.close();
}

}  // namespace pgkeep::store
