#include "tests/support/verification_fixture.h"

#include <bit>
#include <filesystem>
#include <random>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/sqlite.h"
#include "catalog/postgres/versions.h"
#include "catalog/store/commit_chain.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {

io::ByteVector noise(std::size_t bytes, std::uint32_t seed) {
  std::mt19937 random(seed);
  io::ByteVector content(bytes);
  for (auto& byte : content) byte = static_cast<std::byte>(random());
  return content;
}

io::ByteVector control_file(postgres::SystemIdentifier system) {
  constexpr std::size_t kCrcAt = 292;  // of PostgreSQL 18; for the places see control_file.cc
  io::ByteVector bytes(8192);
  io::store_le(bytes.data(), system.value());
  io::store_le<std::uint32_t>(bytes.data() + 8, 1800);
  io::store_le(bytes.data() + 208, std::bit_cast<std::uint64_t>(1234567.0));
  io::store_le(bytes.data() + kCrcAt, io::crc32c(io::ByteView(bytes).first(kCrcAt)));
  return bytes;
}

io::ByteVector label_file(const postgres::WalPosition& start) {
  const auto segment = postgres::WalSegment::holding(start, test::sample_segment_size());
  const auto label = fmt::format(
      "START WAL LOCATION: {} (file {})\nCHECKPOINT LOCATION: {}\nBACKUP METHOD: streamed\nBACKUP FROM: "
      "primary\n"
      "START TIME: 2026-11-20 02:00:00 UTC\nLABEL: pgkeep\nSTART TIMELINE: {}\n",
      start.lsn.to_string(), segment.name(test::sample_segment_size()), start.lsn.to_string(),
      start.timeline.to_string());
  const auto bytes = io::as_bytes(label);
  return {bytes.begin(), bytes.end()};
}

io::ByteVector manifest_of(const Content& content, const std::vector<postgres::ManifestWalRange>& ranges,
                           std::string_view algorithm) {
  io::MemorySink sink;
  postgres::ManifestWriter writer(sink, 2, test::kSampleSystem);
  for (const auto& [path, bytes] : content) {
    postgres::ManifestFile file{.path = path,
                                .size = bytes.size(),
                                .last_modified = "2026-11-20 02:00:00 GMT",
                                .checksum_algorithm = std::string(algorithm),
                                .checksum = ""};
    if (!algorithm.empty()) file.checksum = postgres::crc32c_checksum_text(io::crc32c(bytes));
    writer.file(file);
  }
  writer.finish(ranges);
  return sink.bytes();
}

void flip(const std::filesystem::path& path, std::uint64_t offset) {
  auto file = io::File::open_or_create(path);
  std::array<std::byte, 1> byte{};
  file.read_exactly_at(byte, offset);
  byte[0] ^= std::byte{0x10};
  file.write_at(byte, offset);
  file.close();
}

VerificationTest::VerificationTest() {
  layout_.make();
  confirm_identity(layout_, archive_.identity());
  for (std::uint64_t number = 4; number <= 6; ++number) archived({kOne, number});
}

io::ByteVector manifest_of_unknown_version() {
  const auto bytes =
      io::as_bytes("{ \"PostgreSQL-Backup-Manifest-Version\": 3,\n\"Something\": [\"new\"] }\n");
  return {bytes.begin(), bytes.end()};
}

void VerificationTest::server_is_of_unknown_version() {
  major_version_ = postgres::newest_known_major() + 1;
  auto identity = archive_.identity();
  identity.major_version = major_version_;
  write_identity(layout_.identity(), identity);
}

Content VerificationTest::sound_content() {
  return {{"backup_label", label_file(kStart)},
          {"base/5/1", noise(2 * store::kPieceBytes + 100, 1)},
          {"base/5/2", noise(store::kPieceBytes, 2)},
          {"base/5/3", {}},
          {"base/5/4", io::ByteVector(store::kPieceBytes)},
          {"global/pg_control", control_file(test::kSampleSystem)}};
}

