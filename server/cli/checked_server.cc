#include "server/cli/checked_server.h"

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

constexpr std::string_view kIndent = "          ";

/// Further lines stand below the first.
std::string indented(std::string_view text) {
  std::string lines;
  for (const char character : text) {
    lines += character;
    if (character == '\n') lines += kIndent;
  }
  return lines;
}

}  // namespace

void print_finding(const Finding& finding, Output& out) {
  out.fact(fmt::format("  {:<7} {}", to_string(finding.severity), indented(describe(finding))));
  if (!finding.hint.empty()) out.fact(fmt::format("{}{}", kIndent, indented(finding.hint)));
}

}  // namespace pgkeep::server
