#include "server/metrics/samples.h"

#include <cmath>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

/// The three characters that mean something in the value of a label.
void append_escaped(std::string_view value, std::string& text) {
  for (const char character : value) {
    if (character == '\n') {
      text += "\\n";
      continue;
    }
    if (character == '\\' || character == '"') text += '\\';
    text += character;
  }
}

}  // namespace

void Samples::add(Labels labels, std::uint64_t value, std::string_view suffix) {
  line(labels, suffix, fmt::format("{}", value));
}

void Samples::add(Labels labels, double value, std::string_view suffix) {
  if (std::isfinite(value)) line(labels, suffix, fmt::format("{}", value));
}

void Samples::add(Labels labels, io::TimePoint time) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  constexpr double kMilliseconds = 1000;
  line(labels, {}, fmt::format("{:.3f}", static_cast<double>(since_epoch) / kMilliseconds));
}

void Samples::line(Labels labels, std::string_view suffix, std::string_view value) {
  *text_ += name_;
  *text_ += suffix;
  char before = '{';
  for (const auto& [label, label_value] : labels) {
    *text_ += before;
    *text_ += label;
    *text_ += "=\"";
    append_escaped(label_value, *text_);
    *text_ += '"';
    before = ',';
  }
  if (before == ',') *text_ += '}';
  *text_ += ' ';
  *text_ += value;
  *text_ += '\n';
}

}  // namespace pgkeep::server