store::BackupRecord VerificationTest::take_backup(const Content& content,
                                                  std::optional<io::ByteVector> manifest) {
  std::unique_ptr<store::BackupReader> previous;
  if (newest_) previous = std::make_unique<store::BackupReader>(repository_, layout_, newest_->id);
  const auto id = next_id_;
  next_id_ = id.next();
  store::BackupWriter writer(repository_, layout_, id, previous.get(),
                             {.compression_level = 1, .workers = 2});
  writer.directory("base", 0700, 1);
  for (const auto& [path, bytes] : content) {
    writer.begin_file(path, bytes.size(), 0600, 1);
    writer.file_data(bytes);
    writer.end_file();
  }
  writer.finish_files();
  writer.manifest_data(manifest ? *manifest : manifest_of(content, ranges_));
  if (!manifest || *manifest != manifest_of_unknown_version())
    writer.finish_manifest();
  else
    EXPECT_THROW(writer.finish_manifest(), postgres::UnknownManifest);
  store::BackupRecord record(id);
  record.system = test::kSampleSystem;
  record.major_version = major_version_;
  record.wal_segment_size = size_;
  record.start = kStart;
  record.end = end_;
  record.wal_ranges = ranges_;
  writer.commit(record);
  newest_ = record;
  return record;
}

VerificationReport VerificationTest::verify(const store::BackupRecord& record, unsigned jobs) {
  return verify_backup(repository_, layout_, record.id, jobs, progress_, stop_.get_token());
}

io::ByteVector VerificationTest::wal_of(const postgres::WalSegment& segment) {
  auto wal = test::sample_wal(segment);
  if (segment.number == kStart.lsn.value() / test::kSampleSegmentBytes)
    test::put_sample_checkpoint(wal, segment, kStart.lsn, kStart);
  return wal;
}

void VerificationTest::received(const postgres::WalSegment& segment, std::size_t length) {
  auto wal = wal_of(segment);
  std::fill(wal.begin() + static_cast<std::ptrdiff_t>(length), wal.end(), std::byte{0});
  io::write_file_durably(layout_.partial(segment, size_), wal);
}

void VerificationTest::archived(const postgres::WalSegment& segment) {
  received(segment, kMiB);
  auto partial = PartialSegment::open(layout_, segment, size_);
  WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
}

std::filesystem::path VerificationTest::newest_pack(store::PackKind kind) const {
  std::optional<store::PackName> newest;
  for (const auto& entry : std::filesystem::directory_iterator(layout_.packs())) {
    const auto name = store::parse_pack_name(entry.path().filename().native());
    if (name && name->kind == kind && (!newest || newest->number < name->number)) newest = name;
  }
  return layout_.pack(newest.value());
}

void VerificationTest::change_contents(
    const std::function<void(store::SectionWriter&, store::Contents&)>& change) {
  auto contents = store::BackupReader(repository_, layout_, newest_->id).contents();
  store::PackSeries packs(repository_, layout_, newest_->id);
  store::SectionWriter sections(repository_, packs, nullptr, 1);
  change(sections, contents);
  packs.finish();
  newest_->contents_sha256 = store::write_contents(layout_, newest_->id, contents);
  const auto text = newest_->to_json();
  io::write_file_durably(layout_.record(newest_->id), io::as_bytes(text));
  io::MemorySource source(io::as_bytes(text));
  store::write_chain_head(layout_, {newest_->sequence, newest_->id, io::sha256_hex(source)});
}

void VerificationTest::change_files(const std::function<void(std::vector<store::FileEntry>&)>& change) {
  std::vector<store::FileEntry> entries;
  store::BackupReader(repository_, layout_, newest_->id).files().for_each([&](store::FileEntry&& entry) {
    entries.push_back(std::move(entry));
  });
  change(entries);
  store::FileSpool spool(layout_.backup(newest_->id) / "files.tmp");
  for (const auto& entry : entries) spool.add(entry);
  change_contents([&](store::SectionWriter& sections, store::Contents& contents) {
    contents.files = spool.store(sections, {});
  });
}

std::vector<std::string> paths(const VerificationReport& report) {
  std::vector<std::string> paths;
  for (const auto& finding : report.findings) {
    if (paths.empty() || paths.back() != finding.path) paths.push_back(finding.path);
  }
  return paths;
}

std::string text(const VerificationReport& report) {
  std::string text;
  for (const auto& [path, message] : report.findings) text += fmt::format("[{}] {}\n", path, message);
  return text;
}

}  // namespace pgkeep::catalog
