#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What is run: returns the run's figures, an object or null, and may say better what it was about.
using RecordedWork = std::function<nlohmann::ordered_json(std::string& subject)>;

/// Runs `work` as a run of the server: the journal of runs and the index tell afterwards that it was done,
/// how it went, and the figures. What `work` throws is recorded and thrown on.
///
/// A journal that cannot be written at the beginning stops the run; at the end, it is a warning. A full disk
/// is a warning at the beginning too, since what is run may be the way out of it; the beginning is then
/// written together with the end. `warn` is told of what does not stop it.
void record_run(const store::ServerLayout& layout, const std::string& kind, std::string subject,
                const std::function<void(const std::string&)>& warn, const RecordedWork& work);

}  // namespace pgkeep::catalog
