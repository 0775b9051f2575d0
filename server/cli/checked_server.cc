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

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return Tone::good;
    case Severity::advice:
      return Tone::plain;
    case Severity::warning:
      return Tone::warning;
    case Severity::failed:
      return Tone::bad;
  }
  return Tone::plain;
}

void print_finding(const Finding& finding, Output& out) {
  const auto severity = fmt::format("{:<7}", to_string(finding.severity));
  out.fact({"  ", {severity, tone_of(finding.severity)}, " " + indented(describe(finding))});
  if (!finding.hint.empty()) out.fact(fmt::format("{}{}", kIndent, indented(finding.hint)));
}

}  // namespace pgkeep::server
