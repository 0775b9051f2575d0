#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "catalog/store/file_table.h"
#include "recover/deliver/backup_survey.h"

namespace pgkeep::recover {

/// The files of a backup, one after the other, in the order in which they are best delivered: large ones
/// first, then the others in the order of the packs. Reads a few ahead in a thread of its own, so memory does
/// not grow with their number. Borrows the table, which nobody else may use meanwhile, and the survey. next()
/// by one thread at a time.
class FileFeed {
 public:
  FileFeed(store::FileTable& table, const BackupSurvey& survey);
  ~FileFeed();
  FileFeed(const FileFeed&) = delete;
  FileFeed& operator=(const FileFeed&) = delete;

  /// Nothing after the last one. Throws what reading the table threw.
  std::optional<store::FileEntry> next();

 private:
  void run(const std::stop_token& stop);
  void read_all(const std::stop_token& stop);
  void push(store::FileEntry&& entry, const std::stop_token& stop);

  store::FileTable* table_;
  const BackupSurvey* survey_;
  std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  std::deque<store::FileEntry> ahead_;
  bool over_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::recover
