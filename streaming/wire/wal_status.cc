#include "streaming/wire/wal_status.h"

#include <algorithm>
#include <array>

namespace pgkeep::streaming {
namespace {

constexpr std::array<std::string_view, 5> kStatuses{"", "reserved", "extended", "unreserved", "lost"};

}  // namespace

std::string_view to_string(WalStatus status) {
  return kStatuses.at(static_cast<std::size_t>(status));
}

std::optional<WalStatus> parse_wal_status(std::string_view text) {
  const auto* const found = std::ranges::find(kStatuses, text);
  if (found == kStatuses.end()) return std::nullopt;
  return static_cast<WalStatus>(found - kStatuses.begin());
}

}  // namespace pgkeep::streaming
