#pragma once

#include <functional>
#include <string>

#include "catalog/records/run_journal.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Runs `work` as a run of the server: the journal and the index tell afterwards that it was done, how it
/// went, and the figures (`details`, the return value). What `work` throws is recorded and thrown on.
///
/// A journal that cannot be written at the beginning stops the run; at the end, it is a warning. A full disk
/// is a warning at the beginning too, since what is run may be the way out of it; the beginning is then
/// written together with the end. `warn` is told of what does not stop it.
void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                const std::function<void(const std::string&)>& warn, const std::function<Json()>& work);
/// With the warnings to the output.
void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work);

}  // namespace pgkeep::server
