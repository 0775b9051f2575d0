#include "streaming/backup_sink.h"

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {
namespace {

constexpr std::uint64_t kSmallFileLimit = 4u << 20;
constexpr std::uint64_t kReportEveryBytes = 8u << 20;

bool is_small_file(const std::string& path) {
  return path == "backup_label" || path == "tablespace_map" || path == "global/pg_control";
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
  if (received_bytes_ - reported_bytes_ < kReportEveryBytes) return;
  if (stop_.stop_requested()) throw Interrupted("the backup was stopped; nothing of it is kept");
  reported_bytes_ = received_bytes_;
  observer_->progress({"copying", received_bytes_, std::max(expected_bytes_, received_bytes_)});
}

void BackupSink::archive_ends() {
  tar_->finish();
  tar_.reset();
}

void BackupSink::entry(const TarEntry& entry) {
  const auto path = prefix_ + entry.path;
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
