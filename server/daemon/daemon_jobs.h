#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "catalog/store/repository.h"
#include "server/daemon/supervisor.h"
#include "server/schedule/job_plan.h"

namespace pgkeep::server {

/// Does one job of a server in the daemon: what it says goes into the server's log, and what it is doing to
/// `say`, for the daemon's report. `why` it is done is logged. Throws what the job throws, Interrupted when
/// it is stopped. A verification that finds damage ends like another: check and the journal tell of that.
void do_job(JobKind kind, const store::Repository& repository, const Supervised& server,
            const std::string& why, const std::function<void(std::string)>& say, const std::stop_token& stop);

/// "a backup", for messages.
std::string_view with_article(JobKind kind);
/// What becomes of a job that is stopped.
std::string_view when_stopped(JobKind kind);

}  // namespace pgkeep::server
