#pragma once

#include <functional>
#include <string>

#include "server/health/control.h"

namespace pgkeep::server {

/// What a client of the control socket can ask for. Each may throw: the client gets the message, and is told
/// when it is a UsageError.
struct ControlQuestions {
  std::function<DaemonReport()> report;
  std::function<ReloadReport()> reload;
};

/// The answer to one request, whatever it says (see control_socket.h), without the end of the line.
std::string answer_control(const std::string& request, const ControlQuestions& questions);

}  // namespace pgkeep::server
