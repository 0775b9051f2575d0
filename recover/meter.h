#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "catalog/io/bytes.h"
#include "catalog/io/progress.h"

namespace pgkeep::recover {

/// Counts what several threads have done, and tells the observer now and then, from whichever comes by when
/// it is time; from one at once.
class Meter {
 public:
  Meter(io::ProgressObserver& observer, std::uint64_t total) : observer_(&observer), total_(total) {}

  void add(std::uint64_t bytes) {
    const auto done = done_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    const auto now = std::chrono::steady_clock::now();
    if (!lock || now < due_) return;
    constexpr std::chrono::milliseconds kInterval{100};
    due_ = now + kInterval;
    observer_->progress({.phase = "copying", .done_bytes = done, .total_bytes = total_});
  }
  std::uint64_t done() const noexcept { return done_.load(); }

 private:
  io::ProgressObserver* observer_;
  std::uint64_t total_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex mutex_;  // guards due_ and calls to the observer
  std::chrono::steady_clock::time_point due_{};
};

/// Counts alone.
class CountingSink final : public io::ByteSink {
 public:
  void write(io::ByteView bytes) override { count_ += bytes.size(); }
  std::uint64_t count() const noexcept { return count_; }

 private:
  std::uint64_t count_ = 0;
};

/// Passes on and counts. Borrows both.
class MeteredSink final : public io::ByteSink {
 public:
  MeteredSink(io::ByteSink& out, Meter& meter) : out_(&out), meter_(&meter) {}
  void write(io::ByteView bytes) override {
    out_->write(bytes);
    meter_->add(bytes.size());
  }

 private:
  io::ByteSink* out_;
  Meter* meter_;
};

}  // namespace pgkeep::recover
