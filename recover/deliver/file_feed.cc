#include "recover/deliver/file_feed.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/failure.h"

namespace pgkeep::recover {
namespace {

constexpr std::size_t kAhead = 64;

/// Leaves the walk through the table when nobody wants the rest.
struct NotWanted {};

}  // namespace

FileFeed::FileFeed(store::FileTable& table, const BackupSurvey& survey)
    : table_(&table), survey_(&survey), thread_([this](const std::stop_token& stop) { run(stop); }) {}

FileFeed::~FileFeed() = default;

std::optional<store::FileEntry> FileFeed::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return over_ || !ahead_.empty(); });
  if (ahead_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return std::nullopt;
  }
  auto entry = std::move(ahead_.front());
  ahead_.pop_front();
  changed_.notify_all();
  return entry;
}

void FileFeed::run(const std::stop_token& stop) {
  std::exception_ptr failure;
  try {
    read_all(stop);
  } catch (const NotWanted&) {
  } catch (...) {
    failure = io::current_failure();
  }
  const std::scoped_lock lock(mutex_);
  failure_ = failure;
  over_ = true;
  changed_.notify_all();
}

void FileFeed::read_all(const std::stop_token& stop) {
  for (const auto& [size, path] : survey_->large_files) {
    auto entry = table_->find(path);
    if (!entry) throw Corruption(fmt::format("{}: the backup's file table had it, and has it no more", path));
    push(*std::move(entry), stop);
  }
  table_->for_each([&](store::FileEntry&& entry) {
    const bool wanted = entry.kind == store::EntryKind::file && entry.size < kLargeFileBytes &&
                        is_delivered_as_it_is(entry.path);
    if (wanted) push(std::move(entry), stop);
  });
}

void FileFeed::push(store::FileEntry&& entry, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [this] { return ahead_.size() < kAhead; })) throw NotWanted{};
  ahead_.push_back(std::move(entry));
  changed_.notify_all();
}

}  // namespace pgkeep::recover
