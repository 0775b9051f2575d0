#include "streaming/wal_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {

WalWriter::WalWriter(store::ServerLayout layout, postgres::WalSegmentSize size,
                     const postgres::WalPosition& start, Completed completed)
    : layout_(std::move(layout)),
      size_(size),
      completed_(std::move(completed)),
      current_(catalog::PartialSegment::open(layout_, postgres::WalSegment::holding(start, size), size)) {}

void WalWriter::write(const WalData& wal) {
  if (wal.start != written()) {
    throw ProtocolError(
        fmt::format("the server sent WAL from {} on where {} was expected; none of it was kept",
                    wal.start.to_string(), written().to_string()));
  }
  for (auto left = wal.data; !left.empty();) {
    const auto room = segment().end(size_) - written();
    const auto piece = left.first(std::min<std::uint64_t>(left.size(), room));
    current_.write(piece, wal.sent);
    left = left.subspan(piece.size());
    if (current_.complete()) begin_next_segment();
  }
}

void WalWriter::begin_next_segment() {
  current_.flush();
  auto next = catalog::PartialSegment::open(layout_, segment().next(), size_);
  completed_(std::exchange(current_, std::move(next)));
}

}  // namespace pgkeep::streaming
