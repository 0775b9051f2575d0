#include "catalog/wal/partial_segment.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kCompareBytes = 64u << 10;
constexpr std::size_t kZeroBytes = 256u << 10;

/// Under a temporary name: a crash in mid-fill leaves no partial of odd size.
void make_filled(const std::filesystem::path& path, postgres::WalSegmentSize size, Filling filling) {
  io::AtomicFile file(path);
  fill(file.file(), size, filling);
  file.commit();
}

}  // namespace

std::optional<std::size_t> first_conflict(io::ByteView there, io::ByteView expected) {
  assert(there.size() == expected.size());
  if (there.empty() || std::memcmp(there.data(), expected.data(), there.size()) == 0) return std::nullopt;
  for (std::size_t i = 0; i < there.size(); ++i) {
    if (there[i] != expected[i] && there[i] != std::byte{0}) return i;
  }
  return std::nullopt;
}

PartialSegment PartialSegment::open(const store::ServerLayout& layout, const postgres::WalSegment& segment,
                                    postgres::WalSegmentSize size, SpareSegment* spare, Filling filling) {
  const auto path = layout.partial(segment, size);
  auto file = io::File::open_or_create(path);
  const auto found = file.size();
  if (found == 0) {  // just made, or left so by a crash
    if (spare == nullptr || !spare->become(path)) make_filled(path, size, filling);
    file = io::File::open_or_create(path);
  } else if (found != size.bytes()) {
    throw Corruption(
        fmt::format("{}: has {} bytes, but segments of this server have {}: "
                    "it was cut or written by another program. Nothing was changed. "
                    "`pgkeep new-line {}` sets aside what is held, this file with it, "
                    "and begins with a new backup",
                    path.native(), found, size.bytes(), layout.root().filename().native()));
  } else {
    // Who made it may have ended before its name was on disk.
    io::sync_directory(path.parent_path());
  }
  return {std::move(file), segment, size, found != 0};
}

PartialSegment::PartialSegment(io::File file, postgres::WalSegment segment, postgres::WalSegmentSize size,
                               bool had_content)
    : file_(std::move(file)),
      segment_(segment),
      size_(size),
      written_(segment.begin(size)),
      flushed_(written_),
      had_content_(had_content) {}

bool PartialSegment::complete() const noexcept {
  return written_ == segment_.end(size_);
}

void PartialSegment::write(io::ByteView bytes, std::optional<io::TimePoint> sent) {
  if (bytes.empty()) return;
  put(bytes);
  if (!sent) return;
  if (!first_time_) first_time_ = sent;
  last_time_ = sent;
}

void PartialSegment::write(io::ByteView bytes, io::TimePoint first_sent, io::TimePoint last_sent) {
  if (bytes.empty()) return;
  put(bytes);
  if (!first_time_) first_time_ = first_sent;
  last_time_ = last_sent;
}

void PartialSegment::put(io::ByteView bytes) {
  assert(bytes.size() <= segment_.end(size_) - written_);
  if (had_content_) refuse_conflict(bytes);
  // Written even where the same bytes are there: they may be in the page cache only, after a sync of an
  // earlier run failed, and only a new write makes the next sync carry them to the disk.
  file_.write_at(bytes, written_ - segment_.begin(size_));
  written_ = written_ + bytes.size();
}

void PartialSegment::refuse_conflict(io::ByteView bytes) const {
  io::ByteVector there(std::min(bytes.size(), kCompareBytes));
  for (std::size_t done = 0; done < bytes.size(); done += there.size()) {
    there.resize(std::min(bytes.size() - done, kCompareBytes));
    file_.read_exactly_at(there, written_ - segment_.begin(size_) + done);
    const auto conflict = first_conflict(there, bytes.subspan(done, there.size()));
    if (!conflict) continue;
    throw OtherWal(fmt::format(
        "{}: the server now sends other bytes at {} of timeline {} than it did before: "
        "it was put back to an earlier state, or is another branch of the cluster. "
        "What was received is kept and nothing was overwritten. "
        "If it is the right server, `pgkeep new-line` sets aside what is held and begins with a new backup. "
        "If not, correct the conninfo, then `pgkeep new-line --keep`",
        file_.path().native(), (written_ + (done + *conflict)).to_string(), segment_.timeline.to_string()));
  }
}

void PartialSegment::flush() {
  if (flushed_ == written_) return;
  file_.sync_data();
  flushed_ = written_;
}

void PartialSegment::remove() {
  if (io::remove_file(file_.path())) io::sync_directory(file_.path().parent_path());
}

void cut_partial(const store::ServerLayout& layout, const postgres::WalSegment& segment,
                 postgres::WalSegmentSize size, postgres::Lsn end) {
  const auto path = layout.partial(segment, size);
  const auto begin = segment.begin(size);
  if (!io::is_there(path)) return;
  if (end <= begin) {
    if (io::remove_file(path)) io::sync_directory(path.parent_path());
    return;
  }
  auto file = io::File::open_or_create(path);
  const io::ByteVector zeroes(kZeroBytes);
  for (auto at = end - begin; at < file.size();) {
    const auto piece = std::min<std::uint64_t>(zeroes.size(), file.size() - at);
    file.write_at(io::ByteView(zeroes).first(piece), at);
    at += piece;
  }
  file.sync();
}

}  // namespace pgkeep::catalog
