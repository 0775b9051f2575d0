#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "catalog/store/backup_writer.h"
#include "catalog/store/file_spool.h"
#include "catalog/verify/verification.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {

/// A data directory made up for a test: path → content.
using Content = std::map<std::string, io::ByteVector>;

inline constexpr postgres::TimelineId kOne(1);
inline constexpr postgres::TimelineId kTwo(2);
inline constexpr auto kMiB = test::kSampleSegmentBytes;
/// The backups here begin in segment 5 and end in segment 6.
inline constexpr postgres::WalPosition kStart{kOne, postgres::Lsn(5 * kMiB + 0x28)};
inline constexpr postgres::WalPosition kEnd{kOne, postgres::Lsn(6 * kMiB + 0x100)};

/// Bytes that do not compress, the same for the same seed.
io::ByteVector noise(std::size_t bytes, std::uint32_t seed);
/// pg_control of that system.
io::ByteVector control_file(postgres::SystemIdentifier system);
/// A label that starts there.
io::ByteVector label_file(const postgres::WalPosition& start);
/// A manifest of a version that is not known.
io::ByteVector manifest_of_unknown_version();
/// PostgreSQL's manifest of that content, with that algorithm for its CRCs.
io::ByteVector manifest_of(const Content& content, const std::vector<postgres::ManifestWalRange>& ranges,
                           std::string_view algorithm = "CRC32C");
void flip(const std::filesystem::path& path, std::uint64_t offset);

/// Keeps what was told, for tests to look at.
class KeptProgress final : public io::ProgressObserver {
 public:
  void progress(const io::Progress& progress) override {
    phases.emplace_back(progress.phase);
    if (on_progress) on_progress();
  }
  void note(std::string_view message) override { notes.emplace_back(message); }
  void warning(std::string_view message) override { warnings.emplace_back(message); }

  std::vector<std::string> phases;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
  std::function<void()> on_progress;
};

/// A repository with one server whose WAL is archived from segment 4 to 6, and the verbs to keep backups
/// there and to verify them.
class VerificationTest : public testing::Test {
 protected:
  VerificationTest();

  static Content sound_content();
  /// From now on the server is of a version that came after this program, and so are its backups.
  void server_is_of_unknown_version();
  /// Takes a backup of the content, compared with the newest one before it; its manifest is `manifest`, or
  /// what fits.
  store::BackupRecord take_backup(const Content& content, std::optional<io::ByteVector> manifest = {});
  VerificationReport verify(const store::BackupRecord& record, unsigned jobs = 2);
  VerificationReport verify_newest() { return verify(newest_.value()); }

  /// Sound WAL, with the checkpoint that a backup begins at.
  static io::ByteVector wal_of(const postgres::WalSegment& segment);
  void received(const postgres::WalSegment& segment, std::size_t length);
  void archived(const postgres::WalSegment& segment);
  std::filesystem::path archived_path(std::uint64_t number) const {
    return layout_.archived({kOne, number}, size_);
  }
  std::filesystem::path newest_pack(store::PackKind kind) const;
  /// Makes the newest backup's file table another one, and its record that of a backup with it.
  void change_files(const std::function<void(std::vector<store::FileEntry>&)>& change);
  /// The same of any of its lists.
  void change_contents(const std::function<void(store::SectionWriter&, store::Contents&)>& change);

  test::TempDirectory directory_;
  store::Repository repository_ = store::Repository::open_or_create(directory_ / "repository");
  store::ServerLayout layout_ = repository_.server("main");
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  store::BackupId next_id_ = store::BackupId::parse("20261120T020000Z").value();
  std::optional<store::BackupRecord> newest_;
  std::vector<postgres::ManifestWalRange> ranges_{{kOne, kStart.lsn, kEnd.lsn}};
  postgres::WalPosition end_ = kEnd;
  int major_version_ = test::kSampleMajor;
  KeptProgress progress_;
  std::stop_source stop_;
};

/// The paths of the findings, each once, in order.
std::vector<std::string> paths(const VerificationReport& report);
/// All findings as text, for matchers and failures.
std::string text(const VerificationReport& report);

}  // namespace pgkeep::catalog
