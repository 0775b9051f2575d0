#pragma once

#include <functional>
#include <stop_token>

#include "catalog/store/repository.h"
#include "server/config/config.h"
#include "server/health/stream_facts.h"
#include "server/notify/notification.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// Looks at the servers in service as `check` does, and has the receivers of `notify` told what has changed.
/// One thread.
class FindingTeller {
 public:
  FindingTeller(store::Repository repository, Log log)
      : repository_(std::move(repository)), log_(std::move(log)) {}

  /// Does nothing where nobody is to be told. Throws Interrupted, StorageError, Corruption.
  void look(const Config& config, const DaemonReport& daemon, const std::stop_token& stop);

 private:
  store::Repository repository_;
  Log log_;
  SteadyFindings steady_;
};

}  // namespace pgkeep::server
