#pragma once

#include <mutex>

#include "catalog/io/progress.h"

namespace pgkeep::streaming {

/// Lets several threads report to one observer, one at a time: the backup's, and those of its WAL receiver.
class SharedObserver final : public io::ProgressObserver {
 public:
  explicit SharedObserver(io::ProgressObserver& observer) : observer_(&observer) {}

  void progress(const io::Progress& progress) override {
    const std::scoped_lock lock(mutex_);
    observer_->progress(progress);
  }
  void note(std::string_view message) override {
    const std::scoped_lock lock(mutex_);
    observer_->note(message);
  }
  void warning(std::string_view message) override {
    const std::scoped_lock lock(mutex_);
    observer_->warning(message);
  }

 private:
  std::mutex mutex_;
  io::ProgressObserver* observer_;
};

}  // namespace pgkeep::streaming
