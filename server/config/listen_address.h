#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// Where a service of ours takes connections: an IP address and a port.
struct ListenAddress {
  std::string address;  // IPv6 without its brackets
  std::uint16_t port = 0;

  /// "127.0.0.1:8432", "[::1]:8432". Nothing for all else, names included: what a name means changes.
  static std::optional<ListenAddress> parse(std::string_view text);
  /// As it is parsed.
  std::string text() const;
  /// Whether nobody on another host can reach it.
  bool is_loopback() const;
  bool operator==(const ListenAddress&) const = default;
};

}  // namespace pgkeep::server
