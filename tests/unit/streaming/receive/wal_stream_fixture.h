#pragma once

#include <filesystem>
#include <future>
#include <new>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "streaming/receive/segment_archiver.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/streaming/receive/scripted_wire.h"

namespace pgkeep::test {

/// Keeps a pool of one thread from working, as a disk that hangs does.
class Hold {
 public:
  explicit Hold(io::WorkerPool& pool) {
    pool.submit([released = released_.get_future().share()] { released.wait(); });
  }
  ~Hold() { release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  void release() {
    if (!std::exchange(done_, true)) released_.set_value();
  }

 private:
  std::promise<void> released_;
  bool done_ = false;
};

/// A WalStream between a scripted server and a real archive, with one thread for each kind of work.
class WalStreamFixture : public testing::Test {
 protected:
  using Lsn = postgres::Lsn;
  static constexpr postgres::TimelineId kOne{1};
  static constexpr auto kMiB = kSampleSegmentBytes;
  static constexpr postgres::WalSegment kFive{kOne, 5};
  static constexpr Lsn kStart{5 * kMiB};

  WalStreamFixture() { layout_.make(); }

  /// WAL of the sample segments from..to, which may lie in several.
  void server_sends(Lsn from, Lsn to) {
    io::ByteVector data;
    for (auto at = from; at < to;) {
      const auto segment = postgres::WalSegment::holding({kOne, at}, size_);
      const auto wal = sample_wal(segment);
      const auto end = std::min(to, segment.end(size_));
      const auto piece = io::ByteView(wal).subspan(at - segment.begin(size_), end - at);
      data.insert(data.end(), piece.begin(), piece.end());
      at = end;
    }
    if (bad_ && from == bad_->begin(size_)) data[0] = std::byte{0};
    wire_.sends(wal_message(from, data));
  }
  streaming::WalStream::End run(const std::stop_token& stop = {}) {
    streaming::SegmentArchiver archiver(archive_, 1, workers_.archive, [this](const auto& header) {
      if (out_of_memory_) throw std::bad_alloc();
      archived_.push_back(header.segment);
    });
    streaming::WalStream stream(wire_, layout_, size_, {kOne, kStart}, postgres::TimelineHistory(kOne),
                                archiver, workers_, settings_,
                                [this](const auto& progress) { progress_.push_back(progress); });
    const auto end = stream.run(stop);
    archiver.wait_until_idle();
    written_ = stream.writer().received();
    return end;
  }
  bool partial_is_there(const postgres::WalSegment& segment) const {
    return std::filesystem::exists(layout_.partial(segment, size_));
  }

  TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = sample_segment_size();
  catalog::WalArchive archive_{layout_, {kSampleSystem, kSampleMajor, size_, 8192}};
  ScriptedWire wire_;
  streaming::WalStreamSettings settings_{
      .status_interval = std::chrono::hours(1), .report_from = {}, .stop_at = {}};
  std::optional<postgres::WalSegment> bad_;
  std::vector<postgres::WalSegment> archived_;
  bool out_of_memory_ = false;  // whoever archives
  std::vector<streaming::WalStream::Progress> progress_;
  Lsn written_;
  streaming::WalWorkers workers_{1, 1};
};

}  // namespace pgkeep::test
