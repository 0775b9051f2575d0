#pragma once

#include <functional>
#include <string>

#include "catalog/index/recorded_run.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// catalog::record_run() with the warnings to the output.
inline void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                       Output& out, const std::function<Json()>& work) {
  catalog::record_run(
      layout, kind, subject, [&out](const std::string& warning) { out.warning(warning); },
      [&work](std::string&) { return work(); });
}

}  // namespace pgkeep::server
