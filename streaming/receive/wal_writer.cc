#include "streaming/receive/wal_writer.h"

#include <utility>

namespace pgkeep::streaming {

using Clock = std::chrono::steady_clock;

WalWriter::WalWriter(store::ServerLayout layout, postgres::WalSegmentSize size,
                     const postgres::WalPosition& start, io::WorkerPool& spare_pool)
    : layout_(std::move(layout)),
      size_(size),
      spare_pool_(&spare_pool),
      segment_(postgres::WalSegment::holding(start, size)),
      spare_(std::make_unique<catalog::SpareSegment>(layout_, size)) {}

postgres::Lsn WalWriter::written() const noexcept {
  return current_ ? current_->written() : segment_.begin(size_);
}

postgres::Lsn WalWriter::flushed() const noexcept {
  return current_ ? current_->flushed() : segment_.begin(size_);
}

void WalWriter::write(io::ByteView bytes, io::TimePoint first_sent, io::TimePoint last_sent) {
  if (bytes.empty()) return;
  if (!current_) {
    spare_->discard();
    current_ = open(segment_);
  }
  current_->write(bytes, first_sent, last_sent);
  if (!spare_considered_ && written() - segment_.begin(size_) >= size_.bytes() / 2) consider_spare();
}

void WalWriter::consider_spare() {
  spare_considered_ = true;
  if (Clock::now() - begun_ < kIdleTime) spare_->prepare(*spare_pool_, filling_);
}

catalog::PartialSegment WalWriter::begin_next_segment() {
  current_->flush();
  auto complete = std::exchange(*current_, open(segment_.next()));
  segment_ = segment_.next();
  return complete;
}

catalog::PartialSegment WalWriter::open(const postgres::WalSegment& segment) {
  auto opened = catalog::PartialSegment::open(layout_, segment, size_, spare_.get(), filling_);
  begun_ = Clock::now();
  spare_considered_ = false;
  return opened;
}

void WalWriter::flush() {
  if (current_) current_->flush();
}

void WalWriter::remove_current() {
  const auto path = layout_.partial(segment_, size_);
  if (io::remove_file(path)) io::sync_directory(path.parent_path());
}

}  // namespace pgkeep::streaming
