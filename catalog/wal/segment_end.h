#pragma once

#include <cstdint>

#include "catalog/io/file.h"

namespace pgkeep::catalog {

/// The offset after the last byte of `plain` that is not zero, rounded up to 8.
std::uint64_t used_bytes(const io::File& plain);

/// How far the WAL in a segment that is still being received reaches: `used` (of used_bytes()), or the end of
/// the last record in that page when its CRC says that it is whole. Records may end in zeroes, as those of an
/// idle server do.
std::uint64_t received_bytes(const io::File& plain, std::uint64_t used);

/// True when the last record before `used` (of used_bytes()) is a WAL switch: only after one may a complete
/// segment continue in pages of zeroes. Of one that begins in the segment before, what is here must be all
/// that was left of it and look like the end of one.
bool ends_with_switch(const io::File& plain, std::uint64_t used);

}  // namespace pgkeep::catalog
