#pragma once

#include <string>

#include "catalog/io/sealed_json.h"

namespace pgkeep::test {

/// A sealed text that was changed, with the checksum of what it is now: as if it had been written so.
inline std::string seal_again(const std::string& changed) {
  const auto comma = changed.rfind(',');
  const bool on_lines = changed.at(comma + 1) == '\n';
  return io::seal_json(changed.substr(0, comma) + (on_lines ? "\n}" : "}")) +
         (changed.ends_with('\n') ? "\n" : "");
}

}  // namespace pgkeep::test
