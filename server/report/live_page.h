#pragma once

#include <chrono>
#include <string_view>

namespace pgkeep::server {

/// How a page that the daemon serves is different from one in a file. Without script it is a page as well,
/// that cannot be filtered or sorted.
struct LivePage {
  /// After how long a browser without script asks for the page again.
  std::chrono::seconds refresh{60};
};

/// The script of a live page; a browser runs it when the policy that it is sent allows for its digest.
extern const std::string_view kPageScript;

/// The path of a server's page: "/servers/main".
inline constexpr std::string_view kServerPages = "/servers/";

}  // namespace pgkeep::server
