#pragma once

#include <string>
#include <string_view>

namespace pgkeep::server {

/// A text for a mail (RFC 2045): bytes that are not printable ASCII as "=C3", lines of at most 76 characters,
/// of which a "=" at the end of one says that the text's line goes on. Lines end as this system's do.
std::string quoted_printable(std::string_view text);

}  // namespace pgkeep::server
