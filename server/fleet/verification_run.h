#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "catalog/verify/stored_verification.h"
#include "catalog/verify/verification.h"
#include "server/config/config.h"
#include "server/hooks/hooks.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// As the settings of a server have them.
catalog::VerificationLimits limits_of(const ServerConfig& server);

/// Reads back what is stored of a server, as a run of it; one that finds damage has done what it had to, and
/// says so as its subject; the hook for failures is run all the same. A server in service is asked for the
/// names of the relations that are concerned. The observer takes the warnings, too. Throws Busy when another
/// verification runs, and what verify_stored() throws.
catalog::StoredReport verify(const ServerConfig& server, const store::ServerLayout& layout,
                             const catalog::VerificationLimits& limits, unsigned jobs, WithHooks with_hooks,
                             io::ProgressObserver& observer, const std::stop_token& stop);

/// Notes in the marks of a backup what a verification of it has shown: the damage, or that there is none.
/// `what` is empty for none. What keeps it from being noted is a warning.
void note_verification(const store::ServerLayout& layout, const store::BackupId& id, std::string_view what,
                       const Warn& warn);

/// "12 packs, 340 WAL segments and 3 backups read back, 4.2 GiB".
std::string describe_read(const catalog::StoredReport& report);
/// "2 things are damaged or missing, the first: …".
std::string describe_damage(const catalog::StoredReport& report);
/// The figures for --json and the journal of runs.
Json verification_json(const catalog::StoredReport& report);

}  // namespace pgkeep::server
