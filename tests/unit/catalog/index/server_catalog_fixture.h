#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "catalog/index/server_catalog.h"
#include "catalog/io/lock.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {

inline constexpr postgres::TimelineId kOne(1);
inline constexpr postgres::TimelineId kTwo(2);
inline constexpr auto kMiB = test::kSampleSegmentBytes;
inline constexpr const char* kHistoryTwo = "1\t0/580000\tit's a \"failover\"\n";
inline constexpr io::TimePoint kMorning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} +
                                        std::chrono::hours{2}};

inline store::BackupId backup_id(const char* text) {
  return store::BackupId::parse(text).value();
}

/// The story of a server: what is stored is told to the index, unless the process dies in between.
class ServerCatalogFixture : public testing::Test {
 protected:
  ServerCatalogFixture() {
    layout_.make();
    confirm_identity(layout_, archive_.identity());
  }

  store::BackupRecord commit_backup(const char* name, postgres::Lsn start = postgres::Lsn(5 * kMiB)) {
    store::BackupRecord record(backup_id(name));
    record.server = "main";
    record.label = "it's \"quoted\"\nand long";
    record.system = postgres::SystemIdentifier(0xF000000000000001);  // above 2^63
    record.start = {kOne, start};
    record.end = {kOne, postgres::Lsn(6 * kMiB)};
    record.ended = kMorning + std::chrono::microseconds(123456);
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
    return record;
  }
  void take_backup(const char* name) {
    commit_backup(name);
    catalog_.add_backups();
  }
  void delete_backup(const char* name) {
    catalog_.remove_backup(backup_id(name));
    forget_files(name);
  }
  void forget_files(const char* name) { io::remove_tree(layout_.backup(backup_id(name))); }

  SegmentFileHeader store_segment(const postgres::WalSegment& segment) {
    io::write_file_durably(layout_.partial(segment, size_), test::sample_wal(segment));
    auto partial = PartialSegment::open(layout_, segment, size_);
    return WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
  }
  void archive(const postgres::WalSegment& segment) {
    catalog_.add_segment(describe_segment(layout_, store_segment(segment)));
  }
  /// With the times of the stream, as they come in the file's header.
  void archive_with_times(const postgres::WalSegment& segment) {
    const auto path = layout_.archived(segment, size_);
    io::make_directories(path.parent_path());
    io::write_file_durably(directory_ / "plain", test::sample_wal(segment));
    const auto header = write_segment_file(
        path,
        {.segment = segment,
         .size = size_,
         .system = test::kSampleSystem,
         .first_time = kMorning,
         .last_time = kMorning + std::chrono::microseconds(1),
         .commits = {.known = true, .earliest = kMorning - std::chrono::seconds(9), .latest = kMorning}},
        io::File::open_to_read(directory_ / "plain"), 1);
    catalog_.add_segment(describe_segment(layout_, header));
  }
  void switch_timeline() { WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo); }

  void run(const char* kind, RunOutcome outcome, std::string error, std::string details) {
    auto run = journal_.begin(kind, "20261120T020000Z");
    catalog_.add_runs();
    journal_.end(run, outcome, std::move(error), std::move(details));
    catalog_.add_runs();
  }
  void run_that_dies() {
    const auto child = ::fork();
    if (child == 0) {
      journal_.begin("recover", "/restored");
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    catalog_.add_runs();
  }

  /// As a process does that has the index open and was stopped.
  io::File hold_index() const {
    auto file = io::File::open_or_create(layout_.index().native() + ".lock");
    io::lock_alone(file);
    return file;
  }
  std::string rebuilt() { return ServerCatalog::rebuild(layout_).dump(); }
  void overwrite_index(std::uint64_t offset, std::size_t bytes) {
    auto file = io::File::open_or_create(layout_.index());
    file.write_at(io::ByteVector(bytes, std::byte{0xA5}), offset);
    file.close();
  }
  /// Puts all that is in the log into the file, so that it can be damaged there.
  void settle() {
    io::Database(layout_.index(), io::Database::Mode::read_write).execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  RunJournal journal_{layout_};
  ServerCatalog catalog_ = ServerCatalog::open(layout_);
};

}  // namespace pgkeep::catalog
