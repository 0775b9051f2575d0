#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace pgkeep::postgres {

/// One host and port of a conninfo, or the socket of a server on this host: where a connection leads to.
/// Compared as it is written: two names of one host are two endpoints.
class Endpoint {
 public:
  /// None is known.
  Endpoint() = default;
  /// Of libpq's keywords: a name, an address, or the folder of a socket.
  Endpoint(std::string_view host, std::string_view port);
  /// As to_string() gave it once; files and other processes keep it so. Empty: none is known.
  static Endpoint from_text(std::string text) {
    Endpoint endpoint;
    endpoint.text_ = std::move(text);
    return endpoint;
  }

  bool is_known() const noexcept { return !text_.empty(); }
  /// "pg1:5432", "[fd00::1]:5432", "/run/postgresql/.s.PGSQL.5432".
  const std::string& to_string() const noexcept { return text_; }
  auto operator<=>(const Endpoint&) const = default;

 private:
  std::string text_;
};

}  // namespace pgkeep::postgres

template <>
struct fmt::formatter<pgkeep::postgres::Endpoint> : fmt::formatter<std::string_view> {
  auto format(const pgkeep::postgres::Endpoint& endpoint, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(endpoint.to_string(), context);
  }
};
