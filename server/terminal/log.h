#pragma once

#include <memory>
#include <string>

#include "server/terminal/output.h"

namespace spdlog {
class logger;
}

namespace pgkeep::server {

/// Writes lines to standard error, each with its time, how grave it is and the name that it is about, as the
/// output's --quiet and --verbose want it; to the journal of systemd as that wants it. Thread-safe.
using Log = std::shared_ptr<spdlog::logger>;  // shared_ptr as spdlog makes them
Log make_log(const std::string& name, const Output& out);

}  // namespace pgkeep::server
