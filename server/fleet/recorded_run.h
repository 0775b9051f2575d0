#pragma once

#include <functional>
#include <string>

#include "catalog/index/recorded_run.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// catalog::record_run() for commands that write to the output themselves; what they say is not recorded.
void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work);

}  // namespace pgkeep::server
