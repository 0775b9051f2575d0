#pragma once

#include <cstdint>
#include <optional>

#include "catalog/io/bytes.h"

namespace pgkeep::io {

/// The offset of the first byte in which the two differ, the shorter one's end included; nothing when they
/// bring the same. Both are read to their end only when they are the same.
std::optional<std::uint64_t> first_difference(ByteSource& a, ByteSource& b);

/// Reads what is left, for what a source checks on the way to its end.
void read_to_end(ByteSource& source);

}  // namespace pgkeep::io
