#include "catalog/io/compare.h"

#include <algorithm>

namespace pgkeep::io {
namespace {

constexpr std::size_t kReadBytes = 128u << 10;

/// As much as there is, up to the size of `into`: a source may bring less at a time.
ByteView fill(ByteSource& source, ByteSpan into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto n = source.read(into.subspan(filled));
    if (n == 0) break;
    filled += n;
  }
  return into.first(filled);
}

}  // namespace

std::optional<std::uint64_t> first_difference(ByteSource& a, ByteSource& b) {
  ByteVector of_a(kReadBytes);
  ByteVector of_b(kReadBytes);
  for (std::uint64_t offset = 0;;) {
    const auto left = fill(a, of_a);
    const auto right = fill(b, of_b);
    const auto differs = std::ranges::mismatch(left, right).in1 - left.begin();
    if (static_cast<std::size_t>(differs) < std::max(left.size(), right.size()))
      return offset + static_cast<std::uint64_t>(differs);
    if (left.empty()) return std::nullopt;
    offset += left.size();
  }
}

void read_to_end(ByteSource& source) {
  ByteVector buffer(kReadBytes);
  while (source.read(buffer) > 0) {
  }
}

}  // namespace pgkeep::io
