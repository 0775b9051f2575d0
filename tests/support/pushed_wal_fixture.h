#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/records/identity.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/pushed_wal.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

inline constexpr postgres::TimelineId kOne(1);
inline constexpr postgres::TimelineId kTwo(2);
/// Timeline 2 begins in the middle of segment 5.
inline constexpr const char* kHistoryTwo = "1\t0/580000\tno recovery target specified\n";
inline constexpr std::ptrdiff_t kForkTwo = 0x80000;  // offset in the segment
inline constexpr const char* kBackupName = "000000010000000000000005.00000028.backup";
inline constexpr const char* kBackupText =
    "START WAL LOCATION: 0/500028 (file 000000010000000000000005)\n"
    "STOP WAL LOCATION: 0/500100 (file 000000010000000000000005)\nBACKUP METHOD: streamed\n";

/// The archive of server `main`, and what is pushed to it.
class PushedWalFixture : public testing::Test {
 protected:
  PushedWalFixture() {
    layout_.make();
    catalog::confirm_identity(layout_, archive_.identity());
  }

  std::string name(const postgres::WalSegment& segment) const { return segment.name(size_); }
  static std::string sha256_of(io::ByteView bytes) {
    io::MemorySource source(bytes);
    return io::sha256_hex(source);
  }
  catalog::PushOutcome push_bytes(const std::string& name, io::ByteView bytes,
                                  const std::optional<std::string>& sha256) {
    io::MemorySource source(bytes);
    const auto receipt = catalog::PushedWal(archive_, limits_).take(name, source, sha256);
    EXPECT_TRUE(receipt.warnings.empty());
    return receipt.outcome;
  }
  catalog::PushOutcome push(const postgres::WalSegment& segment, std::uint8_t salt = 0) {
    const auto wal = sample_wal(segment, salt);
    return push_bytes(name(segment), wal, sha256_of(wal));
  }
  catalog::PushOutcome push_text(const std::string& name, const std::string& text) {
    return push_bytes(name, io::as_bytes(text), sha256_of(io::as_bytes(text)));
  }
  /// As if the stream had brought it.
  void received(const postgres::WalSegment& segment, const io::ByteVector& wal) {
    io::write_file_durably(layout_.partial(segment, size_), wal);
  }
  /// As if the stream had brought all of it.
  void archived(const postgres::WalSegment& segment, const io::ByteVector& wal) {
    received(segment, wal);
    auto partial = catalog::PartialSegment::open(layout_, segment, size_);
    catalog::WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
  }
  void archived(const postgres::WalSegment& segment, std::uint8_t salt = 0) {
    archived(segment, sample_wal(segment, salt));
  }
  /// Other bytes than the header of the archived segment speaks of, which only their end tells.
  void damage_archived(const postgres::WalSegment& segment) {
    const auto path = layout_.archived(segment, size_);
    auto file = io::read_whole_file(path, 2 * kSampleSegmentBytes);
    const auto head = catalog::SegmentFileReader(path).header();
    const auto other = sample_wal(segment, 9);
    io::write_file_durably(directory_ / "plain", other);
    const auto other_path = directory_ / name(segment);
    catalog::write_segment_file(other_path, head, io::File::open_to_read(directory_ / "plain"), 1);
    auto damaged = io::read_whole_file(other_path, 2 * kSampleSegmentBytes);
    const auto head_bytes = 8 + io::load_le<std::uint32_t>(file.data() + 4);
    std::copy_n(file.begin(), head_bytes, damaged.begin());
    io::write_file_durably(path, damaged);
  }
  /// The names of the segments that wait.
  std::vector<std::string> waiting() const {
    std::vector<std::string> names;
    for (const auto& one : waiting_.list()) names.push_back(one.copy.name);
    return names;
  }
  /// Segment 5 as a standby has it that was promoted in it: behind the fork is what the file held before.
  io::ByteVector left_at_fork() const {
    auto wal = sample_wal(five_);
    const auto former = sample_wal({kOne, 1});
    std::copy(former.begin() + kForkTwo, former.end(), wal.begin() + kForkTwo);
    return wal;
  }
  io::ByteVector stored(const std::string& name) const {
    const auto source = catalog::open_archived_file(archive_, name);
    if (!source) throw std::runtime_error(name + " is not stored");
    io::ByteVector bytes(2 * kSampleSegmentBytes);
    std::size_t done = 0;
    while (const auto n = source->read(io::ByteSpan(bytes).subspan(done))) done += n;
    bytes.resize(done);
    return bytes;
  }
  /// Regular files under wal/.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(layout_.wal()))
      if (entry.is_regular_file()) found.push_back(entry.path().filename());
    return found;
  }

  TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = sample_segment_size();
  catalog::WalArchive archive_{layout_, {kSampleSystem, kSampleMajor, size_, 8192}};
  catalog::WaitingWal waiting_{archive_};
  catalog::PushedWalLimits limits_{};
  postgres::WalSegment five_{kOne, 5};
};

}  // namespace pgkeep::test
