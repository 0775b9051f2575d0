#include "streaming/backup/backup_sink.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/tablespace_map.h"

namespace pgkeep::streaming {
namespace {

constexpr std::uint64_t kSmallFileLimit = 4u << 20;
constexpr std::uint64_t kReportEveryBytes = 8u << 20;
constexpr std::chrono::seconds kLookEvery{1};

bool is_small_file(const std::string& path) {
  return path == "backup_label" || path == "tablespace_map" || path == "global/pg_control";
}

/// In a tablespace PostgreSQL has one directory. Anything else would be written, at a recovery, to a place
/// outside of the data directory, under a name that the server chose.
void require_postgres_place(const std::string& sent, TarEntry::Type type) {
  std::string_view path = sent;
  constexpr std::string_view kTablespaces = "pg_tblspc/";
  if (!path.starts_with(kTablespaces)) return;
  path.remove_prefix(kTablespaces.size());
  const auto oid = path.substr(0, path.find('/'));
  if (oid.empty() || oid.find_first_not_of("0123456789") != oid.npos) return;  // not of a tablespace
  const auto below = path.substr(std::min(path.size(), oid.size() + 1));
  if (below.empty() && type == TarEntry::Type::directory) return;
  if (postgres::version_directory_major(below)) return;
  throw ProtocolError(fmt::format(
      "the server sent \"{}\", and in a tablespace PostgreSQL has nothing outside of the directory PG_…; "
      "nothing of the backup is kept",
      sent));
}

}  // namespace

BackupSink::BackupSink(store::BackupWriter& writer, io::ProgressObserver& observer,
                       std::uint64_t expected_bytes, std::stop_token stop)
    : writer_(&writer), observer_(&observer), stop_(std::move(stop)), expected_bytes_(expected_bytes) {}

void BackupSink::started(const postgres::WalPosition& start, const std::vector<Tablespace>& tablespaces) {
  start_ = start;
  tablespaces_ = tablespaces;
  std::uint64_t announced = 0;
  for (const auto& tablespace : tablespaces) announced += tablespace.size_bytes.value_or(0);
  if (announced != 0) expected_bytes_ = announced;
  if (before_copying_) before_copying_(tablespaces);
}

void BackupSink::archive_begins(const Tablespace& tablespace) {
  prefix_ = tablespace.oid == 0 ? "" : fmt::format("pg_tblspc/{}/", tablespace.oid);
  TarSink& unpacked = *this;
  tar_ = std::make_unique<TarReader>(unpacked);
}

void BackupSink::archive_data(io::ByteView bytes) {
  tar_->feed(bytes);
  received_bytes_ += bytes.size();
  const bool went_on = !pace_ || pace_->take(bytes.size(), stop_);
  const auto now = std::chrono::steady_clock::now();
  // By the clock too: of a slow backup a few MiB take minutes, in which others can fill the disk.
  if (went_on && received_bytes_ - reported_bytes_ < kReportEveryBytes && now < looked_at_ + kLookEvery)
    return;
  looked_at_ = now;
  if (stop_.stop_requested()) throw Interrupted("the backup was stopped; nothing of it is kept");
  if (while_copying_) while_copying_();
  reported_bytes_ = received_bytes_;
  observer_->progress({"copying", received_bytes_, std::max(expected_bytes_, received_bytes_)});
}

void BackupSink::archive_ends() {
  tar_->finish();
  tar_.reset();
}

void BackupSink::entry(const TarEntry& entry) {
  const auto path = prefix_ + entry.path;
  require_postgres_place(path, entry.type);
  if (entry.type == TarEntry::Type::directory) {
    if (!entry.path.empty()) writer_->directory(path, entry.mode, entry.modified);
    return;
  }
  if (is_small_file(path) && entry.size <= kSmallFileLimit) {
    keeping_ = &small_files_[path];
    keeping_->clear();
  }
  writer_->begin_file(path, entry.size, entry.mode, entry.modified);
}

void BackupSink::data(io::ByteView bytes) {
  if (keeping_ != nullptr) keeping_->append(io::as_text(bytes));
  writer_->file_data(bytes);
}

void BackupSink::end_of_file() {
  keeping_ = nullptr;
  writer_->end_file();
}

void BackupSink::manifest_data(io::ByteView bytes) {
  if (!files_finished_) {
    files_finished_ = true;
    writer_->finish_files();
  }
  writer_->manifest_data(bytes);
}

std::string_view BackupSink::small_file(const std::string& path) const {
  const auto found = small_files_.find(path);
  if (found == small_files_.end()) {
    throw ProtocolError(fmt::format("the server sent a base backup without {}; nothing of it is kept", path));
  }
  return found->second;
}

}  // namespace pgkeep::streaming
