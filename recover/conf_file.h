#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::recover {

/// One line of a postgresql.conf-style file (PostgreSQL manual, "Parameter Interaction via the Configuration
/// File").
struct ConfLine {
  std::string name;   // lower case; empty for comments, blank lines and what is no assignment
  std::string value;  // unquoted
  std::string raw;    // the line as it stands, without its end
};

std::vector<ConfLine> parse_conf(std::string_view content);
/// 'value' with quotes and backslashes doubled, as ALTER SYSTEM writes it.
std::string quote_conf_value(std::string_view value);

}  // namespace pgkeep::recover
