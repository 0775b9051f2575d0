#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "server/config/config.h"

namespace pgkeep::server {

/// How many servers are worked on at the same time.
struct AtOnce {
  std::size_t servers = 1;
  /// Of these, servers of one host: the first of their connection string, as for the jobs of the daemon.
  std::size_t per_host = std::numeric_limits<std::size_t>::max();
};

/// Calls `work` with the index of each server, in threads of its own; returns when all calls have. They begin
/// in the order of the servers, but that one whose host is busy does not keep those behind it waiting. After
/// a call that throws none begins, and the first exception is thrown here. Throws std::system_error when the
/// system has no more threads.
void for_each_at_once(const std::vector<const ServerConfig*>& servers, const AtOnce& limits,
                      const std::function<void(std::size_t)>& work);

}  // namespace pgkeep::server
